import type { MergedSecond } from '../../workload/merge.js';
import { percentilesOf } from '../../workload/latency.js';

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_CHARS = 30;

/**
 * What a run is doing, on stderr: a line each second, and on a terminal a bar below it that is written over.
 *
 *       3 s      52114 ops/s  p50    912 us  p99    3210 us  0 errors
 */
export class BenchProgress {
  readonly #stream: Stream;
  #phase = '';
  /** Of the phase; null when its end is not known. */
  #total: number | null = null;
  #unit = '';
  #done = 0;
  #barShown = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** `unit`: of the total, seconds for example. */
  begin(phase: string, total: number | null, unit: string): void {
    this.#phase = phase;
    this.#total = total;
    this.#unit = unit;
    this.#done = 0;
    this.#bar();
  }

  /** `done`: of the total. */
  second(second: MergedSecond, done: number): void {
    this.line(formatSecond(second));
    this.#done = done;
    this.#bar();
  }

  /** A line above the bar. */
  line(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
    this.#bar();
  }

  end(): void {
    this.#clear();
    this.#phase = '';
  }

  #clear(): void {
    if (this.#barShown) this.#stream.write('\r\u001b[2K');
    this.#barShown = false;
  }

  #bar(): void {
    if (this.#stream.isTTY !== true || this.#phase === '') return;
    const { columns = 0 } = this.#stream;
    const text = formatBar(this.#phase, this.#done, this.#total, this.#unit);
    this.#clear();
    // Some terminals say that they have no columns.
    this.#stream.write(text.slice(0, columns > 10 ? columns - 1 : BAR_CHARS * 2));
    this.#barShown = true;
  }
}

export function formatBar(phase: string, done: number, total: number | null, unit: string): string {
  if (total === null) return `${phase} ${done} ${unit}`;
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * BAR_CHARS);
  return `${phase} [${'#'.repeat(filled)}${'.'.repeat(BAR_CHARS - filled)}] ${Math.floor(share * 100)} % of ${total} ${unit}`;
}

export function formatSecond({ errors, latencies, lengthMs, operations, second }: MergedSecond): string {
  const found = percentilesOf(latencies);
  const us = (value: number | undefined): string => (value === undefined ? '-' : String(Math.round(value))).padStart(7);
  return [
    `${String(second).padStart(5)} s`,
    `${String(Math.round((operations / lengthMs) * 1000)).padStart(9)} ops/s`,
    `p50 ${us(found?.p50Us)} us`,
    `p99 ${us(found?.p99Us)} us`,
    `${errors} error${errors === 1 ? '' : 's'}`,
  ].join('  ');
}
