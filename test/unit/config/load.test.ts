import { resolve } from 'node:path';
import t from 'tap';
import { formatDiagnostics } from '../../../src/config/diagnostics.js';
import { explainTopology } from '../../../src/config/explain.js';
import { ConfigError } from '../../../src/config/errors.js';
import { loadTopology, type LoadRequest } from '../../../src/config/load.js';

const THREE = `cluster: demo
replicas:
  - { id: n1, peer: 127.0.0.1:7101, http: 127.0.0.1:8101, redis: 127.0.0.1:6101 }
  - { id: n2, peer: 127.0.0.1:7102, http: 127.0.0.1:8102 }
  - { id: n3, peer: 127.0.0.1:7103 }
`;

const load = (more: string, request: LoadRequest = {}) =>
  loadTopology({ file: 'a.yaml', text: THREE + more, ...request });

function messages(more: string, request: LoadRequest = {}): string[] {
  try {
    load(more, request);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').filter((line) => !line.startsWith('  '));
    throw error;
  }
  return [];
}

t.test('a small file is completed by defaults', (t) => {
  const { topology, warnings } = load('', { workingDir: '/srv' });
  t.same(warnings, []);
  t.equal(topology.dataDir, resolve('/srv/data'), 'relative to the working directory, not to the file');
  t.same(topology.local, ['n1', 'n2', 'n3'], 'all replicas are local');
  t.same(topology.keyspaces, [{ name: 'default', engine: 'raft', reads: 'linearizable', partitions: 1 }]);
  t.equal(topology.defaultKeyspace, 'default');
  t.same(topology.replicas[1], {
    id: 'n2',
    region: null,
    joining: false,
    peer: { listen: { host: '127.0.0.1', port: 7102 }, advertise: { host: '127.0.0.1', port: 7102 } },
    http: { listen: { host: '127.0.0.1', port: 8102 }, advertise: { host: '127.0.0.1', port: 8102 } },
    redis: null,
    delayMs: null,
  });
  t.same(topology.timing.electionTimeoutMs, [150, 300]);
  t.equal(topology.storage.fsync, true);
  t.same(structuredClone(topology), topology, 'can be handed to a worker thread');
  t.end();
});

t.test('file, environment and flags overrule each other in this order', (t) => {
  const { topology, origins } = load('timing: { heartbeatMs: 40 }\nlog: { level: debug }\n', {
    env: { KVORUM_TIMING_HEARTBEAT_MS: '30', KVORUM_DATA_DIR: '/var/lib/kvorum', KVORUM_MEMORY: '', PATH: '/bin' },
    flags: { 'timing.heartbeatMs': '20', local: ['n2'], 'replicas.n3.redis': '127.0.0.1:6103' },
  });
  t.equal(topology.timing.heartbeatMs, 20);
  t.equal(topology.dataDir, '/var/lib/kvorum');
  t.equal(topology.memory, false, 'an empty variable counts as unset');
  t.same(topology.local, ['n2']);
  t.same(topology.replicas[2]?.redis?.listen, { host: '127.0.0.1', port: 6103 });
  const file = { kind: 'file', file: 'a.yaml', line: 6, column: 24 };
  t.same(origins.get('timing.heartbeatMs'), {
    path: 'timing.heartbeatMs',
    value: 20,
    origin: { kind: 'flag', name: '--timing-heartbeat-ms' },
    overruled: [
      { value: 30, origin: { kind: 'environment', name: 'KVORUM_TIMING_HEARTBEAT_MS' } },
      { value: 40, origin: file },
    ],
  });
  t.same(origins.get('local')?.origin, { kind: 'flag', name: '--replica' });
  t.same(origins.get('limits.keyBytes')?.origin, { kind: 'default' });
  t.end();
});

t.test('flags may bear the names that commander gives them', (t) => {
  const { topology } = load('', { flags: { replica: ['n1'], dataDir: '/tmp/x', timingHeartbeatMs: 60, memory: true } });
  t.same(
    [topology.local, topology.dataDir, topology.timing.heartbeatMs, topology.memory],
    [['n1'], '/tmp/x', 60, true],
  );
  t.end();
});

