import type { Test } from 'tap';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertDefined } from '../../src/base/assert.js';
import { HostProcess } from './faults/host-process.js';
import { portsBelowEphemeral } from './ports.js';
import { PATIENCE_MS, eventually } from './process-cluster.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty when the body is no JSON. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly tookMs: number;
}

/** The members of one keyspace with a write quorum, in one process for all or one for each. */
export class SemisyncCluster {
  readonly ids: readonly string[];
  readonly #urls: ReadonlyMap<string, string>;
  readonly #processes: ReadonlyMap<string, HostProcess>;

  private constructor(urls: ReadonlyMap<string, string>, processes: ReadonlyMap<string, HostProcess>) {
    this.ids = [...urls.keys()];
    this.#urls = urls;
    this.#processes = processes;
  }

  /** configs/semisync.yaml as it is shipped, but for its ports and its folder: one process. */
  static async shipped(t: Test): Promise<SemisyncCluster> {
    const folder = t.testdir({});
    const ports = await portsBelowEphemeral(18);
    let at = 0;
    const text = readFileSync('configs/semisync.yaml', 'utf8')
      .replaceAll(/(?<=(?:peer|http|redis): )127\.0\.0\.1:\d+/g, () => `127.0.0.1:${ports[at++]}`)
      .replace(/^dataDir: .*$/m, `dataDir: ${join(folder, 'data')}`);
    const file = join(folder, 'semisync.yaml');
    writeFileSync(file, text);
    const urls = new Map(
      [...text.matchAll(/\{ id: (\w+), .*http: ([\d.:]+)/g)].map(([, id = '', http]) => [id, `http://${http}`]),
    );
    const first = new HostProcess(file, assertDefined(urls.get('leader'), 'the file names the leader'), []);
    const cluster = new SemisyncCluster(urls, new Map([['leader', first]]));
    t.teardown(() => cluster.#end());
    await first.start();
    return cluster;
  }

  /** `leader` and so many followers, a process each. */
  static async processes(t: Test, followers: number, keyspace: object): Promise<SemisyncCluster> {
    const folder = t.testdir({});
    const ids = ['leader', ...Array.from({ length: followers }, (_, at) => `follower${at + 1}`)];
    const ports = await portsBelowEphemeral(ids.length * 2);
    const replicas = ids.map((id, at) => ({
      id,
      peer: `127.0.0.1:${ports[2 * at]}`,
      http: `127.0.0.1:${ports[2 * at + 1]}`,
    }));
    const urls = new Map(replicas.map(({ http, id }) => [id, `http://${http}`]));
    const processes = new Map(
      ids.map((id) => {
        const file = join(folder, `${id}.yaml`);
        const default_ = { engine: 'semisync', leader: 'leader', ...keyspace };
        const topology = { cluster: 'semisync', dataDir: join(folder, 'data'), local: [id], replicas };
        // Slower than by default: a busy machine elects nobody anew.
        const timing = { electionTimeoutMs: [300, 600] };
        writeFileSync(file, JSON.stringify({ ...topology, timing, keyspaces: { default: default_ } }));
        return [id, new HostProcess(file, urls.get(id) ?? '', [])] as const;
      }),
    );
    const cluster = new SemisyncCluster(urls, processes);
    t.teardown(() => cluster.#end());
    await Promise.all([...processes.values()].map((process) => process.start()));
    return cluster;
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.kill()));
  }

  url(id: string): string {
    return assertDefined(this.#urls.get(id), `${id} is a replica`);
  }

  process(id: string): HostProcess {
    return assertDefined(this.#processes.get(id), `${id} has a process of its own`);
  }

  async ask(id: string, method: string, path: string, body?: object, session?: string): Promise<Answer> {
    const startMs = performance.now();
    const response = await fetch(`${this.url(id)}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(session !== undefined && { 'X-Kvorum-Session': session }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    const json = isJson ? (JSON.parse(text) as Answer['json']) : {};
    return { status: response.status, headers: response.headers, text, json, tookMs: performance.now() - startMs };
  }

  /** What /status of the replica says about the keyspace. */
  async member(id: string): Promise<Readonly<Record<string, unknown>>> {
    const { json } = await this.ask(id, 'GET', '/status');
    return assertDefined((json['keyspaces'] as Answer['json'][])[0], 'there is one keyspace');
  }

  /** Resolves to who leads, as soon as a majority of those who are asked says the same of itself and others. */
  leader(ids: readonly string[] = this.ids): Promise<string> {
    return eventually('a leader', PATIENCE_MS, async () => {
      const members = await Promise.all(ids.map((id) => this.member(id)));
      const leading = ids.find((_, at) => members[at]?.['role'] === 'leader');
      return members.every(({ leader }) => leader === leading) ? leading : undefined;
    });
  }

  /** Resolves when so many followers are available to the leader. */
  async untilAvailable(leader: string, count: number): Promise<void> {
    await eventually(`${count} available followers`, PATIENCE_MS, async () => {
      const { available } = await this.member(leader);
      return available === count || undefined;
    });
  }

  /** Resolves to who leads once so many followers are available to it: which one, the machine's load may have a say in. */
  settled(followers: number): Promise<string> {
    return eventually(`a leader with ${followers} available followers`, PATIENCE_MS, async () => {
      const leader = await this.leader();
      return (await this.member(leader))['available'] === followers ? leader : undefined;
    });
  }

  /** Resolves to what all of these hold once it is the same. */
  agreed(ids: readonly string[] = this.ids): Promise<Readonly<Record<string, string>>> {
    return eventually('equal data', PATIENCE_MS, async () => {
      const dumps = await Promise.all(ids.map((id) => this.ask(id, 'GET', '/dump')));
      const [first, ...others] = dumps.map(({ json }) => JSON.stringify([json['offset'], json['data']]));
      const equal = others.every((other) => other === first);
      return equal ? (dumps[0]?.json['data'] as Record<string, string>) : undefined;
    });
  }
}
