// pure: whether UDP gets through at all, judged from who answers.
import { type Address, isPrivateHost } from '@batchain/shared';
import { UDP_BLOCKED_AFTER_MS, UDP_BLOCKED_AFTER_SILENCES } from '../limits.ts';

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
    return isPrivateHost(host) ? this.#inside : this.#outside;
  }
}
