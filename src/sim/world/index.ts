import type { WorldOptions } from './options.js';
import type { World } from './types.js';
import { SimulatedWorld } from './world.js';

/** A world in which no process has been started yet. */
export function createWorld(options: WorldOptions): World {
  return new SimulatedWorld(options);
}
