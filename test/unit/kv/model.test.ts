import * as fc from 'fast-check';
import t from 'tap';
import { KvStateMachine, type Command, type Item } from '../../../src/kv/index.js';
import { command, KEYS } from './arbitraries.js';
import { Model, plainResult, type ModelItem, type PlainResult } from './model.js';
import { applyAll, batchOf, MapBase, textOf, type Told } from './support.js';

/** Small enough that evictions, and evictions of the remembered, happen all the time. */
const BOUNDS = { sessions: 2, evictedSessions: 1, sessionBytes: 1_000_000 };

function plainItem(item: Item): ModelItem {
  const { createRevision, modRevision, version } = item;
  return { value: textOf(item) ?? '', createRevision, modRevision, version };
}

function equal(found: unknown, wanted: unknown, what: string): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: expected ${right}\nfound ${left}`);
}

/** The machine under test with its checkpoint, and a twin that never makes one. */
interface Real {
  machine: KvStateMachine;
  readonly base: MapBase;
  meta: Uint8Array | null;
  frozen: ReturnType<KvStateMachine['freeze']> | null;
  /** Batches since the freeze in progress, and since the last durable checkpoint. */
  sinceFreeze: Uint8Array[];
  sinceCheckpoint: Uint8Array[];
  readonly twin: KvStateMachine;
  /** Commands with a session, to be delivered again. */
  readonly sent: Command[];
}

type Step = fc.Command<Model, Real>;

class Apply implements Step {
  readonly #commands: readonly Command[];

  constructor(commands: readonly Command[]) {
    this.#commands = commands;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    real.sent.push(...this.#commands.filter(({ session }) => session !== undefined));
    applyBoth(model, real, this.#commands);
  }

  toString(): string {
    return `apply(${fc.stringify(this.#commands)})`;
  }
}

/** Delivers one of the last commands with a session again, or another command under its sequence number. */
class Retry implements Step {
  readonly #ago: number;
  readonly #other: Command | null;

  constructor(ago: number, other: Command | null) {
    this.#ago = ago;
    this.#other = other;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    const sent = real.sent.at(-1 - this.#ago);
    if (sent?.session === undefined) return;
    const [only, more] = this.#other?.operations ?? [];
    const isOther = only !== undefined && more === undefined;
    applyBoth(model, real, [isOther ? { operations: [only], session: sent.session } : sent]);
  }

  toString(): string {
    return `retry(${this.#ago}, ${fc.stringify(this.#other)})`;
  }
}

function applyBoth(model: Model, real: Real, commands: readonly Command[]): void {
  const payload = batchOf(...commands);
  const wanted = commands.map((each) => asTold(each, model.apply(each)));
  const found = applyAll(real.machine, payload);
  equal(found.map(plainTold), wanted, 'results');
  equal(applyAll(real.twin, payload).map(plainTold), wanted, 'results of the twin');
  real.sinceFreeze.push(payload);
  real.sinceCheckpoint.push(payload);
  equal(real.machine.reader.revision, model.revision, 'revision');
  equal(real.machine.reader.size, model.items.size, 'size');
}

function plainTold(told: Told): unknown {
  return 'operations' in told ? plainResult(told) : told;
}

/** Plain puts are told without a result object. */
function asTold({ operations, session }: Command, result: PlainResult): unknown {
  const [only] = operations;
  const isPlain =
    operations.length === 1 &&
    session === undefined &&
    only?.op === 'put' &&
    only.condition === undefined &&
    only.returnPrevious !== true;
  if (!isPlain) return result;
  return { created: result.operations[0]?.status === 'created', revision: result.revision };
}

class Read implements Step {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { machine }: Real): void {
    const item = machine.reader.get(this.#key);
    equal(item === undefined ? null : plainItem(item), model.items.get(this.#key) ?? null, 'get');
    equal(machine.reader.has(this.#key), model.items.has(this.#key), 'has');
  }

  toString(): string {
    return `read(${JSON.stringify(this.#key)})`;
  }
}

class Scan implements Step {
  readonly #start: string;
  readonly #end: string | null;
  readonly #limit: number;
  readonly #maxBytes: number;

  constructor(start: string, end: string | null, limit: number, maxBytes: number) {
    this.#start = start;
    this.#end = end;
    this.#limit = limit;
    this.#maxBytes = maxBytes;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { machine, base }: Real): void {
    const found: unknown[] = [];
    for (let start: string | null = this.#start; start !== null;) {
      const page = machine.reader.scan({ start, end: this.#end, limit: this.#limit, maxBytes: this.#maxBytes });
      const bytes = page.items.reduce((sum, [key, item]) => sum + key.length + item.end - item.start, 0);
      equal(page.items.length <= this.#limit, true, 'limit');
      equal(bytes <= this.#maxBytes || page.items.length === 1, true, 'maxBytes');
      equal(page.next === null || page.items.length > 0, true, 'a page that is not the last has items');
      for (const [key, item] of page.items) found.push([key, plainItem(item)]);
      start = page.next;
    }
    equal(found, model.scan(this.#start, this.#end), 'scan');
    equal(base.openRanges, 0, 'ranges are closed');
  }

  toString(): string {
    return `scan(${JSON.stringify([this.#start, this.#end, this.#limit, this.#maxBytes])})`;
  }
}

type Checkpointing = 'freeze' | 'thaw' | 'abandon' | 'restart';

class Checkpoint implements Step {
  readonly #action: Checkpointing;

  constructor(action: Checkpointing) {
    this.#action = action;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    if (this.#action === 'restart') this.#restart(real);
    else if (this.#action === 'freeze') this.#freeze(real);
    else if (real.frozen !== null) this.#end(real, real.frozen);
    equal(real.machine.reader.size, model.items.size, 'size');
    equal(real.machine.digest(), real.twin.digest(), 'digest');
  }

  #freeze(real: Real): void {
    if (real.frozen !== null) return;
    real.frozen = real.machine.freeze();
    real.sinceFreeze = [];
  }

  #end(real: Real, frozen: NonNullable<Real['frozen']>): void {
    if (this.#action === 'thaw') {
      real.base.write(frozen.changes());
      real.machine.thaw();
      real.meta = frozen.meta;
      real.sinceCheckpoint = real.sinceFreeze;
    } else {
      real.machine.abandonFreeze();
    }
    real.frozen = null;
    real.sinceFreeze = [];
  }

  /** What was only in memory is gone: the log's tail brings it back. */
  #restart(real: Real): void {
    real.machine = KvStateMachine.open(real.base, real.meta, BOUNDS);
    real.frozen = null;
    real.sinceFreeze = [];
    for (const payload of real.sinceCheckpoint) real.machine.applyBatch(payload, null);
  }

  toString(): string {
    return this.#action;
  }
}

const anyKey = fc.constantFrom('', ...KEYS);
const steps = [
  fc.array(command, { minLength: 1, maxLength: 4 }).map((commands) => new Apply(commands)),
  fc.tuple(fc.nat(2), fc.option(command, { freq: 3 })).map(([ago, other]) => new Retry(ago, other)),
  anyKey.filter((key) => key !== '').map((key) => new Read(key)),
  fc
    .tuple(anyKey, fc.option(anyKey), fc.integer({ min: 1, max: 5 }), fc.nat(12))
    .map(([start, end, limit, maxBytes]) => new Scan(start, end, limit, maxBytes)),
  fc.constantFrom<Checkpointing>('freeze', 'thaw', 'thaw', 'abandon', 'restart').map((a) => new Checkpoint(a)),
];

t.test('equals a model, wherever it is frozen, thawed and restarted', async (t) => {
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 60, size: 'max' }), (commands) => {
      const base = new MapBase();
      fc.modelRun(
        () => ({
          model: new Model(BOUNDS.sessions, BOUNDS.evictedSessions),
          real: {
            machine: KvStateMachine.open(base, null, BOUNDS),
            base,
            meta: null,
            frozen: null,
            sinceFreeze: [],
            sinceCheckpoint: [],
            twin: KvStateMachine.open(new MapBase(), null, BOUNDS),
            sent: [],
          },
        }),
        commands,
      );
    }),
    { numRuns: 1000 },
  );
  t.pass('for all samples');
});