t.test('the environment can supply what the file must not leave out', (t) => {
  const text = 'replicas: [{ id: n-1, http: 127.0.0.1:8101 }]';
  const env = { KVORUM_CLUSTER: 'fromenv', KVORUM_REPLICAS_N_1_PEER: '127.0.0.1:7101', KVORUM_LOCAL: 'n-1' };
  const { topology } = loadTopology({ text, env });
  t.equal(topology.cluster, 'fromenv');
  t.equal(topology.replicas[0]?.peer.listen.port, 7101);
  t.throws(() => loadTopology({ text }), { code: 'config_invalid' });
  t.end();
});

t.test('mistakes in the environment and in flags are named as such', (t) => {
  t.same(
    messages('timing: { tickMs: 5 }\n', {
      env: { KVORUM_LOG_LEVEL: 'warm', KVORUM_TIMING_TICKMS: '3', KVORUM_NODE: 'http://127.0.0.1:8101' },
      flags: { 'timing.electionTimeoutMs': '90,180', 'timing.hartbeatMs': '1', local: 'n1,n7' },
    }),
    [
      'environment KVORUM_LOG_LEVEL: error: log.level is "warm": allowed is one of debug, info, warn, error, silent; did you mean "warn"?',
      'environment KVORUM_TIMING_TICKMS: warning: no option has this name, it is ignored; did you mean KVORUM_TIMING_TICK_MS?',
      'flag --set timing.hartbeatMs: error: there is no option timing.hartbeatMs in this topology: did you mean timing.heartbeatMs?',
      'flag --replica: error: local names "n7", which is no replica of this topology: replicas are n1, n2, n3',
      'flag --timing-election-timeout-ms: error: timing.heartbeatMs is 50 (the default) and timing.electionTimeoutMs is [90, 180] (flag --timing-election-timeout-ms): more than two heartbeats must fit into the shortest election timeout',
    ],
  );
  t.end();
});

t.test('a message shows the line with a caret beneath', (t) => {
  t.throws(() => load('log: { level: inof }\n'), {
    message:
      'a.yaml:6:15: error: log.level is "inof": allowed is one of debug, info, warn, error, silent; did you mean "info"?\n' +
      '  6 | log: { level: inof }\n' +
      '    |               ^^^^',
  });
  t.end();
});

t.test('a file that cannot be read', (t) => {
  t.throws(() => loadTopology({ file: 'configs/lcoal.yaml' }), {
    code: 'config_invalid',
    message: 'error: there is no file configs/lcoal.yaml; did you mean configs/local.yaml?',
  });
  t.throws(() => loadTopology({ file: 'configs' }), { message: /configs is a folder/ });
  t.end();
});

t.test('an even number of voters is warned about', (t) => {
  const { warnings } = load('  - { id: n4, peer: 127.0.0.1:7104 }\n');
  t.match(formatDiagnostics(warnings), /^a\.yaml:2:1: warning: 4 voters survive 1 failure, no more than 3 would/);
  t.end();
});

t.test('listeners of replicas on other hosts may be equal', (t) => {
  const text = `cluster: demo
insecureAllowRemote: true
replicas:
  - { id: n1, peer: { listen: 0.0.0.0:7101, advertise: host1:7101 } }
  - { id: n2, peer: { listen: 0.0.0.0:7101, advertise: host2:7101 } }
  - { id: n3, peer: { listen: "[::]:7101", advertise: "[2001:db8::3]:7101" } }
`;
  const { topology, warnings } = loadTopology({ text: `${text}local: [n1]\n` });
  t.same(topology.replicas[2]?.peer.advertise, { host: '2001:db8::3', port: 7101 });
  t.equal(warnings.length, 1, 'the exposure is warned about at every start');
  t.throws(
    () => loadTopology({ text }),
    { message: /replicas\.n2\.peer is 0\.0\.0\.0:7101: replicas\.n1\.peer/ },
    'one host',
  );
  t.end();
});

