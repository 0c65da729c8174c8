import type { NemesisAction } from '../plan/plan.js';
import type { Observer, VirtualTime, World } from '../world/types.js';

export interface RunOptions {
  /** Beside the checkers of invariants. */
  readonly observers?: readonly Observer[];
  /** Told of every event, before the next one: for the self-check of determinism. */
  readonly onEvent?: (time: VirtualTime) => void;
  /** Told of the world before anything runs in it. */
  readonly onWorld?: (world: World) => void;
  /** Told of every action when its time has come. */
  readonly onStrike?: (action: NemesisAction) => void;
}

/** An observer that hands everything on to those that have joined meanwhile. */
export function forwardTo(observers: readonly Observer[]): Observer {
  return {
    onStarted: (process, recovered) => {
      for (const each of observers) each.onStarted?.(process, recovered);
    },
    onCrashed: (process) => {
      for (const each of observers) each.onCrashed?.(process);
    },
    onMessage: (process, group, message) => {
      for (const each of observers) each.onMessage?.(process, group, message);
    },
    onCheckpoint: (process, group, mark, installed) => {
      for (const each of observers) each.onCheckpoint?.(process, group, mark, installed);
    },
    onDiscarded: (process, group, discarded) => {
      for (const each of observers) each.onDiscarded?.(process, group, discarded);
    },
    onWiped: (process) => {
      for (const each of observers) each.onWiped?.(process);
    },
    onRolledBack: (process) => {
      for (const each of observers) each.onRolledBack?.(process);
    },
    onDelivered: (process, group, batch) => {
      for (const each of observers) each.onDelivered?.(process, group, batch);
    },
    onTurn: (process) => {
      for (const each of observers) each.onTurn?.(process);
    },
  };
}
