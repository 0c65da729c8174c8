import { Ajv, type ValidateFunction } from 'ajv';
import { KvorumError } from '../../base/errors/error.js';
import { FAULT_CLASSES } from './faults.js';
import { NEMESES } from './nemesis/index.js';
import { PLAN_VERSION, SIMULATED_ENGINES, type Plan } from './plan.js';

type Schema = Readonly<Record<string, unknown>>;

const CHANCE: Schema = { type: 'number', minimum: 0, maximum: 1 };
const WEIGHT: Schema = { type: 'number', minimum: 0 };
const MS: Schema = { type: 'number', minimum: 0, maximum: 86_400_000 };
const COUNT: Schema = { type: 'integer', minimum: 0, maximum: 1_000_000_000 };
const SEED: Schema = { type: 'integer', minimum: 0, maximum: 0xffff_ffff };

/** An object with exactly these members; those of `extra` may be left out. */
function exact(properties: Readonly<Record<string, Schema>>, extra: Readonly<Record<string, Schema>> = {}): Schema {
  const all = { ...properties, ...extra };
  return { type: 'object', properties: all, required: Object.keys(properties), additionalProperties: false };
}

function optional(names: readonly string[], schema: Schema): Schema {
  const properties = Object.fromEntries(names.map((name) => [name, schema]));
  return { type: 'object', properties, required: [], additionalProperties: false };
}

const LINKS = exact({
  loss: CHANCE,
  duplicate: CHANCE,
  corrupt: CHANCE,
  reorder: CHANCE,
  delayMinMs: MS,
  delayMeanMs: MS,
  slowTail: CHANCE,
  capacityBytes: { type: 'integer', minimum: 1024 },
});

const ENGINE_LIMITS = [
  'appendEntries',
  'appendBytes',
  'inflightMessages',
  'inflightBytes',
  'uncommittedBytes',
  'pendingReads',
  'forwardedProposals',
];

const KNOBS = exact({
  tickMs: { type: 'integer', minimum: 1 },
  heartbeatMs: { type: 'integer', minimum: 1 },
  electionTimeoutMs: { type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 2 },
  diskStallMs: { type: 'integer', minimum: 1 },
  requestTimeoutMs: { type: 'integer', minimum: 1 },
  leaseReads: { type: 'boolean' },
  segmentBytes: { type: 'integer', minimum: 1024 },
  checkpointBytes: { type: 'integer', minimum: 1024 },
  retainBytes: COUNT,
  engineLimits: optional(ENGINE_LIMITS, { type: 'integer', minimum: 1 }),
});

const LEADERLESS_LIMITS = [
  'deltaBatches',
  'deltaBytes',
  'inflightBytes',
  'bufferedBatches',
  'bufferedBytes',
  'unpersistedBytes',
  'ensures',
  'origins',
  'clockJump',
  'clockCeiling',
];

const LEADERLESS = exact({
  conflicts: { enum: ['lww', 'siblings'] },
  gossipMs: { type: 'integer', minimum: 1 },
  sessionWaitMs: { type: 'integer', minimum: 1 },
  limits: optional(LEADERLESS_LIMITS, { type: 'integer', minimum: 1 }),
});

const SEMISYNC = exact(
  {
    writeQuorum: { type: 'integer', minimum: 0, maximum: 8 },
    promotion: { enum: ['auto', 'manual'] },
    allowAsync: { type: 'boolean' },
    maxLagMs: { type: 'integer', minimum: 1 },
    sessionWaitMs: { type: 'integer', minimum: 1 },
  },
  { delayMs: { type: 'array', items: MS, minItems: 2, maxItems: 2 } },
);

const SEMISYNC_CLIENT = exact({
  reads: exact({ leader: WEIGHT, strong: WEIGHT, follower: WEIGHT, bounded: WEIGHT }),
  boundMs: { type: 'integer', minimum: 1 },
  tokens: { type: 'boolean' },
});

const LEVELS = exact({ one: WEIGHT, quorum: WEIGHT, all: WEIGHT });
const LEADERLESS_CLIENT = exact({ reads: LEVELS, writes: LEVELS, expiry: CHANCE, blind: CHANCE });

