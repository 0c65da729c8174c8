import type { Witness } from './explain.js';
import { standingOf, type Operation } from './operation.js';
import { describe } from './quote.js';

/** What is laid out: an Explanation is one. */
export interface Shown {
  readonly culprit: Operation;
  /** In the order of calls. */
  readonly witnesses: readonly Witness[];
  /** Instead of its place in an order and what it did. */
  readonly label?: (witness: Witness, charsMax: number) => string;
  /** The name of its lane; its client if there is none. */
  readonly laneOf?: (operation: Operation) => string;
}

/** An operation as a bar of the timeline, in columns of one character. */
export interface Bar {
  readonly witness: Witness;
  readonly isCulprit: boolean;
  readonly label: string;
  readonly from: number;
  /** null: it goes on beyond the end. */
  readonly to: number | null;
}

export interface Lane {
  /** null where the lane above is of the same client: one that went on without an answer. */
  readonly client: string | null;
  readonly bars: readonly Bar[];
}

export interface Layout {
  readonly lanes: readonly Lane[];
  readonly columns: number;
  /** Operations that were left out at the front. */
  readonly cut: number;
}

interface Event {
  readonly witness: Witness;
  readonly isCall: boolean;
  readonly time: number;
}

/** Between two events, so that they can be told apart. */
const GAP = 2;

/**
 * Puts calls and returns into columns in the order of time, not to scale: only the order matters, and every bar has room
 * for its label. One lane for each client. Of more than `witnessesMax` operations the last ones are kept.
 */
export function layOut(shown: Shown, witnessesMax: number, labelCharsMax: number): Layout {
  const { culprit, label = (witness, charsMax) => labelOf(witness, witness.operation === culprit, charsMax) } = shown;
  const { laneOf = ({ client }) => String(client), witnesses } = shown;
  const kept = witnesses.slice(-witnessesMax);
  const labels = new Map(kept.map((witness) => [witness, label(witness, labelCharsMax)]));
  const columns = placeEvents(eventsOf(kept), labels);
  const bars = kept.map((witness): Bar => {
    const isCulprit = witness.operation === culprit;
    return {
      witness,
      isCulprit,
      label: labels.get(witness) ?? '',
      from: columns.calls.get(witness) ?? 0,
      to: columns.returns.get(witness) ?? null,
    };
  });
  return { lanes: lanesOf(bars, laneOf), columns: columns.end, cut: witnesses.length - kept.length };
}

/** True when the timeline cannot say when it returned. */
export function isOpen({ operation, running }: Witness): boolean {
  return running || standingOf(operation) === 'open';
}

function markOf({ place }: Witness, isCulprit: boolean): string {
  return isCulprit ? 'X' : place === null ? '?' : String(place);
}

function labelOf(witness: Witness, isCulprit: boolean, charsMax: number): string {
  return `${markOf(witness, isCulprit)} ${describe(witness.operation, charsMax)}`;
}

function eventsOf(witnesses: readonly Witness[]): Event[] {
  const events = witnesses.flatMap((witness): Event[] => {
    const { call, return: end } = witness.operation;
    const begin = { witness, isCall: true, time: call };
    return isOpen(witness) || end === null ? [begin] : [begin, { witness, isCall: false, time: end }];
  });
  return events.sort((a, b) => a.time - b.time || Number(b.isCall) - Number(a.isCall));
}

function placeEvents(
  events: readonly Event[],
  labels: ReadonlyMap<Witness, string>,
): { calls: ReadonlyMap<Witness, number>; returns: ReadonlyMap<Witness, number>; end: number } {
  const calls = new Map<Witness, number>();
  const returns = new Map<Witness, number>();
  let column = -GAP;
  let before: Event | null = null;
  let end = 0;
  for (const event of events) {
    const { isCall, time, witness } = event;
    const length = (labels.get(witness) ?? '').length;
    if (before?.time !== time || before.isCall !== isCall) column += GAP;
    if (isCall) calls.set(witness, column);
    else {
      column = Math.max(column, (calls.get(witness) ?? 0) + length + 1);
      returns.set(witness, column);
    }
    end = Math.max(end, column + 1, (calls.get(witness) ?? 0) + length + GAP + 1);
    before = event;
  }
  return { calls, returns, end };
}

function lanesOf(bars: readonly Bar[], laneOf: (operation: Operation) => string): Lane[] {
  const clients = new Map<string, Bar[][]>();
  for (const bar of bars) {
    const client = laneOf(bar.witness.operation);
    const lanes = clients.get(client) ?? [];
    clients.set(client, lanes);
    const free = lanes.find((lane) => (lane.at(-1)?.to ?? Infinity) < bar.from);
    if (free === undefined) lanes.push([bar]);
    else free.push(bar);
  }
  return [...clients]
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .flatMap(([client, lanes]) => lanes.map((bars, at) => ({ client: at === 0 ? client : null, bars })));
}
