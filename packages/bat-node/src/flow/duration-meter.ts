// pure: median of recent durations, to tell a slow host from a usual one.

const SAMPLES_MAX = 64;

/** Keeps the last durations per byte and answers what a transfer of so many bytes usually takes. */
export class DurationMeter {
  readonly #msPerByte: number[] = [];

  add(durationMs: number, bytes: number): void {
    this.#msPerByte.push(durationMs / Math.max(1, bytes));
    if (this.#msPerByte.length > SAMPLES_MAX) this.#msPerByte.shift();
  }

  /** Median, ms; undefined before `samplesMin` transfers are known. */
  medianMs(bytes: number, samplesMin: number): number | undefined {
    if (this.#msPerByte.length < samplesMin) return undefined;
    const sorted = [...this.#msPerByte].sort((a, b) => a - b);
    return (sorted[sorted.length >> 1] as number) * Math.max(1, bytes);
  }
}
