import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPrng } from '../../src/base/prng.js';
import { describeMachine } from '../../src/workload/machine.js';
import { HostProcess } from '../../test/cluster/faults/host-process.js';
import { ProxyNetwork, type Place } from '../../test/cluster/faults/network.js';

/**
 * Two sides of a leaderless cluster write while they are cut off from each other. When the cut heals: how long until all
 * replicas have everything, and how many bytes went over the links, against the bytes that differed?
 * `node dist/bench/macro/convergence.js [--keys 100000] [--replicas 3,7] [--engines lww,causal] [--json file]`
 *
 * Every replica is a process of its own; each link goes through a proxy that cuts it and counts its bytes. Nothing is
 * written after the cut heals.
 */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const VALUE_BYTES = 256;
const PIPELINE = 500;
const POLL_MS = 5;
const TIMEOUT_MS = 120_000;

interface Row {
  readonly engine: string;
  readonly replicas: number;
  readonly sides: string;
  readonly keys: number;
  /** The log of each link is cut before it heals, so that the state itself must be sent. */
  readonly logs: 'kept' | 'cut';
  readonly allMs: number;
  readonly differingBytes: number;
  readonly sentBytes: number;
  readonly afterwardsBytesPerSecond: number;
}

function argument(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : (process.argv[at + 1] ?? fallback);
}

function topologyOf(folder: string, network: ProxyNetwork, own: Place, engine: string, retainBytes: number): string {
  return JSON.stringify({
    cluster: 'convergence',
    dataDir: join(folder, 'data'),
    local: [own.id],
    replicas: network.places.map(({ host, httpPort, id, peerPort, redisPort }) => ({
      id,
      peer: id === own.id ? `${host}:${peerPort}` : network.dialled(own.id, id),
      http: `${host}:${httpPort}`,
      redis: `${host}:${redisPort}`,
    })),
    keyspaces: { default: { engine } },
    storage: { retainBytes, ...(retainBytes === 0 ? { checkpointBytes: 1024 * 1024 } : {}) },
  });
}

