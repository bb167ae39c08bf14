// driven: notices that this machine is in another network: other addresses on its interfaces, or awake again after a sleep.
import { type Runtime, type Timer, toBatChainError } from '@batchain/shared';
import { NETWORK_POLL_MS, NETWORK_SETTLE_MAX_MS, NETWORK_SETTLE_MS, SLEEP_NOTICED_MS } from '../limits.ts';

export interface NetworkChange {
  /** Addresses of our interfaces now. */
  readonly hosts: readonly string[];
  /** `woke`: the addresses are the same, but the machine slept, and routers forget meanwhile. */
  readonly why: 'interfaces' | 'woke';
}

export interface NetworkWatchHooks {
  /** Addresses of the machine's interfaces now. */
  ownHosts(): readonly string[];
  /** Once per change, when the addresses have been the same for NETWORK_SETTLE_MS. */
  onChange(change: NetworkChange): void;
}

/** Order says nothing: the system lists interfaces as it likes. */
const nameOf = (hosts: readonly string[]): string => [...new Set(hosts)].sort().join(' ');

export class NetworkWatch {
  readonly #runtime: Runtime;
  readonly #hooks: NetworkWatchHooks;
  #timer: Timer | undefined;
  #isRunning = false;
  /** What was told last, or found at the start. */
  #known = '';
  /** What was found last, while it may go on changing. */
  #found = '';
  #changedMs: number | undefined;
  /** How far the wall clock is ahead of the monotonic one, which stands still while the machine sleeps. */
  #aheadMs = 0;
  #hasSlept = false;

  constructor(runtime: Runtime, hooks: NetworkWatchHooks) {
    this.#runtime = runtime;
    this.#hooks = hooks;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#known = nameOf(this.#hosts() ?? []);
    this.#found = this.#known;
    this.#changedMs = undefined;
    this.#aheadMs = this.#clockGapMs();
    this.#arm(NETWORK_POLL_MS);
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#runtime.clock.setTimer(delayMs, () => {
      this.#look();
      if (this.#isRunning) this.#arm(this.#changedMs === undefined ? NETWORK_POLL_MS : NETWORK_SETTLE_MS);
    });
  }

  #look(): void {
    const hosts = this.#hosts();
    if (hosts === undefined) return;
    const nowMs = this.#runtime.clock.monotonicMs();
    const gapMs = this.#clockGapMs();
    if (gapMs - this.#aheadMs >= SLEEP_NOTICED_MS) this.#hasSlept = true;
    this.#aheadMs = gapMs;
    const found = nameOf(hosts);
    const isSettled = found === this.#found;
    this.#found = found;
    if (found === this.#known && !this.#hasSlept) {
      this.#changedMs = undefined;
      return;
    }
    this.#changedMs ??= nowMs;
    // A cable that is plugged in brings one address after the other; one that flaps must not hold up the word for ever.
    if ((isSettled && nowMs > this.#changedMs) || nowMs - this.#changedMs >= NETWORK_SETTLE_MAX_MS) this.#tell(hosts, found);
  }

  #tell(hosts: readonly string[], found: string): void {
    const why = found === this.#known ? 'woke' : 'interfaces';
    this.#known = found;
    this.#hasSlept = false;
    this.#changedMs = undefined;
    this.#runtime.log.info('participant.network.changed', { why, hosts: found });
    this.#hooks.onChange({ hosts, why });
  }

  /** Undefined when the system does not say: then nothing has changed. */
  #hosts(): readonly string[] | undefined {
    try {
      return this.#hooks.ownHosts();
    } catch (error) {
      this.#runtime.log.warn('participant.network.unreadable', { why: toBatChainError(error).message });
      return undefined;
    }
  }

  #clockGapMs(): number {
    const { clock } = this.#runtime;
    return clock.nowMs() - clock.monotonicMs();
  }
}
