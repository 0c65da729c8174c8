import type { ReplicaId } from '../../src/base/brand.js';
import type { AdmissionRefusal, Envelope, FormationMessage, TransportHandlers } from '../../src/transport/transport.js';

/** Handlers that write down what they are told, and let a test wait for it. */
export class Recorder implements TransportHandlers {
  readonly frames: { readonly from: ReplicaId; readonly envelopes: readonly Envelope[] }[] = [];
  /** `up n2`, `down n2`. */
  readonly links: string[] = [];
  readonly downReasons: string[] = [];
  readonly formations: FormationMessage[] = [];
  /** What others held against us. */
  readonly refusals: { by: ReplicaId; code: string; text: string }[] = [];
  /** What we hold against others; everybody is welcome at first. */
  verdict: (peer: string, folder: string | null) => AdmissionRefusal | null = () => null;
  private readonly waiting = new Set<() => void>();

  onMessages(from: ReplicaId, envelopes: readonly Envelope[]): void {
    this.frames.push({ from, envelopes });
    this.wake();
  }

  onFormation(message: FormationMessage): void {
    this.formations.push(message);
    this.wake();
  }

  admits(peer: string, folder: string | null): AdmissionRefusal | null {
    return this.verdict(peer, folder);
  }

  onRefused(by: ReplicaId, code: string, text: string): void {
    this.refusals.push({ by, code, text });
    this.wake();
  }

  onPeerUp(peer: ReplicaId): void {
    this.links.push(`up ${peer}`);
    this.wake();
  }

  onPeerDown(peer: ReplicaId, reason: string): void {
    this.links.push(`down ${peer}`);
    this.downReasons.push(reason);
    this.wake();
  }

  get envelopes(): Envelope[] {
    return this.frames.flatMap((frame) => frame.envelopes);
  }

  /** Resolves when `condition` holds, checked after each call of a handler. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
