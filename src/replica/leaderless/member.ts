import type { GroupId, ReplicaId } from '../../base/brand.js';
import { InvariantViolation } from '../../base/assert.js';
import type { KvorumError } from '../../base/errors/error.js';
import type { LeaderlessStatus } from '../../engines/leaderless/events.js';
import type { EngineMessage } from '../../engines/messages.js';
import type { KvReader } from '../../kv/types.js';
import type { GroupMember, MemberOutput } from '../group-member.js';

/** One replica's instance in one leaderless group. */
export class LeaderlessMember implements GroupMember {
  readonly engine: 'lww' | 'causal' = 'lww';
  readonly group: GroupId;

  constructor(group: GroupId) {
    this.group = group;
  }

  get reader(): KvReader {
    throw new InvariantViolation('not built yet');
  }

  get caughtUp(): boolean {
    return false;
  }

  status(): LeaderlessStatus {
    throw new InvariantViolation('not built yet');
  }

  onMessage(_message: EngineMessage): void {}
  onPeerUp(_peer: ReplicaId): void {}
  onPeerDown(_peer: ReplicaId): void {}
  onDropped(_message: EngineMessage): void {}
  onRemoved(): void {}
  onStalled(): void {}
  tick(_ticks: number, _nowMs: number): void {}
  drain(): MemberOutput | null {
    return null;
  }
  onPersisted(_batch: number): void {}
  apply(): void {}
  cancelMaintenance(): void {}
  stop(_unknown: KvorumError, _certain: KvorumError): void {}
  async close(): Promise<void> {}
}