/** Sets `count` keys over one connection; resolves when all are answered. */
async function write(place: Place, prefix: string, count: number): Promise<number> {
  const socket = connect({ host: place.host, port: place.redisPort, noDelay: true });
  await once(socket, 'connect');
  let sent = 0;
  let answered = 0;
  let bytes = 0;
  const refill = (): void => {
    let text = '';
    while (sent < count && sent - answered < PIPELINE) {
      const key = `${prefix}:${String(sent++).padStart(8, '0')}`;
      const value = key.padEnd(VALUE_BYTES, 'x');
      bytes += key.length + value.length;
      text += `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
    }
    if (text !== '') socket.write(text);
  };
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (data: Buffer) => {
      const text = data.toString('latin1');
      if (text.includes('-')) reject(new Error(`refused: ${text.slice(0, 200)}`));
      for (const char of text) if (char === '+') answered++;
      if (answered >= count) resolve();
      else refill();
    });
    refill();
  });
  socket.destroy();
  return bytes;
}

interface SyncDocument {
  readonly keyspaces: readonly { readonly vector: Readonly<Record<string, number>>; readonly keys?: number }[];
}

async function vectorOf({ host, httpPort }: Place): Promise<string> {
  const answer = await fetch(`http://${host}:${httpPort}/admin/sync`);
  const document = (await answer.json()) as SyncDocument;
  const vector = Object.entries(document.keyspaces[0]?.vector ?? {});
  return JSON.stringify(vector.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Resolves with how long it took until all have what everybody has. */
async function agreed(places: readonly Place[]): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    const vectors = await Promise.all(places.map(vectorOf));
    const tookMs = performance.now() - startMs;
    if (new Set(vectors).size === 1) return tookMs;
    if (tookMs > TIMEOUT_MS) throw new Error(`not converged after ${TIMEOUT_MS} ms: ${vectors.join(' ')}`);
    await sleep(POLL_MS);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function bytesOf(network: ProxyNetwork): number {
  return network.links.reduce((sum, link) => sum + link.counters('forward').bytes + link.counters('backward').bytes, 0);
}

async function measure(engine: string, replicas: number, keys: number, logs: Row['logs']): Promise<Row> {
  mkdirSync(join(ROOT, '.out'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.out/convergence-'));
  const network = await ProxyNetwork.create(replicas, createPrng(1));
  const { places } = network;
  const hosts: HostProcess[] = [];
  try {
    for (const place of places) {
      const file = join(folder, `${place.id}.yaml`);
      writeFileSync(file, topologyOf(folder, network, place, engine, logs === 'kept' ? 512 * 1024 * 1024 : 0));
      const host = new HostProcess(file, `http://${place.host}:${place.httpPort}`, []);
      hosts.push(host);
      await host.start();
    }
    const [first] = places;
    const last = places.at(-1);
    if (first === undefined || last === undefined) throw new Error('there are replicas');
    await write(first, 'warm', 100);
    await agreed(places);

    const majority = places.slice(0, Math.floor(replicas / 2) + 1);
    const minority = places.slice(majority.length);
    const crossing = majority.flatMap((one) =>
      minority.flatMap((other) => [network.link(one.id, other.id), network.link(other.id, one.id)]),
    );
    for (const link of crossing) link.setBoth({ cut: true });
    const there = await write(first, 'majority', keys / 2);
    const here = await write(last, 'minority', keys / 2);
    await agreed(majority);
    await agreed(minority);

    const before = bytesOf(network);
    await network.heal();
    // What a cut swallowed is lost to its connection: both ends dial again, as after a real partition.
    for (const link of crossing) link.reset();
    const allMs = await agreed(places);
    const sentBytes = bytesOf(network) - before;
    await sleep(2000);
    const afterwardsBytesPerSecond = Math.round((bytesOf(network) - before - sentBytes) / 2);
    return {
      engine,
      replicas,
      sides: `${majority.length} + ${minority.length}`,
      keys,
      logs,
      allMs: Math.round(allMs),
      differingBytes: there * minority.length + here * majority.length,
      sentBytes,
      afterwardsBytesPerSecond,
    };
  } finally {
    await Promise.all(hosts.map((host) => host.kill()));
    await network.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function table(rows: readonly Row[]): string {
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
  const lines = [
    '| engine | replicas | sides | keys | logs | all agree | MiB that differed | MiB sent | ratio | idle B/s |',
    '|---|--:|---|--:|---|--:|--:|--:|--:|--:|',
    ...rows.map(
      (row) =>
        `| ${row.engine} | ${row.replicas} | ${row.sides} | ${row.keys} | ${row.logs} | ${row.allMs} ms | ` +
        `${mib(row.differingBytes)} | ${mib(row.sentBytes)} | ${(row.sentBytes / row.differingBytes).toFixed(2)} | ${row.afterwardsBytesPerSecond} |`,
    ),
  ];
  return lines.join('\n');
}

const keys = Number(argument('keys', '100000'));
const rows: Row[] = [];
for (const engine of argument('engines', 'lww,causal').split(',')) {
  for (const replicas of argument('replicas', '3,7').split(',').map(Number)) {
    for (const logs of ['kept', 'cut'] as const) {
      const row = await measure(engine, replicas, keys, logs);
      process.stderr.write(`${JSON.stringify(row)}\n`);
      rows.push(row);
    }
  }
}
const environment = { ...describeMachine(), valueBytes: VALUE_BYTES };
process.stdout.write(`${table(rows)}\n\n${JSON.stringify(environment, null, 2)}\n`);
const file = argument('json', '');
if (file !== '') writeFileSync(file, `${JSON.stringify({ environment, rows }, null, 2)}\n`);
process.exit(0);
