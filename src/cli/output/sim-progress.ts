import type { SweepProgress } from '../../sim/sweep.js';
import { acknowledged } from '../../sim/runner/statistics.js';

const LINE_EVERY_MS = 10_000;

interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** How far a sweep is: one line that is written over on a terminal, a new line every ten seconds elsewhere. */
export class ProgressLine {
  readonly #stream: Stream;
  #lastMs = 0;
  #shown = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  show(progress: SweepProgress): void {
    const line = formatProgress(progress);
    if (this.#stream.isTTY === true) {
      this.#stream.write(`\r\u001b[2K${line}`);
      this.#shown = true;
    } else if (progress.wallMs - this.#lastMs >= LINE_EVERY_MS) {
      this.#lastMs = progress.wallMs;
      this.#stream.write(`${line}\n`);
    }
  }

  end(): void {
    if (this.#shown) this.#stream.write('\n');
    this.#shown = false;
  }
}

export function formatProgress({ statistics, violations, wallMs }: SweepProgress): string {
  const { elections, runs, virtualMs } = statistics;
  const perSecond = wallMs > 0 ? (runs / wallMs) * 1000 : 0;
  const ratio = wallMs > 0 ? virtualMs / wallMs : 0;
  const parts = [
    `${runs} seeds`,
    `${perSecond.toFixed(1)}/s`,
    `${formatDuration(virtualMs)} simulated (${ratio.toFixed(0)}x)`,
    `${acknowledged(statistics)} operations`,
    `${elections} elections`,
    `${violations.length} violations`,
  ];
  return parts.join(' · ');
}

export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  const minutes = seconds / 60;
  return minutes < 120 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`;
}
