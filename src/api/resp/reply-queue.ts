import type { ServerStats } from './client.js';
import { assert, InvariantViolation, unreachable } from '../../base/assert.js';
import { toKvorumError, type KvorumError } from '../../base/errors/error.js';
import type { CommandResult } from '../../kv/types.js';
import type { Router } from '../../replica/router.js';
import { Accounting } from './accounting.js';
import type { AnyReadCommand, RespCommand, WritePlan } from './commands/command.js';
import { errorLine } from './replies.js';
import { ReplyWriter } from './reply-writer.js';
import { PHASE, SlotRing, type Phase } from './slots.js';

const MINUS = 45;
/** The label of words that are no command: what clients send must not become labels. */
const UNKNOWN_COMMAND = 'unknown';

/**
 * The replies of one connection: slots in request order, and the bytes of those whose turn has come. While more than
 * `pauseBytes` are unsent, answers stay in their slots as references into the store: a slow reader costs no copies.
 */
export class ReplyQueue {
  readonly out = new ReplyWriter();
  readonly slots = new SlotRing();
  readonly accounting: Accounting;
  /** Slots that wait for a keyspace. */
  pending = 0;
  /** Bytes that the socket holds, as of the last flush. */
  socketBytes = 0;
  readonly #router: Router;
  readonly #stats: ServerStats;
  readonly #pauseBytes: number;
  /** Where replies out of their turn are encoded. */
  readonly #scratch = new ReplyWriter();

  constructor(router: Router, stats: ServerStats, pauseBytes: number) {
    this.#router = router;
    this.#stats = stats;
    this.#pauseBytes = pauseBytes;
    this.accounting = new Accounting(router);
  }

  get blocked(): boolean {
    return this.out.length + this.socketBytes >= this.#pauseBytes;
  }

  /** A slot that a keyspace will answer. */
  open(command: RespCommand, state: unknown, startedMs: number): number {
    this.pending++;
    return this.slots.open(command, state, startedMs);
  }

  /** The hot path: `+OK` for a slot that is most often the head. */
  settleOk(token: number): void {
    const { slots } = this;
    if (token !== slots.head || this.blocked) {
      this.settle(token, PHASE.ok, null);
      return;
    }
    assert(slots.phase(token) === PHASE.pending, 'a slot is answered once');
    this.pending--;
    this.out.ok();
    this.accounting.answered('set', 'ok', slots.startedMs(token));
    slots.advance();
    if (slots.head < slots.tail && slots.phase(slots.head) !== PHASE.pending) this.writeReady();
  }

  settle(token: number, phase: Phase, payload: unknown): void {
    this.pending--;
    this.slots.settle(token, phase, payload);
    if (token === this.slots.head) this.writeReady();
  }

  /** A reply that came to be known later. */
  answer(token: number, write: (out: ReplyWriter) => void): void {
    const out = this.#scratch;
    out.version = this.out.version;
    write(out);
    this.settle(token, PHASE.bytes, out.takeCopy());
  }

  fail(token: number, error: KvorumError): void {
    this.#router.countRefused('resp', error.code);
    this.settle(token, PHASE.error, error);
  }

  /** A reply that is known at once. It still waits for its turn. */
  local(command: RespCommand | null, startedMs: number, write: (out: ReplyWriter) => void): void {
    const direct = this.slots.size === 0;
    const out = direct ? this.out : this.#scratch;
    out.version = this.out.version;
    const { mark } = out;
    try {
      write(out);
    } catch (error) {
      // A bug in one command costs its caller an error, not everyone the replica.
      out.rewind(mark);
      out.error(errorLine(toKvorumError(error)));
    }
    if (direct) {
      const rejected = out.firstByte(mark) === MINUS;
      if (rejected) this.#stats.errorReplies++;
      this.accounting.answered(command?.name ?? UNKNOWN_COMMAND, rejected ? 'rejected' : 'ok', startedMs);
    } else {
      const token = this.slots.open(command, null, startedMs);
      this.slots.settle(token, PHASE.bytes, out.takeCopy());
    }
  }

  /** Writes replies from the head on, until one is pending or the socket is behind. */
  writeReady(): void {
    const { slots } = this;
    while (slots.head < slots.tail && !this.blocked) {
      const phase = slots.phase(slots.head);
      if (phase === PHASE.pending) return;
      this.#write(slots.head, phase);
      slots.advance();
    }
  }

  /** True when a reply could be written that has not been. */
  get ready(): boolean {
    return this.slots.size > 0 && this.slots.phase(this.slots.head) !== PHASE.pending;
  }

  #write(token: number, phase: Phase): void {
    const { slots, out } = this;
    const { mark } = out;
    try {
      this.#encode(token, phase);
    } catch (error) {
      out.rewind(mark);
      out.error(errorLine(toKvorumError(error)));
    }
    const rejected = out.firstByte(mark) === MINUS;
    if (rejected) this.#stats.errorReplies++;
    const outcome = rejected ? rejection(phase, slots.payload(token)) : 'ok';
    this.accounting.answered(slots.command(token)?.name ?? UNKNOWN_COMMAND, outcome, slots.startedMs(token));
  }

  #encode(token: number, phase: Phase): void {
    const { slots, out } = this;
    const payload = slots.payload(token);
    switch (phase) {
      case PHASE.ok:
        out.ok();
        return;
      case PHASE.bytes:
        out.raw(payload as Uint8Array);
        return;
      case PHASE.found:
        (slots.command(token) as AnyReadCommand).answer(out, payload);
        return;
      case PHASE.result:
        (slots.state(token) as WritePlan).answer(out, payload as CommandResult);
        return;
      case PHASE.error:
        out.error(errorLine(payload as KvorumError));
        return;
      case PHASE.pending:
        throw new InvariantViolation('a pending slot has no reply');
      default:
        unreachable(phase);
    }
  }
}

function rejection(phase: Phase, payload: unknown): 'rejected' | 'unknown' {
  return phase === PHASE.error && (payload as KvorumError).spec.retry === 'outcome-unknown' ? 'unknown' : 'rejected';
}
