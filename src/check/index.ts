export { checkCausal } from './causal/check.js';
export {
  CAUSAL_LEVELS,
  type CausalLevel,
  type CausalOptions,
  type CausalResult,
  type Evidence,
} from './causal/types.js';
export { checkLinearizable, type CheckOptions, type CheckResult, type Verdict } from './check.js';
export { explainViolation, type Explanation } from './explain.js';
export { createModel, MODEL_NAMES, type Model, type ModelName } from './model.js';
export type { Operation, OperationKind, Outcome, Value } from './operation.js';
export { HistoryRecorder, type Answer, type Invocation, type Token } from './recorder.js';
export { describeViolation } from './text.js';
