/** Tags of src/wire/proto/command.proto: field number * 8 + wire type (0 varint, 1 fixed64, 2 length-delimited). */
export const BATCH = { commands: 0x0a } as const;
export const COMMAND = { operations: 0x0a, session: 0x12 } as const;
export const SESSION = { clientId: 0x0a, seq: 0x10 } as const;
export const OPERATION = {
  kind: 0x08,
  key: 0x12,
  value: 0x1a,
  condition: 0x22,
  returnPrevious: 0x28,
  delta: 0x31,
  maxBytes: 0x38,
  expiresAtMs: 0x40,
  context: 0x4a,
} as const;
export const DOT = { origin: 0x0a, seq: 0x10 } as const;
export const CONDITION = { absent: 0x08, present: 0x10, revision: 0x18, value: 0x22 } as const;

/** The values of OperationKind in their order. */
export const OPERATION_KINDS = ['put', 'delete', 'increment', 'append'] as const;
