import { Buffer } from 'node:buffer';
import { KvorumError } from '../base/errors/error.js';
import { CallError, HttpCaller } from '../client/http.js';

/** What GET /admin/replica-status tells, as far as a report needs it. */
export interface ReplicaStatus {
  readonly leader: {
    readonly id: string;
    readonly write_quorum: number;
    /** Null of a large keyspace. */
    readonly data: Readonly<Record<string, unknown>> | null;
  };
  readonly followers: Readonly<Record<string, FollowerStatus>>;
}

export interface FollowerStatus {
  readonly data?: Readonly<Record<string, unknown>> | null;
  /** Whether its hash is the leader's; null: they were not compared. */
  readonly in_sync: boolean | null;
  readonly error?: string | null;
}

const TIMEOUT_MS = 30_000;

/** The administration of a keyspace with a write quorum, at its leader. */
export class QuorumAdmin implements Disposable {
  readonly #caller: HttpCaller;
  readonly #node: string;
  readonly #keyspace: string;

  constructor(node: string, keyspace: string) {
    this.#caller = new HttpCaller(node, TIMEOUT_MS);
    this.#node = node;
    this.#keyspace = keyspace;
  }

  /** Resolves when the change is in force for every later write. */
  async setWriteQuorum(writeQuorum: number): Promise<void> {
    await this.#call('POST', '/admin/quorum', { write_quorum: writeQuorum, keyspace: this.#keyspace });
  }

  /** Any replica knows it. */
  async writeQuorum(): Promise<number> {
    const path = `/admin/quorum?keyspace=${encodeURIComponent(this.#keyspace)}`;
    const { write_quorum: found } = (await this.#call('GET', path)) as { write_quorum?: unknown };
    if (typeof found === 'number') return found;
    throw new KvorumError('usage', `${this.#node} does not tell the write quorum of keyspace ${this.#keyspace}`);
  }

  async replicaStatus(): Promise<ReplicaStatus> {
    const path = `/admin/replica-status?keyspace=${encodeURIComponent(this.#keyspace)}`;
    // A follower answers as well: about itself, without a leader.
    const answer = (await this.#call('GET', path)) as { [Part in keyof ReplicaStatus]?: ReplicaStatus[Part] | null };
    const { followers, leader } = answer;
    if (typeof leader?.write_quorum === 'number' && typeof followers === 'object' && followers !== null) {
      return { leader, followers };
    }
    throw new KvorumError('usage', `${this.#node} does not lead keyspace ${this.#keyspace}`);
  }

  [Symbol.dispose](): void {
    this.#caller.close();
  }

  async #call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const json = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const headers = json === null ? {} : { 'content-type': 'application/json' };
    try {
      const answer = await this.#caller.send({ method, path, headers, body: json });
      const content = parse(answer.body);
      if (answer.status < 300) return content;
      throw refusal(method, path, answer.status, content);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      throw new KvorumError('cannot_connect', `${this.#node}: ${error.reason}`, { cause: error });
    }
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

function refusal(method: string, path: string, status: number, content: unknown): KvorumError {
  const { code, detail } = (content ?? {}) as { code?: unknown; detail?: unknown };
  const said = [code, detail].filter((each) => typeof each === 'string').join(': ');
  return new KvorumError('unsupported_operation', `${method} ${path} was answered ${status} ${said}`.trimEnd());
}
