import { createReadStream, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import { CAUSAL_KINDS } from '../../check/causal/records.js';
import { CAUSAL_LEVELS, type CausalLevel } from '../../check/causal/types.js';
import type { CheckResult } from '../../check/check.js';
import { explainViolation, type Explanation } from '../../check/explain.js';
import { formatOperation, HistoryReader } from '../../check/history.js';
import { renderViolation } from '../../check/html.js';
import { createModel, MODEL_NAMES, type Model, type ModelName } from '../../check/model.js';
import { standingOf, type Operation, type OperationKind } from '../../check/operation.js';
import { checkInParallel } from '../../check/parallel.js';
import { partitionByKey } from '../../check/partition.js';
import { quote } from '../../check/quote.js';
import { describeViolation } from '../../check/text.js';
import { printJson } from '../output/json.js';
import { runSessionModel, SESSION_MODELS, type SessionModel } from './check-causal.js';

/** Bytes of one line of a history: a value of the largest size, every byte escaped. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const KEYS_SHOWN_MAX = 10;
const PROGRESS_MS = 200;

const EXAMPLES = `
Verdicts: linearizable (exit code 0), not linearizable (9), undecided within the budget (9: that is not a pass).
--model causal asks for causal consistency instead, --model sessions for read your writes and monotonic reads.
A line of a history, described in docs/cli.md:
  {"client":1,"op":"put","key":"x","value":"1","call":100,"return":250,"ok":true}

Examples:
  $ kvorum check history.ndjson
  $ kvorum check --html why.html history.ndjson         # a timeline of the violation, for a browser
  $ kvorum check --init "" history.ndjson               # keys start with "" instead of being absent
  $ kvorum check --model causal --level cc history.ndjson
  $ zcat history.ndjson.gz | kvorum check -o json -`;

interface CheckFlags {
  readonly model: ModelName | SessionModel;
  readonly level?: CausalLevel;
  readonly init?: string;
  readonly absentEmpty?: boolean;
  readonly html?: string;
  readonly budget?: number;
}

/** `kvorum check`: decides whether a recorded history is what its store promises, and shows why when it is not. */
export function checkCommand(): Command {
  return new Command('check')
    .description('Say whether a recorded history is linearizable, or causal; exit code 9 when it is not')
    .argument('<history.ndjson>', 'one JSON object a line; - for stdin')
    .addOption(
      new Option('--model <name>', 'what a key is, or what sessions see')
        .choices([...MODEL_NAMES, ...SESSION_MODELS])
        .default('kv'),
    )
    .addOption(new Option('--level <name>', 'of --model causal; ccv by default').choices(CAUSAL_LEVELS))
    .option('--init <text>', 'value that keys start with, instead of being absent')
    .option('--absent-empty', '"" and absent are the same')
    .option('--html <file>', 'write a timeline of the violation to this file')
    .addOption(new Option('--budget <steps>', 'steps of the search for each key').argParser(steps))
    .addHelpText('after', EXAMPLES)
    .action((file: string, flags: CheckFlags, self: Command) => {
      return run(file, flags, self.optsWithGlobals()['output'] === 'json');
    });
}

async function run(file: string, flags: CheckFlags, json: boolean): Promise<void> {
  const name = file === '-' ? 'stdin' : file;
  refuseUnused(flags);
  const options = { init: flags.init ?? null, absentEmpty: flags.absentEmpty === true };
  const { model: modelName } = flags;
  if (modelName === 'causal' || modelName === 'sessions') {
    const history = await readHistory(file, name, CAUSAL_KINDS, true);
    const { html, level = 'ccv' } = flags;
    runSessionModel(history, { name, model: modelName, level, options, html, json });
    return;
  }
  const model = createModel(modelName, options);
  const history = await readHistory(file, name, model.kinds, false);
  const startedMs = performance.now();
  const partitions = partitionByKey(history, model);
  const progress = startProgress(history.length);
  const result = await checkInParallel(partitions, model, { budget: flags.budget, onDecided: progress.onDecided });
  progress.end();
  const tookMs = performance.now() - startedMs;
  const explanation = result.violation === null ? null : explainViolation(result.violation, model);
  if (explanation !== null && flags.html !== undefined) {
    writeFileSync(flags.html, renderViolation(explanation));
    process.stderr.write(`timeline in ${flags.html}\n`);
  }
  if (json)
    printJson({ file: name, ...document(result, history, model, tookMs), violation: violationJson(explanation) });
  else process.stdout.write(report(name, result, history, model, tookMs, explanation));
  if (result.operations === 0) process.stderr.write('warning: nothing was checked: there is no operation\n');
  refuse(name, result, explanation);
}

/** An option that changes nothing would be taken for one that does. */
function refuseUnused({ absentEmpty, budget, init, level, model }: CheckFlags): void {
  const refuse = (option: string): never => {
    throw new KvorumError('usage', `--model ${model} has no use for ${option}`);
  };
  if (level !== undefined && model !== 'causal') refuse('--level');
  if (budget !== undefined && (model === 'causal' || model === 'sessions')) refuse('--budget');
  if (model === 'sessions' && init !== undefined) refuse('--init');
  if (model === 'sessions' && absentEmpty === true) refuse('--absent-empty');
}

/** Ends with exit code 9 unless the history is linearizable. */
function refuse(name: string, { undecided, verdict }: CheckResult, explanation: Explanation | null): void {
  if (explanation !== null) {
    throw new KvorumError('check_failed', `${name} is not linearizable: key ${quote(explanation.key, 60)}`);
  }
  if (verdict !== 'unknown') return;
  throw new KvorumError(
    'check_failed',
    `${name} is undecided: ${undecided.length === 1 ? 'a key' : `${undecided.length} keys`} took more steps, or memory, than allowed`,
  );
}

const VERDICTS = { ok: 'linearizable', violation: 'not linearizable', unknown: 'undecided' } as const;

function report(
  name: string,
  result: CheckResult,
  history: readonly Operation[],
  model: Model,
  tookMs: number,
  explanation: Explanation | null,
): string {
  const { keys, operations, undecided, verdict } = result;
  const silent = history.length - operations;
  const counts = [
    `model ${model.name}`,
    `${operations} operation${operations === 1 ? '' : 's'}${silent > 0 ? ` (and ${silent} without effect or answer)` : ''}`,
    `${keys} key${keys === 1 ? '' : 's'}`,
    `${tookMs < 10 ? tookMs.toFixed(1) : Math.round(tookMs)} ms`,
  ];
  const lines = [`${name}: ${VERDICTS[verdict]} · ${counts.join(' · ')}`];
  if (explanation !== null) lines.push('', describeViolation(explanation));
  if (verdict === 'unknown') {
    const shown = undecided.slice(0, KEYS_SHOWN_MAX).map((key) => quote(key, 60));
    const more = undecided.length - shown.length;
    lines.push(
      `undecided: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
      'A larger --budget may decide it. So does a history with more keys, fewer clients at a time, or unique values.',
    );
  }
  return `${lines.join('\n')}\n`;
}

function document(result: CheckResult, history: readonly Operation[], model: Model, tookMs: number): object {
  const { keys, operations, steps, undecided, verdict } = result;
  return {
    verdict,
    model: model.name,
    operations,
    unknown_outcomes: history.filter((operation) => standingOf(operation) === 'open').length,
    left_out: history.length - operations,
    keys,
    steps,
    took_ms: Math.round(tookMs),
    undecided,
  };
}

function violationJson(explanation: Explanation | null): object | null {
  if (explanation === null) return null;
  const { culprit, key, operations, possible, prefix, witnesses } = explanation;
  const json = (operation: Operation): object => ({
    line: operation.line,
    ...(JSON.parse(formatOperation(operation)) as object),
  });
  return {
    key,
    operations,
    prefix,
    culprit: json(culprit),
    possible_values: possible,
    witnesses: witnesses.map(({ operation, place, running }) => ({ ...json(operation), place, running })),
  };
}

/** Reads line by line, so that only the operations are kept. */
async function readHistory(
  file: string,
  name: string,
  kinds: readonly OperationKind[],
  readsVersions: boolean,
): Promise<Operation[]> {
  const reader = new HistoryReader(name, kinds, readsVersions);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let lines = 0;
  const take = (bytes: Uint8Array): void => {
    lines++;
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch (cause) {
      throw new KvorumError('history_invalid', `${name}:${lines}: the line is not UTF-8`, { cause });
    }
    reader.line(text);
  };
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of openHistory(file)) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = chunk.subarray(from, end);
      take(rest.length === 0 ? line : Buffer.concat([...rest, line]));
      rest = [];
      restBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
    restBytes += chunk.length - from;
    if (restBytes > LINE_BYTES_MAX) {
      throw new KvorumError('history_invalid', `${name}:${lines + 1}: the line is longer than ${LINE_BYTES_MAX} bytes`);
    }
  }
  if (rest.length > 0) take(Buffer.concat(rest));
  return reader.end();
}

async function* openHistory(file: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) yield chunk as Buffer;
  } catch (cause) {
    if (file === '-' || !(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new KvorumError('usage', `${file} cannot be read: ${cause.message}`, { cause });
  }
}

/** Says on a terminal how far the check is. */
function startProgress(operations: number): { onDecided: (count: number) => void; end: () => void } {
  if (!process.stderr.isTTY) return { onDecided: () => undefined, end: () => undefined };
  let decided = 0;
  let shownMs = performance.now();
  let isShown = false;
  return {
    onDecided: (count) => {
      decided += count;
      const nowMs = performance.now();
      if (nowMs - shownMs < PROGRESS_MS) return;
      shownMs = nowMs;
      isShown = true;
      process.stderr.write(`\rchecked ${decided} of ${operations} operations`);
    },
    end: () => {
      if (isShown) process.stderr.write('\r\u001b[K');
    },
  };
}

function steps(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 is needed');
  return value;
}
