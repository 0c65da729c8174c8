import { replicaId, logIndex, type ReplicaId } from '../base/brand.js';
import type {
  MemberInfo,
  Membership,
  MembershipChange,
  MembershipCodec,
  MembershipPair,
  PlacedMembership,
} from '../engines/raft/membership.js';
import { kvorum } from './protobuf.js';
import { WireError } from './wire-error.js';

type Wire = kvorum.log.Membership.$Properties;

/** Memberships as log.proto describes them: in entries, in the log's hard state, in checkpoints and in messages. */
export const membershipCodec: MembershipCodec = {
  encode: (membership) => kvorum.log.Membership.encode(toWire(membership)).finish(),
  decode: (bytes) => fromWire(decoded(() => kvorum.log.Membership.decode(bytes))),
  encodeChange: (change) => kvorum.log.MembershipChange.encode(changeToWire(change)).finish(),
  decodeChange: (bytes) => changeFromWire(decoded(() => kvorum.log.MembershipChange.decode(bytes))),
};

export function placedToWire({ index, membership }: PlacedMembership): kvorum.log.PlacedMembership.$Properties {
  return { index, membership: toWire(membership) };
}

export function placedFromWire(placed: kvorum.log.PlacedMembership.$Properties | null | undefined): PlacedMembership {
  return { index: logIndex(placed?.index ?? 0), membership: fromWire(placed?.membership ?? {}) };
}

/** The second is left out where both are the same: the normal case. */
export function pairToWire({ committed, latest }: MembershipPair): {
  committed: kvorum.log.PlacedMembership.$Properties;
  latest: kvorum.log.PlacedMembership.$Properties | null;
} {
  return {
    committed: placedToWire(committed),
    latest: latest.index === committed.index ? null : placedToWire(latest),
  };
}

export function pairFromWire(
  value: Pick<kvorum.log.HardState.$Properties, 'committed' | 'latest'>,
): MembershipPair | null {
  if (!value.committed) return null;
  const committed = placedFromWire(value.committed);
  return { committed, latest: value.latest ? placedFromWire(value.latest) : committed };
}

function toWire(membership: Membership): Wire {
  const { voters, outgoing, learners, removed, members } = membership;
  return {
    voters: [...voters],
    outgoing: [...outgoing],
    learners: [...learners],
    removed: [...removed],
    members: members.map(infoToWire),
  };
}

function infoToWire({ id, folder, peer, http, redis, region }: MemberInfo): kvorum.log.MemberInfo.$Properties {
  const text = (value: string | null): string => value ?? '';
  return {
    id,
    folder: text(folder),
    peer: text(peer),
    http: text(http),
    redis: text(redis),
    region: text(region),
  };
}

function fromWire(wire: Wire): Membership {
  return {
    voters: ids(wire.voters),
    outgoing: ids(wire.outgoing),
    learners: ids(wire.learners),
    removed: ids(wire.removed),
    members: (wire.members ?? []).map(infoFromWire),
  };
}

function infoFromWire(info: kvorum.log.MemberInfo.$Properties): MemberInfo {
  const text = (value: string | null | undefined): string | null => (!value ? null : value);
  const { id, folder, peer, http, redis, region } = info;
  return {
    id: idOf(id),
    folder: text(folder),
    peer: text(peer),
    http: text(http),
    redis: text(redis),
    region: text(region),
  };
}

function changeToWire(change: MembershipChange): kvorum.log.MembershipChange.$Properties {
  if (change.op === 'add') return { add: infoToWire(change.member) };
  if (change.op === 'promote') return { promote: { replica: change.replica, folder: change.folder ?? '' } };
  return { remove: change.replica };
}

function changeFromWire(wire: kvorum.log.MembershipChange.$Properties): MembershipChange {
  if (wire.add) return { op: 'add', member: infoFromWire(wire.add) };
  if (wire.promote) {
    const { replica, folder } = wire.promote;
    return { op: 'promote', replica: idOf(replica), folder: !folder ? null : folder };
  }
  if (wire.remove) return { op: 'remove', replica: idOf(wire.remove) };
  throw new WireError('unknown_message', 'a change of membership that is not known here');
}

function ids(values: readonly string[] | null | undefined): ReplicaId[] {
  return (values ?? []).map(idOf);
}

function idOf(value: string | null | undefined): ReplicaId {
  if (!value) throw new WireError('protocol_violation', 'a replica id is empty');
  return replicaId(value);
}

/** The generated code throws several kinds of errors for bytes that are not protobuf. */
function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new WireError('malformed', error instanceof Error ? error.message : 'not protobuf');
  }
}
