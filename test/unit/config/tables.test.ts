import { readFileSync } from 'node:fs';
import t from 'tap';
import { generateConfigurationDocs } from '../../../src/config/docs.js';
import { loadTopology } from '../../../src/config/load.js';
import { environmentName, flagName, parseText } from '../../../src/config/option.js';
import { findOption, OPTIONS, SCOPES } from '../../../src/config/options.js';
import { generateConfigurationSchema } from '../../../src/config/schema.js';
import { isRecord } from '../../../src/config/validate.js';

const SHIPPED = ['local', 'raft', 'lww', 'causal', 'semisync', 'hosts/n1', 'hosts/n2', 'hosts/n3'].map(
  (name) => `configs/${name}.yaml`,
);

t.test('generated files are those of the option table', (t) => {
  t.equal(readFileSync('docs/configuration.md', 'utf8'), generateConfigurationDocs());
  t.equal(readFileSync('configs/schema.json', 'utf8'), generateConfigurationSchema());
  t.end();
});

t.test('environment names and flags are unique', (t) => {
  const variables = OPTIONS.map((spec) => environmentName(spec.path));
  t.equal(new Set(variables).size, OPTIONS.length);
  const flags = OPTIONS.map((spec) => flagName(spec)).filter((flag) => flag !== null);
  t.equal(new Set(flags).size, flags.length);
  t.equal(environmentName('dataDir'), 'KVORUM_DATA_DIR');
  t.equal(environmentName('timing.heartbeatMs'), 'KVORUM_TIMING_HEARTBEAT_MS');
  t.end();
});

t.test('every default is allowed, and the unit stands in the name', (t) => {
  for (const spec of OPTIONS) {
    if (spec.unit === 'ms') t.match(spec.path, /Ms$/);
    if (spec.unit === 'bytes') t.match(spec.path, /Bytes$/);
    if (spec.default === undefined || spec.path.includes('*')) continue;
    const text = Array.isArray(spec.default)
      ? spec.default.join(',')
      : JSON.stringify(spec.default).replaceAll('"', '');
    t.same(parseText(spec, text), spec.default, `${spec.path} can be written as text`);
    const replicas = 'replicas: [{ id: n1, peer: 127.0.0.1:7101 }]';
    t.doesNotThrow(() => loadTopology({ text: `cluster: demo\n${replicas}`, flags: { [spec.path]: text } }), spec.path);
  }
  t.end();
});

t.test('the resolved topology holds exactly the sections and options of the table', (t) => {
  const { topology } = loadTopology({ file: 'configs/local.yaml' });
  for (const [name, section] of Object.entries(topology)) {
    if (!isRecord(section)) continue;
    const keys = OPTIONS.filter(({ scope }) => scope === name).map(({ path }) => path.slice(name.length + 1));
    t.same(Object.keys(section), keys, name);
  }
  const sections = Object.keys(topology).filter((name) => name in SCOPES);
  t.same(sections, ['timing', 'limits', 'storage', 'raft', 'session', 'network', 'api', 'supervisor', 'log']);
  t.end();
});

t.test('concrete paths find their option', (t) => {
  t.equal(findOption('replicas.n1.peer')?.path, 'replicas.*.peer');
  t.equal(findOption('keyspaces.carts.reads')?.path, 'keyspaces.*.reads');
  t.equal(findOption('replicas.n1'), undefined);
  t.end();
});

for (const file of SHIPPED) {
  t.test(`${file} is valid`, (t) => {
    const { topology, warnings } = loadTopology({ file });
    t.equal(topology.replicas.length, file.includes('semisync') ? 6 : 3);
    t.equal(topology.defaultKeyspace, 'default');
    const expected = file.includes('hosts') || file.includes('semisync') ? 1 : 0;
    t.equal(warnings.length, expected, 'only the exposure of a real network, and a slow one, are warned about');
    t.match(readFileSync(file, 'utf8'), /^# yaml-language-server: \$schema=(\.\.?\/)+schema\.json\n/);
    t.end();
  });
}

t.test('shipped topologies have the promised ports and do not collide', (t) => {
  const seen = SHIPPED.map((file) => loadTopology({ file }).topology);
  t.equal(new Set(seen.slice(0, 6).map(({ cluster }) => cluster)).size, 6, 'clusters have names of their own');
  t.equal(new Set(seen.slice(0, 6).map(({ dataDir }) => dataDir)).size, 6, 'and folders of their own');
  const ports = (at: number) =>
    seen[at]?.replicas.map(({ http, redis, peer }) => [http?.listen.port, redis?.listen.port, peer.listen.port]);
  t.same(
    ports(0),
    [1, 2, 3].map((n) => [8100 + n, 6100 + n, 7100 + n]),
  );
  t.same(
    ports(1),
    [0, 1, 2].map((n) => [8080 + n, 6080 + n, 7080 + n]),
  );
  t.same(
    ports(2),
    [0, 1, 2].map((n) => [8000 + n, 6000 + n, 7000 + n]),
  );
  t.same(
    ports(3),
    [0, 1, 2].map((n) => [8090 + n, 6090 + n, 7090 + n]),
  );
  t.same(
    ports(4),
    [0, 1, 2, 3, 4, 5].map((n) => [8200 + n, 6200 + n, 7200 + n]),
  );
  t.same(
    ports(5),
    Array.from({ length: 3 }, () => [8101, 6101, 7101]),
  );
  t.same(
    seen.slice(5).map(({ local }) => local),
    [['n1'], ['n2'], ['n3']],
  );
  t.end();
});
