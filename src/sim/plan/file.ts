import { readFileSync } from 'node:fs';
import { KvorumError } from '../../base/errors/error.js';
import type { Plan } from './plan.js';
import { checkPlan } from './schema.js';

/** A plan with a word about it: what the simulator saves of a failure, and what test/regressions holds. */
export interface PlanFile {
  readonly about: string;
  readonly plan: Plan;
}

export function formatPlanFile({ about, plan }: PlanFile): string {
  return `${JSON.stringify({ about, plan }, null, 2)}\n`;
}

/** Throws `usage` when there is no such file, or no plan in it. */
export function loadPlanFile(path: string): PlanFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new KvorumError('usage', `${path}: ${(error as Error).message}`, { cause: error });
  }
  const { about, plan } = (value ?? {}) as Partial<Record<string, unknown>>;
  return { about: typeof about === 'string' ? about : '', plan: checkPlan(plan) };
}
