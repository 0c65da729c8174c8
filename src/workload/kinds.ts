/** What an operation is. Numbers, because they stand in typed arrays on the hot path. */
export const Kind = {
  READ: 0,
  UPDATE: 1,
  INSERT: 2,
  SCAN: 3,
  /** The read of a read-modify-write; the operation goes on with RMW_WRITE. */
  RMW_READ: 4,
  RMW_WRITE: 5,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Under which names results are reported. Both halves of a read-modify-write are one operation. */
export const KIND_NAMES = ['read', 'update', 'insert', 'scan', 'rmw', 'rmw'] as const;
export type KindName = (typeof KIND_NAMES)[Kind];

/** Only a write can have an unknown outcome: a read without an answer changed nothing. */
export function isWrite(kind: Kind): boolean {
  return kind === Kind.UPDATE || kind === Kind.INSERT || kind === Kind.RMW_WRITE;
}
