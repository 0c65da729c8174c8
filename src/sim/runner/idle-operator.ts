import type { Operator } from '../plan/nemesis/stage.js';

function nothing(): void {}

/** Where members are those that a group was formed with: nobody comes, goes, or hands over. */
export const IDLE_OPERATOR: Operator = {
  grow: nothing,
  remove: nothing,
  addAgain: nothing,
  replace: nothing,
  transfer: nothing,
  changing: false,
};
