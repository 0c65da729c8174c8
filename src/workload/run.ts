import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { KvorumError } from '../base/errors/error.js';
import type { GeneratorJob, ThreadOutcome, ThreadResult } from './job.js';
import { KeyCounter } from './keys/counter.js';
import { mergeThreads, SecondsMerger, type MergedSecond, type WorkloadResult } from './merge.js';
import type { SecondReport } from './recorder.js';
import type { Endpoint, WorkloadSettings } from './settings.js';

export interface RunHooks {
  readonly onSecond?: (second: MergedSecond) => void;
  /** Ends the phase that is under way; what was measured counts. */
  readonly signal?: AbortSignal;
}

/** Generator threads for one or several runs after each other. */
export class LoadGenerator {
  readonly #pool: Piscina<GeneratorJob, ThreadOutcome>;
  readonly #threads: number;

  constructor(threads: number) {
    this.#threads = threads;
    this.#pool = new Piscina({
      filename: fileURLToPath(new URL('./job.js', import.meta.url)),
      minThreads: threads,
      maxThreads: threads,
      // A thread that waits for its next job by Atomics.wait would not read from its sockets.
      atomics: 'disabled',
    });
  }

  /** Writes every key once. Throws `cannot_connect` when no thread can connect. */
  load(settings: WorkloadSettings, endpoints: readonly Endpoint[], hooks: RunHooks = {}): Promise<WorkloadResult> {
    return this.#run('load', { ...settings, rate: null }, endpoints, hooks);
  }

  /** Warms up and measures. Throws `cannot_connect` when no thread can connect. */
  run(settings: WorkloadSettings, endpoints: readonly Endpoint[], hooks: RunHooks = {}): Promise<WorkloadResult> {
    return this.#run('run', settings, endpoints, hooks);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #run(
    phase: GeneratorJob['phase'],
    asked: WorkloadSettings,
    endpoints: readonly Endpoint[],
    { onSecond = () => undefined, signal }: RunHooks,
  ): Promise<WorkloadResult> {
    // A thread without a client would have nothing to do.
    const settings = { ...asked, threads: Math.min(this.#threads, asked.clients) };
    const { shared } = KeyCounter.of(settings.keys);
    const seconds = new SecondsMerger(settings.threads, onSecond);
    const ports: MessagePort[] = [];
    const closed: Promise<void>[] = [];
    const stop = (): void => {
      for (const port of ports) port.postMessage('stop');
    };
    const jobs = Array.from({ length: settings.threads }, (_, thread) => {
      const { port1: here, port2: there } = new MessageChannel();
      ports.push(here);
      here.on('message', (report: SecondReport) => seconds.add(thread, report));
      closed.push(new Promise((resolve) => here.once('close', resolve)));
      const job = { phase, settings, endpoints, thread, counter: shared, port: there };
      return this.#pool.run(job, { name: 'runGenerator', transferList: [there] });
    });
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    try {
      const outcomes = await Promise.all(jobs);
      await Promise.all(closed); // A thread closes its port when it is done: its last second has come by then.
      seconds.end();
      return mergeThreads(settings, outcomes.map(resultOf));
    } finally {
      signal?.removeEventListener('abort', stop);
      for (const port of ports) port.close();
    }
  }
}

function resultOf(outcome: ThreadOutcome): ThreadResult {
  if ('result' in outcome) return outcome.result;
  const { code, message, stack } = outcome.error;
  throw new KvorumError(code, message, { cause: stack });
}
