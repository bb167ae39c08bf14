// pure: how long to wait for each contact: RFC 6298 with the bounds of the design, 0.2 to 2 s.
import { RPC_TIMEOUT_MAX_MS, RPC_TIMEOUT_MIN_MS, RPC_TIMEOUT_START_MS, RTT_ENTRIES_MAX } from '../limits.ts';
import { BoundedMap } from './bounded-map.ts';

interface Estimate {
  smoothedMs: number;
  variationMs: number;
  samples: number;
}

/** An address in use is moved to the end of the queue with every so many answers: turning the map over with each costs more. */
const SAMPLES_PER_TOUCH = 16;

/** RFC 6298 section 2: alpha = 1/8, beta = 1/4, K = 4. */
function update(estimate: Estimate, rttMs: number): void {
  estimate.variationMs += (Math.abs(estimate.smoothedMs - rttMs) - estimate.variationMs) / 4;
  estimate.smoothedMs += (rttMs - estimate.smoothedMs) / 8;
}

const first = (rttMs: number): Estimate => ({ smoothedMs: rttMs, variationMs: rttMs / 2, samples: 1 });
const timeoutOf = (estimate: Estimate): number => estimate.smoothedMs + 4 * estimate.variationMs;

/**
 * One estimate per contact, and one over all of them for contacts not heard before. Samples are of requests that were
 * sent once: after a retry nobody knows which one was answered (Karn and Partridge, 1987).
 */
export class RttEstimator {
  readonly #estimates = new BoundedMap<string, Estimate>(RTT_ENTRIES_MAX);
  #overall: Estimate | undefined;

  /** The time-out for the given try (1 is the first) towards an address, in milliseconds; it doubles with each try. */
  timeoutMs(address: string, tryNumber: number): number {
    const estimate = this.#estimates.peek(address) ?? this.#overall;
    const base = estimate === undefined ? RPC_TIMEOUT_START_MS : timeoutOf(estimate);
    const bounded = Math.min(RPC_TIMEOUT_MAX_MS, Math.max(RPC_TIMEOUT_MIN_MS, base));
    return Math.min(RPC_TIMEOUT_MAX_MS, bounded * 2 ** (tryNumber - 1));
  }

  record(address: string, rttMs: number): void {
    const known = this.#estimates.peek(address);
    if (known === undefined) {
      this.#estimates.set(address, first(rttMs));
    } else {
      update(known, rttMs);
      if (++known.samples % SAMPLES_PER_TOUCH === 0) this.#estimates.get(address);
    }
    if (this.#overall === undefined) this.#overall = first(rttMs);
    else update(this.#overall, rttMs);
  }
}