const CLIENT = exact(
  {
    id: { type: 'string', minLength: 1, maxLength: 32 },
    seed: SEED,
    operations: COUNT,
    keys: { type: 'integer', minimum: 1, maximum: 100 },
    mix: exact({ put: WEIGHT, get: WEIGHT, append: WEIGHT, cas: WEIGHT, delete: WEIGHT, increment: WEIGHT }),
    reads: exact({ linearizable: WEIGHT, lease: WEIGHT, stale: WEIGHT }),
    session: { type: 'boolean' },
    retry: CHANCE,
    hedge: CHANCE,
    thinkMeanMs: MS,
    timeoutMs: { type: 'integer', minimum: 1 },
    loyalty: CHANCE,
    paddingBytes: { type: 'integer', minimum: 0, maximum: 65_536 },
  },
  { leaderless: LEADERLESS_CLIENT, semisync: SEMISYNC_CLIENT },
);

const NEMESIS = exact({
  atMs: MS,
  nemesis: { enum: [...NEMESES.keys()] },
  seed: SEED,
  options: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
});

export const PLAN_SCHEMA: Schema = exact(
  {
    version: { const: PLAN_VERSION },
    seed: SEED,
    engine: { enum: SIMULATED_ENGINES },
    replicas: { type: 'integer', minimum: 1, maximum: 9 },
    expected: { type: 'integer', minimum: 0, maximum: 100 },
    faults: { type: 'array', items: { enum: FAULT_CLASSES }, uniqueItems: true },
    knobs: KNOBS,
    network: LINKS,
    disk: exact({ syncMeanMs: MS, slowTail: CHANCE }),
    clientLinks: exact({ requestLoss: CHANCE, replyLoss: CHANCE, delayMinMs: MS, delayMeanMs: MS }),
    clients: { type: 'array', items: CLIENT, maxItems: 64 },
    nemeses: { type: 'array', items: NEMESIS, maxItems: 1000 },
    settled: { type: 'boolean' },
    safetyMs: MS,
    livenessMs: MS,
    healAll: { type: 'boolean' },
  },
  { leaderless: LEADERLESS, semisync: SEMISYNC },
);

let validate: ValidateFunction<Plan> | undefined;

/** Checks a plan that came from a file. Throws `usage` and names what is wrong. */
export function checkPlan(value: unknown): Plan {
  validate ??= new Ajv({ allErrors: true, allowUnionTypes: true, strict: true }).compile<Plan>(PLAN_SCHEMA);
  if (!validate(value)) {
    const [first] = validate.errors ?? [];
    throw invalid(`${first?.instancePath === '' ? 'the plan' : (first?.instancePath ?? '')} ${first?.message ?? ''}`);
  }
  const isLeaderless = value.engine === 'lww' || value.engine === 'causal';
  if (isLeaderless !== (value.leaderless !== undefined)) throw invalid('leaderless does not fit the engine');
  if ((value.engine === 'semisync') !== (value.semisync !== undefined))
    throw invalid('semisync does not fit the engine');
  if (value.knobs.electionTimeoutMs[0] > value.knobs.electionTimeoutMs[1]) throw invalid('electionTimeoutMs is empty');
  for (const [at, { nemesis, options }] of value.nemeses.entries()) checkOptions(at, nemesis, options);
  return value;
}

/** Every option is there; words are words that the nemesis knows, and numbers are numbers. */
function checkOptions(at: number, name: string, options: Readonly<Record<string, unknown>>): void {
  const choices = NEMESES.get(name)?.choices ?? {};
  const unknown = Object.keys(options).find((option) => choices[option] === undefined);
  if (unknown !== undefined) throw invalid(`/nemeses/${at}: ${name} has no option ${unknown}`);
  for (const [option, allowed] of Object.entries(choices)) {
    const given = options[option];
    const isRight = typeof given === 'number' ? typeof allowed[0] === 'number' : allowed.some((each) => each === given);
    if (!isRight) throw invalid(`/nemeses/${at}: ${name} cannot have ${option} = ${JSON.stringify(given)}`);
  }
}

function invalid(what: string): KvorumError {
  return new KvorumError('usage', `Not a plan of the simulator: ${what}`);
}
