// pure: the latest densities that lookups met, one per key: what the size of the network is judged from.
import { toHex } from '@batchain/shared';
import { DENSITY_SAMPLE_AGE_MS, DENSITY_SAMPLES_MAX } from '../limits.ts';
import type { DensitySample } from './size-estimate.ts';

interface Noted {
  readonly sample: DensitySample;
  readonly atMs: number;
}

/** Samples are independent because their keys are: a key that is looked up again replaces its sample. */
export class DensityLog {
  readonly #noted = new Map<string, Noted>();

  note(key: Uint8Array, sample: DensitySample, nowMs: number): void {
    const name = toHex(key);
    this.#noted.delete(name);
    this.#noted.set(name, { sample, atMs: nowMs });
    if (this.#noted.size <= DENSITY_SAMPLES_MAX) return;
    const [oldest] = this.#noted.keys();
    if (oldest !== undefined) this.#noted.delete(oldest);
  }

  /** Those that are not too old; the one of `except`, if any, is left out. */
  samples(nowMs: number, except?: Uint8Array): DensitySample[] {
    const left = except === undefined ? undefined : toHex(except);
    return [...this.#noted].flatMap(([name, { sample, atMs }]) => (name === left || nowMs - atMs > DENSITY_SAMPLE_AGE_MS ? [] : [sample]));
  }

  samplesSince(sinceMs: number): DensitySample[] {
    return [...this.#noted.values()].filter(({ atMs }) => atMs >= sinceMs).map(({ sample }) => sample);
  }
}
