import { ILLEGAL, type Model } from '../../../src/check/model.js';
import { standingOf, type Operation, type Value } from '../../../src/check/operation.js';

/**
 * The definition, tried out: is there an order of the settled operations and some of the open ones that respects time and
 * that the model accepts? For one key. Nothing clever: what was tried in vain is remembered as a string, that is all.
 */
export function isLinearizable(history: readonly Operation[], model: Model): boolean {
  const operations = history.filter((operation) => standingOf(operation) !== 'silent');
  const settled = operations.map((operation) => standingOf(operation) === 'settled');
  const placed = operations.map(() => false);
  const mayBeNext = (at: number): boolean =>
    !operations.some(
      ({ return: end }, other) =>
        placed[other] !== true && settled[other] === true && (end ?? Infinity) < (operations[at]?.call ?? 0),
    );
  const inVain = new Set<string>();
  const goOn = (state: Value): boolean => {
    if (placed.every((done, at) => done || settled[at] !== true)) return true;
    const configuration = `${placed.map(Number).join('')} ${JSON.stringify(state)}`;
    if (inVain.has(configuration)) return false;
    inVain.add(configuration);
    return operations.some((operation, at) => {
      if (placed[at] === true || !mayBeNext(at)) return false;
      const next = model.step(state, operation);
      if (next === ILLEGAL) return false;
      placed[at] = true;
      const found = goOn(next);
      placed[at] = false;
      return found;
    });
  };
  return goOn(model.initial);
}
