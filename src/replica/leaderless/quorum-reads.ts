import type { ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { covers, type Dot, type Vector } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { Requirement } from '../../engines/leaderless/events.js';
import type { LeaderlessMessage, VersionAnswer, VersionProbe } from '../../engines/leaderless/messages.js';
import type { KeyString, KvReader } from '../../kv/types.js';
import type { Level, ReadWaiter } from '../router.js';
import type { EnsureEnd, Ensures } from './ensures.js';
import { countOf, isMet, membersOf } from './levels.js';
import type { LeaderlessStats } from './stats.js';

/** Members that have not answered are asked again after this long: what is lost with a link is not sent again. */
const PROBE_AGAIN_MS = 250;

export interface QuorumReadsOptions {
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly stats: LeaderlessStats;
  readonly ensures: Ensures;
  wake(): void;
  send(message: LeaderlessMessage): void;
  requirement(level: Level): Requirement;
  reader(): KvReader;
  vector(): Vector;
  /** False while this member may lack what it once confirmed: its disk is new, or another member's state is on its way. */
  counts(): boolean;
}

/** Reads of one turn at one level. */
interface ReadBatch {
  readonly level: Level;
  readonly waiters: ReadWaiter[];
  readonly tokens: number[];
  readonly keys: KeyString[];
}

/** One that has asked. */
interface Probe {
  readonly id: number;
  readonly batch: ReadBatch;
  readonly need: Requirement;
  readonly answers: Map<ReplicaId, readonly (readonly Dot[])[]>;
  /** What all who answered were made to have, per origin. */
  readonly ensured: Map<Dot['origin'], number>;
  readonly deadlineMs: number;
  askedMs: number;
}

/**
 * Reads at more than one member: ask which versions they hold, make sure that all of them hold all of those, and read here.
 * That is blocking read repair with the original writes, whole ranges of origin logs, never one out of its order
 * (ap.md §1.1 "client levels"): reads at a quorum never go back in time.
 */
export class QuorumReads {
  readonly #options: QuorumReadsOptions;
  readonly #open = new Map<Level, ReadBatch>();
  readonly #probes = new Map<number, Probe>();
  #count = 0;
  #nextId = 1;
  #stopped: KvorumError | null = null;

  constructor(options: QuorumReadsOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#count;
  }

  read(level: Level, keys: readonly KeyString[], waiter: ReadWaiter, token: number): void {
    if (this.#stopped !== null) return waiter.onError(token, this.#stopped);
    if (this.#count >= LIMITS.pendingReads) {
      this.#options.stats.readsRefused++;
      return waiter.onError(token, new KvorumError('busy', 'Too many reads are waiting'));
    }
    this.#count++;
    let open = this.#open.get(level);
    if (open !== undefined && open.keys.length + keys.length > LIMITS.probeKeys) {
      this.#ask(open);
      open = undefined;
    }
    if (open === undefined) {
      open = { level, waiters: [], tokens: [], keys: [] };
      this.#open.set(level, open);
    }
    open.waiters.push(waiter);
    open.tokens.push(token);
    for (const key of keys) open.keys.push(key);
    this.#options.wake();
  }

  /** Asks for all reads of this turn. */
  seal(): void {
    if (this.#open.size === 0) return;
    const batches = [...this.#open.values()];
    this.#open.clear();
    for (const batch of batches) this.#ask(batch);
  }

  #ask(batch: ReadBatch): void {
    const { clock, requestTimeoutMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const probe: Probe = {
      id: this.#nextId++,
      batch,
      need: this.#options.requirement(batch.level),
      answers: new Map(),
      ensured: new Map(),
      deadlineMs: nowMs + requestTimeoutMs,
      askedMs: nowMs,
    };
    this.#probes.set(probe.id, probe);
    this.#send(probe);
    this.#check(probe);
  }

  #send({ id, batch, need, answers }: Probe): void {
    const { self } = this.#options;
    for (const to of membersOf(need)) {
      if (to === self || answers.has(to)) continue;
      this.#options.send({ type: 'versionProbe', from: self, to, id, keys: batch.keys });
    }
  }

  /** Somebody else asks; what is applied here is durable here. */
  onProbe({ from, id, keys }: VersionProbe): void {
    const { self } = this.#options;
    if (!this.#options.counts()) return; // Others are asked as well.
    const reader = this.#options.reader();
    const versions = keys.map((key) => reader.version?.(key)?.dots ?? []);
    this.#options.send({ type: 'versionAnswer', from: self, to: from, id, versions });
  }

  onAnswer({ from, id, versions }: VersionAnswer): void {
    const probe = this.#probes.get(id);
    if (probe === undefined || !membersOf(probe.need).has(from)) return; // Too late, or nobody asked it.
    if (versions.length !== probe.batch.keys.length) return;
    probe.answers.set(from, versions);
    this.#check(probe);
  }

  #check(probe: Probe): void {
    const { answers, need } = probe;
    if (!isMet(need, (member) => this.#has(member, answers))) return;
    this.#probes.delete(probe.id);
    this.#repair(probe);
  }

  /** Again when something newer came here meanwhile: what is shown must be at all of them, not only what was asked about. */
  #repair(probe: Probe): void {
    const { self } = this.#options;
    const { answers, batch, ensured } = probe;
    const dots = this.#unevenDots(probe).filter(({ origin, seq }) => seq > (ensured.get(origin) ?? 0));
    if (dots.length === 0) return this.#serve(batch);
    for (const { origin, seq } of dots) ensured.set(origin, seq);
    this.#options.stats.readRepairs++;
    const members = [...answers.keys(), self];
    const everybody = [{ members, count: members.length }];
    this.#options.ensures.start(dots, everybody, probe.deadlineMs, (end) => this.#onEnsured(probe, end));
  }

  #has(member: ReplicaId, answers: ReadonlyMap<ReplicaId, unknown>): boolean {
    return member === this.#options.self ? this.#options.counts() : answers.has(member);
  }

  /** The dots that are not the version of a key everywhere: per origin the last is enough. */
  #unevenDots({ answers, batch }: Probe): Dot[] {
    const reader = this.#options.reader();
    const last = new Map<Dot['origin'], Dot>();
    for (const [at, key] of batch.keys.entries()) {
      const own = reader.version?.(key)?.dots ?? [];
      const told = [own, ...[...answers.values()].map((versions) => versions[at] ?? [])];
      if (told.every((dots) => sameDots(dots, own))) continue;
      for (const dot of told.flat()) if (dot.seq > (last.get(dot.origin)?.seq ?? 0)) last.set(dot.origin, dot);
    }
    return [...last.values()];
  }

  #onEnsured(probe: Probe, { result, missing }: EnsureEnd): void {
    const here = missing.every((dot) => covers(this.#options.vector(), dot));
    if (result === 'covered') this.#repair(probe);
    else if (result === 'busy') this.#fail(probe.batch, new KvorumError('busy', 'Too many reads are waiting'));
    else if (result === 'stopped' && this.#stopped !== null) this.#fail(probe.batch, this.#stopped);
    else {
      const what = here ? 'Some of the members asked have not confirmed' : 'This replica could not fetch';
      this.#fail(probe.batch, new KvorumError('read_timeout', `${what} what others hold`));
    }
  }

  #serve({ tokens, waiters }: ReadBatch): void {
    const reader = this.#options.reader();
    this.#count -= waiters.length;
    this.#options.stats.readsServed += waiters.length;
    for (let at = 0; at < waiters.length; at++) waiters[at]?.onReadable(tokens[at] ?? 0, reader);
  }

  #fail({ tokens, waiters }: ReadBatch, error: KvorumError): void {
    this.#count -= waiters.length;
    this.#options.stats.readsRefused += waiters.length;
    for (let at = 0; at < waiters.length; at++) waiters[at]?.onError(tokens[at] ?? 0, error);
  }

  expire(nowMs: number): void {
    for (const [id, probe] of this.#probes) {
      if (probe.deadlineMs <= nowMs) {
        this.#probes.delete(id);
        this.#fail(probe.batch, this.#tooFew(probe));
      } else if (nowMs - probe.askedMs >= PROBE_AGAIN_MS) {
        probe.askedMs = nowMs;
        this.#send(probe);
      }
    }
  }

  #tooFew({ answers, batch, need }: Probe): KvorumError {
    const { have, required } = countOf(need, (member) => this.#has(member, answers));
    return new KvorumError('read_timeout', `${have} of ${required} replicas answered (level ${batch.level})`);
  }

  stop(error: KvorumError): void {
    this.#stopped = error;
    const batches = [...this.#open.values(), ...[...this.#probes.values()].map(({ batch }) => batch)];
    this.#open.clear();
    this.#probes.clear();
    for (const batch of batches) this.#fail(batch, error);
  }
}

function sameDots(one: readonly Dot[], other: readonly Dot[]): boolean {
  if (one.length !== other.length) return false;
  return one.every(({ origin, seq }) => other.some((dot) => dot.origin === origin && dot.seq === seq));
}
