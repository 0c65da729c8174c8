import { spawnSync } from 'node:child_process';
import { assertDefined } from '../../../src/base/assert.js';
import { replicaIds, type FaultNetwork, type Place } from './network.js';

/** Every host has an interface of this name, and listens on these ports: nobody else lives there. */
const INTERFACE = 'eth0';
const PEER_PORT = 7101;
const HTTP_PORT = 8101;
const REDIS_PORT = 6101;
/** An address of the link layer that nobody has: what is sent there is lost without a word. */
const NOWHERE = '02:00:00:00:00:01';
/** RFC 2544: reserved for measurements, so not in use. */
const BENCHMARK_NET = '198.18';

interface Ran {
  readonly ok: boolean;
  readonly output: string;
}

function run(...words: readonly string[]): Ran {
  const [command = '', ...rest] = words;
  const { status, stderr, stdout, error } = spawnSync(command, rest, { encoding: 'utf8', timeout: 10_000 });
  return { ok: status === 0, output: error?.message ?? `${stdout}${stderr}`.trim() };
}

function must(...words: readonly string[]): void {
  const { ok, output } = run(...words);
  if (!ok) throw new Error(`${words.join(' ')}: ${output}`);
}

/** Namespaces and bridges that exist: removed with this process, whatever ends it. */
const EXISTING = new Set<NamespaceNetwork>();
process.on('exit', () => {
  for (const network of EXISTING) network.remove();
});

/**
 * Each replica on a "host" of its own: a network namespace with one interface, joined to the others by a bridge, at
 * which the test itself stands, too. Partitions are of packets: neither side is told.
 */
export class NamespaceNetwork implements FaultNetwork {
  readonly places: readonly Place[];
  readonly #prefix: string;
  readonly #dropped = new Set<{ readonly from: Place; readonly to: Place }>();
  readonly #down = new Set<string>();

  private constructor(places: readonly Place[], prefix: string) {
    this.places = places;
    this.#prefix = prefix;
  }

  /** Why this machine cannot do it; null when it can. */
  static missing(): string | null {
    if (process.platform !== 'linux') return 'network namespaces are a part of Linux';
    if (process.getuid?.() !== 0) return 'making network namespaces takes root';
    if (!run('ip', '-V').ok) return 'the program ip is not installed';
    const name = `kv${process.pid}t`;
    const tried = run('ip', 'netns', 'add', name);
    if (!tried.ok) return `no network namespace can be made: ${tried.output}`;
    const bridge = run('ip', 'link', 'add', `${name}b`, 'type', 'bridge');
    run('ip', 'link', 'del', `${name}b`);
    run('ip', 'netns', 'del', name);
    return bridge.ok ? null : `no bridge can be made: ${bridge.output}`;
  }

  /** Throws when the hosts cannot reach each other (a firewall that filters bridges). */
  static create(count: number): NamespaceNetwork {
    const prefix = `kv${process.pid}`;
    const net = `${BENCHMARK_NET}.${process.pid % 256}`;
    const places = replicaIds(count).map((id, at): Place => ({
      id,
      host: `${net}.${at + 1}`,
      peerPort: PEER_PORT,
      httpPort: HTTP_PORT,
      redisPort: REDIS_PORT,
      joining: false,
      wrapper: ['ip', 'netns', 'exec', `${prefix}${id}`],
    }));
    const network = new NamespaceNetwork(places, prefix);
    EXISTING.add(network);
    try {
      network.#build(`${net}.254`);
      network.#probe();
    } catch (error) {
      network.remove();
      throw error;
    }
    return network;
  }

  dialled(_from: string, to: string): string {
    return `${this.#place(to).host}:${PEER_PORT}`;
  }

  /** Packets from one to the other are lost. TCP needs both ways, so that connections of the pair stall in both. */
  cut(from: string, to: string): void {
    const pair = { from: this.#place(from), to: this.#place(to) };
    this.#neighbour(pair.from, 'replace', pair.to.host, 'lladdr', NOWHERE, 'nud', 'permanent');
    this.#dropped.add(pair);
  }

  /** Pulls the cable: nobody reaches the replica, clients neither. */
  unplug(id: string): void {
    must('ip', 'link', 'set', this.#port(id), 'down');
    this.#down.add(id);
  }

  async heal(): Promise<void> {
    for (const { from, to } of this.#dropped) this.#neighbour(from, 'del', to.host);
    this.#dropped.clear();
    for (const id of this.#down) must('ip', 'link', 'set', this.#port(id), 'up');
    this.#down.clear();
  }

  async close(): Promise<void> {
    this.remove();
  }

  /** Ends with the namespaces what is in them; the other ends of their interfaces go, too. */
  remove(): void {
    if (!EXISTING.delete(this)) return;
    for (const { id } of this.places) {
      run('ip', 'link', 'del', this.#port(id));
      run('ip', 'netns', 'del', this.#space(id));
    }
    run('ip', 'link', 'del', this.#bridge);
  }

  get #bridge(): string {
    return `${this.#prefix}b`;
  }

  #space(id: string): string {
    return `${this.#prefix}${id}`;
  }

  /** The bridge's end of the replica's cable. Names of interfaces have at most 15 characters. */
  #port(id: string): string {
    return `${this.#prefix}p${id}`;
  }

  #place(id: string): Place {
    return assertDefined(
      this.places.find((place) => place.id === id),
      `${id} is a replica`,
    );
  }

  #build(ownAddress: string): void {
    must('ip', 'link', 'add', this.#bridge, 'type', 'bridge');
    must('ip', 'addr', 'add', `${ownAddress}/24`, 'dev', this.#bridge);
    must('ip', 'link', 'set', this.#bridge, 'up');
    for (const { host, id } of this.places) {
      const space = this.#space(id);
      const port = this.#port(id);
      must('ip', 'netns', 'add', space);
      must('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', INTERFACE, 'netns', space);
      must('ip', 'link', 'set', port, 'master', this.#bridge, 'up');
      must('ip', '-n', space, 'addr', 'add', `${host}/24`, 'dev', INTERFACE);
      must('ip', '-n', space, 'link', 'set', INTERFACE, 'up');
      must('ip', '-n', space, 'link', 'set', 'lo', 'up');
    }
  }

  /** Where one host is refused by another it reaches it: nobody listens there yet. */
  #probe(): void {
    const [first, second] = this.places;
    if (first === undefined || second === undefined) return;
    const script =
      `const s=require('net').connect(${PEER_PORT},'${second.host}');` +
      `s.on('error',(e)=>{console.log(e.code);process.exit()});setTimeout(()=>process.exit(),3000)`;
    const { output } = run(...first.wrapper, process.execPath, '-e', script);
    if (output !== 'ECONNREFUSED') throw new Error(`hosts do not reach each other: ${output || 'no answer'}`);
  }

  #neighbour(from: Place, ...words: readonly string[]): void {
    must('ip', '-n', this.#space(from.id), 'neigh', ...words, 'dev', INTERFACE);
  }
}
