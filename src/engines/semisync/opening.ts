/** How an epoch began: what its first entry tells everybody who reads the log later. */
export interface Opening {
  /** By force with fewer promises than it takes: acknowledged writes may be missing. */
  readonly lossPossible: boolean;
  /** What an operator wants in force from here on, whatever was in force before; null: what was. */
  readonly writeQuorum: number | null;
}

const ORDINARY: Opening = { lossPossible: false, writeQuorum: null };

/** Nothing, as in most epochs; or a byte that is 1 where writes may be missing, and one more for a write quorum. */
export function openingPayload({ lossPossible, writeQuorum }: Opening): Uint8Array {
  const flag = lossPossible ? 1 : 0;
  if (writeQuorum !== null) return Uint8Array.of(flag, writeQuorum);
  return lossPossible ? Uint8Array.of(flag) : new Uint8Array(0);
}

/** Null for what no leader writes. */
export function readOpening(payload: Uint8Array, followers: number): Opening | null {
  const [flag, writeQuorum] = payload;
  if (flag === undefined) return ORDINARY;
  if (flag > 1 || payload.length > 2) return null;
  if (writeQuorum === undefined) return flag === 1 ? { lossPossible: true, writeQuorum: null } : null;
  return writeQuorum <= followers ? { lossPossible: flag === 1, writeQuorum } : null;
}

/** Of an entry that is in a log already; anything but the first of an epoch opens nothing. */
export function openingOf({ kind, payload }: { readonly kind: string; readonly payload: Uint8Array }): Opening {
  return (kind === 'noop' ? readOpening(payload, payload[1] ?? 0) : null) ?? ORDINARY;
}
