import { writeFileSync } from 'node:fs';
import { KvorumError } from '../../base/errors/error.js';
import { checkCausal } from '../../check/causal/check.js';
import { describeEvidence, renderEvidence } from '../../check/causal/report.js';
import type { CausalLevel, Evidence } from '../../check/causal/types.js';
import { checkVersions } from '../../check/causal/versions.js';
import type { Verdict } from '../../check/check.js';
import { formatOperation } from '../../check/history.js';
import type { ModelOptions } from '../../check/model.js';
import { standingOf, type Operation } from '../../check/operation.js';
import { printJson } from '../output/json.js';

/** The models of `kvorum check` that are about sessions instead of single keys. */
export type SessionModel = 'causal' | 'sessions';

export const SESSION_MODELS: readonly SessionModel[] = ['causal', 'sessions'];

interface Question {
  readonly name: string;
  readonly model: SessionModel;
  readonly level: CausalLevel;
  readonly options: ModelOptions;
  readonly html: string | undefined;
  readonly json: boolean;
}

/** What both checkers find, in the same words. */
interface Answer {
  readonly verdict: Verdict;
  readonly operations: number;
  readonly sessions: number;
  readonly keys: number;
  readonly violation: Evidence | null;
  /** What the model promises, as a predicate of a history. */
  readonly promise: string;
  readonly undecided: string | null;
  /** Reads about which little is said, or nothing. */
  readonly weak: number;
  readonly warning: string | null;
}

/** `kvorum check --model causal` and `--model sessions`. */
export function runSessionModel(history: readonly Operation[], question: Question): void {
  const { html, json, level, model, name } = question;
  const startedMs = performance.now();
  const answer = model === 'causal' ? askCausal(history, question) : askVersions(history);
  const tookMs = performance.now() - startedMs;
  const { violation, warning } = answer;
  if (violation !== null && html !== undefined) {
    writeFileSync(html, renderEvidence(violation));
    process.stderr.write(`timeline in ${html}\n`);
  }
  const title = model === 'causal' ? { model, level } : { model };
  if (json) printJson({ file: name, ...document(answer, history, title, tookMs) });
  else process.stdout.write(report(answer, history, question, tookMs));
  if (answer.operations === 0) process.stderr.write('warning: nothing was checked: there is no operation\n');
  else if (warning !== null) process.stderr.write(`warning: ${warning}\n`);
  if (answer.verdict === 'ok') return;
  throw new KvorumError(
    'check_failed',
    violation === null
      ? `${name} is undecided: ${answer.undecided}`
      : `${name} is not ${answer.promise}: ${violation.pattern}`,
  );
}

function askCausal(history: readonly Operation[], { level, options }: Question): Answer {
  const result = checkCausal(history, { ...options, level });
  const { ambiguous } = result;
  return {
    ...result,
    promise: 'causally consistent',
    weak: ambiguous,
    warning:
      ambiguous === 0
        ? null
        : `${ambiguous} read${ambiguous === 1 ? '' : 's'} may be of several writes; unique values, or versions, make the check exact`,
  };
}

function askVersions(history: readonly Operation[]): Answer {
  const result = checkVersions(history);
  const { unversioned } = result;
  return {
    ...result,
    promise: 'session-consistent',
    undecided: null,
    weak: unversioned,
    warning:
      unversioned === 0
        ? null
        : `${unversioned} read${unversioned === 1 ? '' : 's'} without a version ${unversioned === 1 ? 'was' : 'were'} not checked`,
  };
}

function report(
  answer: Answer,
  history: readonly Operation[],
  { level, model, name }: Question,
  tookMs: number,
): string {
  const { keys, operations, promise, sessions, undecided, verdict, violation } = answer;
  const left = history.length - operations;
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const counts = [
    model === 'causal' ? `model causal (${level})` : `model ${model}`,
    `${count(operations, 'operation')}${left > 0 ? ` (and ${left} without effect or answer)` : ''}`,
    count(sessions, 'session'),
    count(keys, 'key'),
    `${tookMs < 10 ? tookMs.toFixed(1) : Math.round(tookMs)} ms`,
  ];
  const words: Readonly<Record<Verdict, string>> = { ok: promise, violation: `not ${promise}`, unknown: 'undecided' };
  const lines = [`${name}: ${words[verdict]} · ${counts.join(' · ')}`];
  if (violation !== null) lines.push('', describeEvidence(violation));
  else if (undecided !== null) lines.push(`undecided: ${undecided}`);
  return `${lines.join('\n')}\n`;
}

function document(answer: Answer, history: readonly Operation[], title: object, tookMs: number): object {
  const { keys, operations, sessions, undecided, verdict, violation, weak } = answer;
  return {
    verdict,
    ...title,
    operations,
    unknown_outcomes: history.filter((operation) => standingOf(operation) === 'open').length,
    left_out: history.length - operations,
    sessions,
    keys,
    uncertain_reads: weak,
    took_ms: Math.round(tookMs),
    undecided,
    violation: violation === null ? null : evidenceJson(violation),
  };
}

function evidenceJson({ culprit, operations, pattern, sentences, summary }: Evidence): object {
  const json = (operation: Operation): object => ({
    line: operation.line,
    ...(JSON.parse(formatOperation(operation)) as object),
  });
  return { pattern, summary, sentences, culprit: operations.indexOf(culprit) + 1, operations: operations.map(json) };
}
