// driven: shows the progress of one command: a bar on a terminal, sparse lines in a log, JSON lines for programs.
import { formatSize, type ProgressLine } from '@batchain/participant/client';
import { type Clock, second } from '@batchain/shared';
import type { Output } from './output.ts';
import { barLine, type ProgressFacts, type ProgressMode, percentOf, plainLine } from './progress-text.ts';
import { TransferMeter } from './transfer-meter.ts';

/** At most two redraws a second: more can not be read. */
const REDRAW_INTERVAL_MS = 500;
const JSON_INTERVAL_MS: number = 1 * second;
/** A log gets a line when both have passed: time and a tenth of the work. */
const LOG_INTERVAL_MS: number = 30 * second;
const LOG_STEP_PERCENT = 10;
/** Who asks for plain lines wants to see them: the first at once, then one every two seconds. */
const PLAIN_INTERVAL_MS: number = 2 * second;

const CLEAR_LINE = '\r\u001b[2K';

export class ProgressView {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #mode: Mode;
  readonly #verb: string;
  #meter = new TransferMeter();
  #latest: ProgressLine | undefined;
  #shownAtMs: number;
  #shownPercent = 0;
  #hasBar = false;

  constructor(output: Output, clock: Clock, mode: ProgressMode, verb: string) {
    this.#output = output;
    this.#clock = clock;
    this.#verb = verb;
    this.#mode = chooseMode(output, mode);
    // A log gets its first line after a whole interval; all else at once.
    this.#shownAtMs = this.#mode === 'log' ? clock.monotonicMs() : Number.NEGATIVE_INFINITY;
  }

  update(progress: ProgressLine): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#latest === undefined && progress.resumedBytes > 0) this.#tellResumed(progress.resumedBytes);
    if (this.#latest?.phase !== progress.phase) this.#meter = new TransferMeter();
    this.#latest = progress;
    this.#meter.add(progress.doneBytes, progress.totalBytes, nowMs);
    const sinceMs = nowMs - this.#shownAtMs;
    const isDue =
      (this.#mode === 'bar' && sinceMs >= REDRAW_INTERVAL_MS) ||
      (this.#mode === 'json' && sinceMs >= JSON_INTERVAL_MS) ||
      (this.#mode === 'plain' && sinceMs >= PLAIN_INTERVAL_MS) ||
      (this.#mode === 'log' && sinceMs >= LOG_INTERVAL_MS && percentOf(progress) >= this.#shownPercent + LOG_STEP_PERCENT);
    if (isDue) this.#show(progress, nowMs);
  }

  #tellResumed(bytes: number): void {
    if (this.#mode !== 'json') this.#output.say(`resuming at ${formatSize(bytes)}`);
  }

  #facts(progress: ProgressLine): ProgressFacts {
    return { verb: this.#verb, progress, bytesPerSecond: this.#meter.bytesPerSecond, etaMs: this.#meter.etaMs };
  }

  #show(progress: ProgressLine, nowMs: number): void {
    this.#shownAtMs = nowMs;
    this.#shownPercent = percentOf(progress);
    if (this.#mode === 'json') {
      const { bytesPerSecond, etaMs } = this.#facts(progress);
      this.#output.line('progress', {
        ...progress,
        bytesPerSecond: Math.round(bytesPerSecond),
        etaMs: etaMs === undefined ? null : Math.round(etaMs),
      });
    } else if (this.#mode === 'plain' || this.#mode === 'log') this.#output.say(plainLine(this.#facts(progress)));
    else {
      this.#output.draw(CLEAR_LINE + barLine(this.#facts(progress), this.#output.err.width - 1));
      this.#hasBar = true;
    }
  }

  /** A line of its own above the bar. */
  note(text: string): void {
    this.#clear();
    this.#output.warn(text);
  }

  /** Shows where things stand, whatever the mode: SIGUSR2 and SIGINFO ask for it. */
  showNow(): void {
    if (this.#latest === undefined) return;
    this.#clear();
    if (this.#output.isJson) this.#show(this.#latest, this.#clock.monotonicMs());
    else this.#output.say(plainLine(this.#facts(this.#latest)));
  }

  #clear(): void {
    if (this.#hasBar) this.#output.draw(CLEAR_LINE);
    this.#hasBar = false;
  }

  /** Takes the bar away; the result speaks from here on. */
  end(): void {
    this.#clear();
  }
}

/** `plain` was asked for; `log` is what a stream gets that is no terminal. */
type Mode = 'bar' | 'plain' | 'log' | 'json' | 'none';

function chooseMode(output: Output, mode: ProgressMode): Mode {
  if (mode === 'none' || (output.isQuiet && !output.isJson)) return 'none';
  if (output.isJson) return 'json';
  if (mode === 'auto') return output.err.canRedraw ? 'bar' : 'log';
  return 'plain';
}
