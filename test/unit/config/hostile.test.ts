import * as fc from 'fast-check';
import t from 'tap';
import { ConfigError } from '../../../src/config/errors.js';
import { loadTopology, type LoadRequest } from '../../../src/config/load.js';

/** True when the loader accepts the input or refuses it with diagnostics that have a place and a one-line message. */
function isJudged(request: LoadRequest): boolean {
  try {
    structuredClone(loadTopology(request).topology);
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.diagnostics.every(({ at, message }) => {
      const placed = at.kind !== 'file' || (at.line >= 1 && at.column >= 1);
      return placed && message.length > 0 && !message.includes('\n');
    });
  }
}

const word = fc.constantFrom(
  'n1',
  'n2',
  'default',
  'raft',
  'causal',
  'lease',
  '',
  'a.b',
  '__proto__',
  'x\ny',
  '127.0.0.1:1',
);
const leaf = fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.string());
const names = fc.constantFrom(
  ...'cluster replicas keyspaces timing heartbeatMs electionTimeoutMs id peer http listen advertise engine reads'.split(
    ' ',
  ),
  ...'partitions local memory default __proto__ constructor a.b'.split(' '),
  '',
);
const { value: tree } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 6 }),
  ),
}));

t.test('whatever a file holds, it is accepted or refused with a place', (t) => {
  fc.assert(
    fc.property(tree, (value) => isJudged({ text: JSON.stringify(value) })),
    { numRuns: 600 },
  );
  t.end();
});

t.test('a nearly right file, with any one value replaced', (t) => {
  const section = (value: unknown) =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: tree });
  const replica = fc.record({
    id: section('n1'),
    peer: section('127.0.0.1:7101'),
    http: section({ listen: '127.0.0.1:1' }),
  });
  const file = fc.record({
    cluster: section('demo'),
    replicas: fc.oneof(fc.array(replica, { minLength: 1, maxLength: 3 }), tree),
    keyspaces: fc.oneof(
      section({ default: { engine: 'raft' } }),
      section({ default: { engine: 'causal', conflicts: 'siblings', forwardTo: 'n1', writes: 'all' } }),
    ),
    timing: fc.record({ heartbeatMs: section(50), electionTimeoutMs: section([150, 300]) }),
    local: section(['n1']),
  });
  fc.assert(
    fc.property(file, (value) => isJudged({ text: JSON.stringify(value) })),
    { numRuns: 600 },
  );
  t.end();
});

t.test('whatever the environment and the flags say', (t) => {
  const text = 'cluster: demo\nreplicas: [{ id: n1, peer: 127.0.0.1:7101 }]\n';
  const variable = fc.constantFrom(
    'KVORUM_TIMING_HEARTBEAT_MS',
    'KVORUM_REPLICAS_N1_PEER',
    'KVORUM_LOCAL',
    'KVORUM_',
    'KVORUM_X',
  );
  const path = fc.constantFrom(
    'timing.electionTimeoutMs',
    'replicas.n1.http',
    'replicas.n1.id',
    'local',
    '__proto__',
    'memory',
    '.',
  );
  fc.assert(
    fc.property(fc.dictionary(variable, fc.string()), fc.dictionary(path, fc.string()), (env, flags) =>
      isJudged({ text, env, flags }),
    ),
    { numRuns: 600 },
  );
  t.end();
});

t.test('text that is no YAML, and an alias bomb', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from('{}[]:,-&*!|>\'"%@`#? \t\na1')) }), (text) =>
      isJudged({ text }),
    ),
    { numRuns: 600 },
  );
  const levels = Array.from({ length: 12 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(9)}]`);
  t.equal(isJudged({ text: `a0: &a0 x\n${levels.join('\n')}` }), true);
  t.end();
});
