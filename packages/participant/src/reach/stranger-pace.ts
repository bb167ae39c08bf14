// driven: the pace of what goes to hosts that were only named, shared by all that a node does to reach others, HELLOs included (T8).
import type { StrangerBudget } from '@batchain/kad-node';
import { isLoopbackHost, isPrivateHost, type Runtime } from '@batchain/shared';
import { DIAL_HOSTS_REMEMBERED_MAX, DIAL_PACE_MS, DIAL_PROVED_MS } from '../limits.ts';
import { StrangerDatagrams } from './stranger-datagrams.ts';

/** How often who waits looks whether it is its turn, or the host has been proved meanwhile. */
const DIAL_STEP_MS = 100;
const CHECKS_STEP_MS = 50;

interface DialledHost {
  /** When the next dial may begin. */
  nextMs: number;
  /** Until then it is known that a node of the network is there. */
  provedUntilMs: number;
}

export interface TurnOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

export type Turn = 'now' | 'late' | 'aborted';

/**
 * A private host gets datagrams without turns: peers of different homes name the same few, and ICE checks those that may be near.
 * Of the machine itself nobody has to be protected.
 */
export class StrangerPace implements StrangerBudget {
  readonly #runtime: Runtime;
  readonly #dialled = new Map<string, DialledHost>();
  readonly #datagrams = new StrangerDatagrams();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Waits until a SYN may go to the host: at once where a node has answered lately. */
  async dialTurn(host: string, { signal, timeoutMs }: TurnOptions): Promise<Turn> {
    if (isLoopbackHost(host)) return 'now';
    const { clock } = this.#runtime;
    const state = this.#dialledHost(host);
    const endMs = clock.monotonicMs() + timeoutMs;
    while (state.provedUntilMs <= clock.monotonicMs()) {
      const waitMs = state.nextMs - clock.monotonicMs();
      if (waitMs <= 0) {
        state.nextMs = clock.monotonicMs() + DIAL_PACE_MS;
        break;
      }
      if (clock.monotonicMs() + waitMs >= endMs) return 'late';
      await clock.sleep(Math.min(waitMs, DIAL_STEP_MS), signal).catch(() => undefined);
      if (signal?.aborted === true) return 'aborted';
    }
    return 'now';
  }

  /** A node of the network answered there. */
  proved(host: string): void {
    if (!isLoopbackHost(host)) this.#dialledHost(host).provedUntilMs = this.#runtime.clock.monotonicMs() + DIAL_PROVED_MS;
  }

  /** True when a datagram may go to the host now. */
  takeDatagram(host: string): boolean {
    return isPrivateHost(host) || this.#datagrams.take(host, this.#runtime.clock.monotonicMs());
  }

  /** A KadNode answered there, after so many datagrams. */
  giveBack(host: string, count: number): void {
    this.#datagrams.giveBack(host, count, this.#runtime.clock.monotonicMs());
  }

  /** Waits until ICE may check these hosts; gives what is to be called when it has ended, undefined when their turn does not come. */
  async checksTurn(hosts: ReadonlySet<string>, { signal, timeoutMs }: TurnOptions): Promise<(() => void) | undefined> {
    const { clock } = this.#runtime;
    const strangers = [...hosts].filter((host) => !isPrivateHost(host));
    const endMs = clock.monotonicMs() + timeoutMs;
    while (signal?.aborted !== true && clock.monotonicMs() < endMs) {
      const ended = this.#datagrams.book(strangers, clock.monotonicMs());
      if (ended !== undefined) return () => ended(clock.monotonicMs());
      await clock.sleep(CHECKS_STEP_MS, signal).catch(() => undefined);
    }
    return undefined;
  }

  #dialledHost(name: string): DialledHost {
    const host = this.#dialled.get(name) ?? { nextMs: 0, provedUntilMs: 0 };
    this.#dialled.delete(name);
    this.#dialled.set(name, host);
    const oldest = this.#dialled.keys().next();
    if (this.#dialled.size > DIAL_HOSTS_REMEMBERED_MAX && oldest.done !== true) this.#dialled.delete(oldest.value);
    return host;
  }
}
