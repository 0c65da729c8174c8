import { KvorumError } from '../../base/errors/error.js';

/**
 * What can go wrong, by kind. Each seed draws which of them exist in its world and how strong they are: a world with
 * three kinds of faults reaches states that one with all of them drowns in noise (swarm testing, reliability.md §3.8).
 */
export const FAULT_CLASSES = [
  /** Loss, copies, flipped bytes, reordering, slow and clogged links. */
  'network',
  /** Cuts between groups of replicas. */
  'partition',
  /** kill -9 and restarts, aimed and at random. */
  'crash',
  /** Power cuts of one machine or of several at once: what was not synced is lost or torn. */
  'power',
  /** Slow disks, failed writes and syncs, full disks. */
  'disk',
  /** Bits that flip at rest. */
  'rot',
  /** Processes that stand still, or crawl. */
  'pause',
  /** Clocks that jump and drift. */
  'clock',
  /** An operator who adds, promotes and removes replicas. */
  'membership',
  /** A disk that is replaced by an empty one. */
  'wipe',
  /** An operator who moves leadership. */
  'transfer',
  /** An operator who asks for checkpoints. */
  'checkpoint',
  /** Clients behind bad links, with duplicates, hedged requests and shared ids. */
  'clients',
  /** Disks that say yes to a sync, and lose with the power what they have vouched for. Rare (draw/lies.ts). */
  'lost-sync',
  /** An older copy of a data folder that is put back. Leaderless engines only: raft forbids it (docs/operations.md). */
  'rollback',
  /** A member that tells clocks which cannot be. Leaderless engines only: raft has no clocks to be told. */
  'hostile',
  /** An operator who changes the write quorum. Leader-follower groups only. */
  'quorum',
  /** An operator who promotes followers, whoever leads. Leader-follower groups only. */
  'promotion',
  /** An operator who promotes by force: acknowledged writes may be lost, and must be reported. Leader-follower groups only. */
  'force',
] as const;

/** What happens in worlds without a leader, and in no other. */
export const LEADERLESS_FAULTS: readonly FaultClass[] = ['rollback', 'hostile'];

/** What happens in worlds with a write quorum, and in no other. */
export const SEMISYNC_FAULTS: readonly FaultClass[] = ['quorum', 'promotion', 'force'];

export type FaultClass = (typeof FAULT_CLASSES)[number];

export function isFaultClass(text: string): text is FaultClass {
  return (FAULT_CLASSES as readonly string[]).includes(text);
}

/** Reads `--faults all|none|a,b,-c`: names are added, names with a dash taken from what there is (from all, if first). */
export function parseFaults(text: string): FaultClass[] {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const chosen = new Set<FaultClass>(words[0]?.startsWith('-') === true ? FAULT_CLASSES : []);
  for (const word of words) {
    const name = word.startsWith('-') ? word.slice(1) : word;
    if (word === 'all') for (const each of FAULT_CLASSES) chosen.add(each);
    else if (word === 'none') chosen.clear();
    else if (!isFaultClass(name)) throw unknownFault(name);
    else if (word.startsWith('-')) chosen.delete(name);
    else chosen.add(name);
  }
  return FAULT_CLASSES.filter((each) => chosen.has(each));
}

function unknownFault(name: string): KvorumError {
  return new KvorumError('usage', `There is no class of faults "${name}": all, none, ${FAULT_CLASSES.join(', ')}`);
}
