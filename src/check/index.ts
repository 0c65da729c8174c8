export { checkCausal } from './causal/check.js';
export { describeEvidence } from './causal/report.js';
export {
  checkSessions,
  GUARANTEES,
  SessionChecker,
  type Dot,
  type Guarantee,
  type SessionOperation,
  type SessionResult,
  type SessionViolation,
  type VersionVector,
} from './causal/sessions.js';
export {
  CAUSAL_LEVELS,
  type CausalLevel,
  type CausalOptions,
  type CausalResult,
  type Evidence,
} from './causal/types.js';
export { checkVersions, compareVersions, type VersionsResult } from './causal/versions.js';
export { checkLinearizable, type CheckOptions, type CheckResult, type Verdict } from './check.js';
export { explainViolation, type Explanation } from './explain.js';
export { createModel, MODEL_NAMES, type Model, type ModelName } from './model.js';
export type { Operation, OperationKind, Outcome, Value, Version } from './operation.js';
export { HistoryRecorder, type Answer, type Invocation, type Token } from './recorder.js';
export { describeViolation } from './text.js';
