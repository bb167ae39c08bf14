// pure: whether UDP gets through at all, judged from who answers.
import { type Address, isPrivateHost } from '@batchain/shared';
import { MAPPING_SAMPLES_MAX, UDP_BLOCKED_AFTER_MS, UDP_BLOCKED_AFTER_SILENCES } from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';

export type UdpState = 'unknown' | 'works' | 'blocked';

interface Tally {
  answeredMs: number | undefined;
  /** Requests that got no answer since. */
  silences: number;
}

/** Times are of one monotonic clock. */
export class UdpVerdict {
  readonly #outside: Tally = { answeredMs: undefined, silences: 0 };
  readonly #inside: Tally = { answeredMs: undefined, silences: 0 };
  /** Which tally an IP counts in: asked at every answer. */
  readonly #tallies = new BoundedMap<string, Tally>(MAPPING_SAMPLES_MAX);

  noteAnswer(from: Address, nowMs: number): void {
    const tally = this.#tallyOf(from);
    tally.answeredMs = nowMs;
    tally.silences = 0;
  }

  /** All tries of one request went unanswered. */
  noteSilence(to: Address): void {
    this.#tallyOf(to).silences++;
  }

  /** A router lets UDP pass on the LAN and may yet block it outwards: once somebody outside was tried, only those count. */
  state(nowMs: number): UdpState {
    const { answeredMs, silences } = this.#outside;
    const isSilent = silences >= UDP_BLOCKED_AFTER_SILENCES && nowMs - (answeredMs ?? Number.NEGATIVE_INFINITY) >= UDP_BLOCKED_AFTER_MS;
    if (isSilent) return 'blocked';
    if (answeredMs !== undefined) return 'works';
    return silences === 0 && this.#inside.answeredMs !== undefined ? 'works' : 'unknown';
  }

  #tallyOf({ host }: Address): Tally {
    let tally = this.#tallies.peek(host);
    if (tally === undefined) {
      tally = isPrivateHost(host) ? this.#inside : this.#outside;
      this.#tallies.set(host, tally);
    }
    return tally;
  }
}
