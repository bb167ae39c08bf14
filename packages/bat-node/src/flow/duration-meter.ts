// pure: median of recent durations, to tell a slow host from a usual one.

const SAMPLES_MAX = 64;

/** Keeps the last durations per byte and answers what a transfer of so many bytes usually takes. */
export class DurationMeter {
  readonly #msPerByte: number[] = [];

  add(durationMs: number, bytes: number): void {
    if (bytes <= 0) return;
    this.#msPerByte.push(durationMs / bytes);
    if (this.#msPerByte.length > SAMPLES_MAX) this.#msPerByte.shift();
  }

  /** Median, ms; undefined before the first transfer. The lower one of two. */
  medianMs(bytes: number): number | undefined {
    const sorted = this.#msPerByte.toSorted((a, b) => a - b);
    const median = sorted[(sorted.length - 1) >> 1];
    return median === undefined ? undefined : median * bytes;
  }
}
