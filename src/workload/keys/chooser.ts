import { unreachable } from '../../base/assert.js';
import type { Prng } from '../../base/prng.js';
import type { Distribution } from '../settings.js';
import { ScrambledZipfian, Zipfian } from './zipfian.js';

/** Chooses the key of the next operation among the first `keys` ones. */
export type KeyChooser = (prng: Prng, keys: number) => number;

/** `first` is where `sequential` begins: every thread at another place. */
export function createKeyChooser(distribution: Distribution, keys: number, first: number): KeyChooser {
  switch (distribution) {
    case 'uniform':
      return (prng, count) => Math.floor(prng.float() * count);
    case 'zipfian': {
      const zipfian = new ScrambledZipfian();
      return (prng, count) => zipfian.next(prng, count);
    }
    case 'latest': {
      // The newest key is the most wanted one (YCSB's skewed latest).
      const zipfian = new Zipfian(keys);
      return (prng, count) => {
        zipfian.grow(count);
        return count - 1 - zipfian.next(prng);
      };
    }
    case 'sequential': {
      let next = first;
      return (_prng, count) => {
        const key = next % count;
        next = key + 1;
        return key;
      };
    }
    default:
      return unreachable(distribution);
  }
}