t.test('aliases are followed and positions point at what they stand for', (t) => {
  t.equal(load('timing: &t { heartbeatMs: 20 }\n').topology.timing.heartbeatMs, 20);
  const words =
    'linearizable, lease, stale, leader, strong, follower, session, one, quorum, local_quorum, each_quorum, all';
  const allowed = `allowed is one of ${words}`;
  t.same(messages('keyspaces: { default: &k { engine: raft, reads: x }, b: *k }\n'), [
    `a.yaml:6:49: error: keyspaces.default.reads is "x": ${allowed}`,
    `a.yaml:6:49: error: keyspaces.b.reads is "x": ${allowed}`,
  ]);
  t.end();
});

t.test('the default keyspace comes first', (t) => {
  const { topology } = load('keyspaces: { a: { engine: raft }, default: { engine: raft, reads: stale } }\n');
  t.same(
    topology.keyspaces.map(({ name }) => name),
    ['default', 'a'],
  );
  t.equal(
    load('keyspaces: { orders: { engine: raft } }\n').topology.defaultKeyspace,
    'orders',
    'or it is the only one',
  );
  t.end();
});

t.test('options of leaderless keyspaces have defaults of their own', (t) => {
  const { topology } = load('keyspaces: { default: { engine: lww }, carts: { engine: causal, writes: quorum } }\n');
  const defaults = {
    partitions: 1,
    reads: 'session',
    writes: 'one',
    conflicts: 'lww',
    conflictLog: 1000,
    forwardTo: null,
  };
  t.same(topology.keyspaces, [
    { name: 'default', engine: 'lww', ...defaults },
    { name: 'carts', engine: 'causal', ...defaults, writes: 'quorum' },
  ]);
  const siblings = 'conflicts: siblings, conflictLog: 0, forwardTo: n2, reads: quorum';
  t.match(load(`keyspaces: { default: { engine: causal, ${siblings} } }\n`).topology.keyspaces[0], {
    conflicts: 'siblings',
    conflictLog: 0,
    forwardTo: 'n2',
    reads: 'quorum',
  });
  t.same(topology.session, { waitMs: 1000, key: null });
  t.equal(topology.timing.startGraceMs, 10 * topology.timing.gossipMs, 'ten rounds');
  t.end();
});

t.test(
  'ap.md §1.3: a keyspace with a write quorum counts followers among the replicas that are there from the start',
  (t) => {
    const { topology, warnings } = load('keyspaces: { default: { engine: semisync } }\n');
    t.same(warnings, []);
    t.same(topology.keyspaces, [
      {
        name: 'default',
        engine: 'semisync',
        partitions: 1,
        reads: 'leader',
        leader: 'n1',
        writeQuorum: 1,
        allowAsync: false,
        promotion: 'auto',
        maxLagMs: 1000,
      },
    ]);
    const asked = 'leader: n2, writeQuorum: 2, promotion: manual, reads: follower, maxLagMs: 200';
    const all = load(`keyspaces: { default: { engine: semisync, ${asked} } }\n`);
    t.match(all.topology.keyspaces[0], {
      leader: 'n2',
      writeQuorum: 2,
      promotion: 'manual',
      reads: 'follower',
      maxLagMs: 200,
    });
    t.match(formatDiagnostics(all.warnings), /writeQuorum is 2, all 2 followers: while any one of them is away/);
    t.match(messages('keyspaces: { default: { engine: semisync, leader: n1, writeQuorum: 3 } }\n'), [
      /writeQuorum is 3, and there are 2 followers: the leader is not counted; write 2 or less/,
    ]);
    const join = { env: { KVORUM_REPLICAS_N1_JOINING: 'true' } };
    t.match(messages('keyspaces: { default: { engine: semisync, writeQuorum: 2 } }\n', join), [
      /writeQuorum is 2, and there is 1 follower:/,
    ]);
    t.equal(load('keyspaces: { default: { engine: semisync } }\n', join).topology.keyspaces[0]?.engine, 'semisync');
    const async = load('keyspaces: { default: { engine: semisync, writeQuorum: 0, allowAsync: true } }\n');
    t.match(async.topology.keyspaces[0], { writeQuorum: 0, allowAsync: true });
    t.end();
  },
);

