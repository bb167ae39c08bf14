// driven: dials public hosts one at a time: whoever names a victim as its address has it knocked at once a second at most (T8).
import {
  type Address,
  type Connection,
  type Dialer,
  type DialFailure,
  type DialOptions,
  fail,
  isPrivateHost,
  type NodeId,
  type Result,
  type Runtime,
} from '@batchain/shared';
import { DIAL_HOSTS_REMEMBERED_MAX, DIAL_PACE_MS, DIAL_PROVED_MS } from '../limits.ts';

/** How often who waits looks whether the host has been proved meanwhile. */
const DIAL_PACE_STEP_MS = 100;

interface HostState {
  /** When the next dial may begin. */
  nextMs: number;
  /** Until then it is known that a node of the network is there. */
  provedUntilMs: number;
}

/** A host where the wanted node answered lately is dialled as often as is needed; private ones always are. */
export class PacedDialer implements Dialer {
  readonly #runtime: Runtime;
  readonly #dialer: Dialer;
  readonly #hosts = new Map<string, HostState>();

  constructor(runtime: Runtime, dialer: Dialer) {
    this.#runtime = runtime;
    this.#dialer = dialer;
  }

  async dial(address: Address, expected: NodeId | undefined, options: DialOptions): Promise<Result<Connection, DialFailure>> {
    if (isPrivateHost(address.host)) return this.#dialer.dial(address, expected, options);
    const { clock } = this.#runtime;
    const host = this.#stateOf(address.host);
    const nowMs = clock.monotonicMs();
    const endMs = nowMs + options.timeoutMs;
    while (host.provedUntilMs <= clock.monotonicMs()) {
      const waitMs = host.nextMs - clock.monotonicMs();
      if (waitMs <= 0) {
        host.nextMs = clock.monotonicMs() + DIAL_PACE_MS;
        break;
      }
      if (clock.monotonicMs() + waitMs >= endMs) return fail('timeout', 'this address is dialled once a second at most');
      await clock.sleep(Math.min(waitMs, DIAL_PACE_STEP_MS), options.signal).catch(() => undefined);
      if (options.signal?.aborted === true) return fail('aborted');
    }
    const waitedMs = clock.monotonicMs() - nowMs;
    const dialled = await this.#dialer.dial(address, expected, { ...options, timeoutMs: options.timeoutMs - waitedMs });
    if (dialled.ok) host.provedUntilMs = clock.monotonicMs() + DIAL_PROVED_MS;
    return dialled;
  }

  #stateOf(name: string): HostState {
    const host = this.#hosts.get(name) ?? { nextMs: 0, provedUntilMs: 0 };
    this.#hosts.delete(name);
    this.#hosts.set(name, host);
    const oldest = this.#hosts.keys().next();
    if (this.#hosts.size > DIAL_HOSTS_REMEMBERED_MAX && oldest.done !== true) this.#hosts.delete(oldest.value);
    return host;
  }
}
