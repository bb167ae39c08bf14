// pure: when datagrams may go to a host that others name and nobody vouches for: three in any second, whatever they are for (T8).
import { ICE_CHECK_TIMES_MS, NAMED_HOST_DATAGRAM_WINDOW_MS, NAMED_HOST_DATAGRAMS_MAX, NAMED_HOSTS_REMEMBERED_MAX } from '../limits.ts';

/** `nowMs` is of one monotonic clock throughout. */
export class StrangerDatagrams {
  /** When datagrams went or will go to a host; what is over is left out. */
  readonly #times = new Map<string, readonly number[]>();

  /** One datagram is to go there now. */
  take(host: string, nowMs: number): boolean {
    const times = withTimes(this.#timesOf(host, nowMs), [nowMs]);
    if (times !== undefined) this.#keep(host, times);
    return times !== undefined;
  }

  /** Somebody answered there: so many of what has gone out did not go to a stranger. */
  giveBack(host: string, count: number, nowMs: number): void {
    const times = this.#times.get(host) ?? [];
    const past = times.filter((atMs) => atMs <= nowMs);
    if (past.length > 0) this.#times.set(host, [...past.slice(0, Math.max(0, past.length - count)), ...times.slice(past.length)]);
  }

  /** ICE is to begin now, and checks each of the hosts at its own pace: the end of it gives back what was not sent. */
  book(hosts: Iterable<string>, nowMs: number): ((endMs: number) => void) | undefined {
    const checksMs = ICE_CHECK_TIMES_MS.map((afterMs) => nowMs + afterMs);
    const booked = [...hosts].map((host) => ({ host, times: withTimes(this.#timesOf(host, nowMs), checksMs) }));
    if (booked.some(({ times }) => times === undefined)) return undefined;
    for (const { host, times } of booked) this.#keep(host, times ?? []);
    return (endMs) => {
      const isLeft = (atMs: number): boolean => atMs <= endMs || !checksMs.includes(atMs);
      for (const { host } of booked) this.#times.set(host, (this.#times.get(host) ?? []).filter(isLeft));
    };
  }

  #timesOf(host: string, nowMs: number): readonly number[] {
    return (this.#times.get(host) ?? []).filter((atMs) => nowMs - atMs < NAMED_HOST_DATAGRAM_WINDOW_MS);
  }

  #keep(host: string, times: readonly number[]): void {
    this.#times.delete(host);
    this.#times.set(host, times);
    const oldest = this.#times.keys().next();
    if (this.#times.size > NAMED_HOSTS_REMEMBERED_MAX && oldest.done !== true) this.#times.delete(oldest.value);
  }
}

/** All in their order; undefined when too many of them would lie within one window. */
function withTimes(known: readonly number[], more: readonly number[]): readonly number[] | undefined {
  const times = [...known, ...more].sort((a, b) => a - b);
  const isCrowded = times.some((atMs, i) => (times[i + NAMED_HOST_DATAGRAMS_MAX] ?? Infinity) - atMs < NAMED_HOST_DATAGRAM_WINDOW_MS);
  return isCrowded ? undefined : times;
}