t.test('delays are warned about at every start, more so when heartbeats come too late', (t) => {
  const delayed = (range: string): string =>
    formatDiagnostics(load('', { env: { KVORUM_REPLICAS_N2_DELAY_MS: range } }).warnings);
  t.match(
    delayed('5,50'),
    /^environment KVORUM_REPLICAS_N2_DELAY_MS: warning: what peers send to n2 is delayed on purpose/,
  );
  t.notMatch(delayed('5,49'), /a leader that is gone/);
  t.match(
    delayed('5,50'),
    /delayMs is \[5, 50\].*timing.electionTimeoutMs is \[150, 300\].*: heartbeats that are so late/s,
  );
  t.match(delayed('7,7'), /delayed on purpose/, 'always the same is a delay like others');
  t.equal(load('').topology.network.delaySeed, 1);
  t.end();
});

t.test('an even number of replicas is as good as any where nobody votes', (t) => {
  const two = 'cluster: demo\nreplicas: [{ id: n1, peer: 127.0.0.1:7101 }, { id: n2, peer: 127.0.0.1:7102 }]\n';
  t.equal(loadTopology({ text: `${two}keyspaces: { default: { engine: lww } }` }).warnings.length, 0);
  t.equal(loadTopology({ text: `${two}keyspaces: { default: { engine: semisync } }` }).warnings.length, 0);
  t.equal(loadTopology({ text: `${two}keyspaces: { default: { engine: lww }, b: {} }` }).warnings.length, 1);
  t.end();
});

t.test('levels of regions are warned about where replicas have none', (t) => {
  const keyspaces = 'keyspaces: { default: { engine: lww, writes: each_quorum } }\n';
  t.match(formatDiagnostics(load(keyspaces).warnings), /writes is "each_quorum", but no replica has region: those/);
  const env = { KVORUM_REPLICAS_N1_REGION: 'eu', KVORUM_REPLICAS_N2_REGION: 'us' };
  t.match(formatDiagnostics(load(keyspaces, { env }).warnings), /but n3 have no region/);
  const all = { ...env, KVORUM_REPLICAS_N3_REGION: 'us' };
  t.equal(load(keyspaces, { env: all }).warnings.length, 0);
  t.match(formatDiagnostics(load('session: { waitMs: 5000 }\n').warnings), /before they are told what they wait for/);
  t.end();
});

t.test('the key of sessions is never shown', (t) => {
  const loaded = load('session: { key: correct-horse-battery }\n', {
    env: { KVORUM_SESSION_KEY: 'staple-correct-horse' },
  });
  t.equal(loaded.topology.session.key, 'staple-correct-horse');
  const explained = explainTopology(loaded);
  t.match(
    explained.find(({ option }) => option === 'session.key'),
    { value: '(hidden)', origin: 'environment KVORUM_SESSION_KEY', overruled: [{ value: '(hidden)' }] },
  );
  t.equal(explainTopology(load('')).find(({ option }) => option === 'session.key')?.value, null, 'none is set');
  t.notMatch(JSON.stringify(explained), /horse/);
  for (const request of [{}, { env: { KVORUM_SESSION_KEY: 'horse' } }, { flags: { 'session.key': 'horse' } }]) {
    const text = 'env' in request || 'flags' in request ? '' : 'session: { key: horse }\n';
    const what = /session.key is not shown here: allowed is a text of 16 to 256 printable[^|]*$/;
    t.throws(() => load(text, request), { message: what }, 'nor the line of the file');
  }
  t.end();
});

t.test('config explain shows what the engine decides', (t) => {
  const explained = explainTopology(load('keyspaces: { default: { engine: raft }, likes: { engine: lww } }\n'));
  const valueOf = (path: string): unknown => explained.find(({ option }) => option === path)?.value;
  t.equal(valueOf('keyspaces.default.reads'), 'linearizable');
  t.equal(valueOf('keyspaces.default.writes'), null);
  t.equal(valueOf('keyspaces.likes.reads'), 'session');
  t.equal(valueOf('keyspaces.likes.conflictLog'), 1000);
  t.end();
});
