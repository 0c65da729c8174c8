import type { ReplicaId } from '../base/brand.js';
import type { PeerLinkStatus } from './transport.js';

/** Distinct reasons that are counted per peer: our own are a fixed set, so this is never reached. */
const REASONS_MAX = 64;

/** What one replica knows about its links with one peer, since it started. */
export class LinkCounters {
  sentFrames = 0;
  sentBytes = 0;
  receivedFrames = 0;
  receivedBytes = 0;
  reconnects = 0;
  lastError: string | null = null;
  private readonly closedBy = new Map<string, number>();

  /** Counts a connection that was closed or refused, or messages that were dropped, by its reason. */
  count(reason: string): void {
    const key = this.closedBy.has(reason) || this.closedBy.size < REASONS_MAX ? reason : 'other';
    this.closedBy.set(key, (this.closedBy.get(key) ?? 0) + 1);
  }

  closed(reason: string, detail: string): void {
    this.count(reason);
    this.lastError = `${reason}: ${detail}`;
  }

  reasons(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.closedBy);
  }

  status(peer: ReplicaId, address: string, connected: boolean, queuedBytes: number): PeerLinkStatus {
    const { sentFrames, sentBytes, receivedFrames, receivedBytes, reconnects, lastError } = this;
    const traffic = { sentFrames, sentBytes, receivedFrames, receivedBytes, reconnects };
    return { peer, address, connected, queuedBytes, ...traffic, closedBy: this.reasons(), lastError };
  }
}
