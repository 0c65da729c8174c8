export { checkLinearizable, type CheckOptions, type CheckResult, type Verdict } from './check.js';
export { createModel, MODEL_NAMES, type Model, type ModelName } from './model.js';
export type { Operation, OperationKind, Outcome, Value } from './operation.js';
