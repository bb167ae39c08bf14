// driven: keeps up to date what this node says of itself: asks others how they see and reach it, whenever something may have changed.
import type { Address, Runtime, Timer } from '@batchain/shared';
import { SELF_CHECK_AGAIN_MS, SELF_CHECK_INTERVAL_MS, SELF_CHECK_SOON_MS } from '../limits.ts';
import { describeSelf, type PortMapping, type SeenByOthers, type SelfDescription } from './describe-self.ts';
import type { RelayHint } from './reach-types.ts';

/** The KadNode as seen from here. */
export interface SelfView {
  selfView(): SeenByOthers;
  /** Asks others to reach us; resolves when they have told, or have not for 5 s. */
  checkReach(options: { readonly batPort: number | undefined; readonly kadPort: number | undefined }): Promise<unknown>;
  setReachability(options: { readonly isReachable: boolean }): void;
}

export interface SelfKeeperParts {
  readonly kad: SelfView;
  readonly ownHosts: () => readonly string[];
  /** Where the sockets are bound. */
  readonly bound: () => { readonly kad: Address; readonly bat: Address };
  readonly relays: () => readonly RelayHint[];
  readonly hasNoUdp: () => boolean;
  /** Something of the description may be new: the contact record is made from it. */
  readonly onChange: (self: SelfDescription) => void;
}

export class SelfKeeper {
  readonly #runtime: Runtime;
  readonly #parts: SelfKeeperParts;
  readonly #mappings = new Map<PortMapping['protocol'], PortMapping>();
  #timer: Timer | undefined;
  #isChecking = false;
  #isAgain = false;
  /** The sockets are bound from the start until the stop. */
  #isRunning = false;

  constructor(runtime: Runtime, parts: SelfKeeperParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** As things stand now. */
  describe(): SelfDescription {
    const { kad, ownHosts, bound, relays, hasNoUdp } = this.#parts;
    return describeSelf({
      seen: kad.selfView(),
      hosts: ownHosts(),
      ...bound(),
      mappings: [...this.#mappings.values()],
      hasNoUdp: hasNoUdp(),
      relays: relays(),
    });
  }

  /** Tells what is known, and asks others soon. */
  start(): void {
    this.#isRunning = true;
    this.#tell();
    this.#arm(SELF_CHECK_INTERVAL_MS);
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  /** The network was joined, an interface or the address outside changed, a connection died: look again. */
  checkSoon(): void {
    this.#tell();
    this.#isAgain ||= this.#isChecking;
    this.#arm(SELF_CHECK_SOON_MS);
  }

  mapped(mapping: PortMapping): void {
    this.#mappings.set(mapping.protocol, mapping);
    this.checkSoon();
  }

  unmapped(protocol: PortMapping['protocol']): void {
    if (this.#mappings.delete(protocol)) this.checkSoon();
  }

  #tell(): void {
    if (!this.#isRunning) return;
    const self = this.describe();
    this.#parts.kad.setReachability({ isReachable: self.isKadReachable });
    this.#parts.onChange(self);
  }

  #arm(delayMs: number): void {
    if (!this.#isRunning) return;
    this.#timer?.cancel();
    this.#timer = this.#runtime.clock.setTimer(delayMs, () => {
      this.#check().catch((error: unknown) => this.#runtime.log.warn('reach.self-check.failed', { error: String(error) }));
    });
  }

  async #check(): Promise<void> {
    if (this.#isChecking) {
      this.#isAgain = true;
      return;
    }
    this.#isChecking = true;
    try {
      const batPort = this.#mappings.get('tcp')?.external.port ?? this.#parts.bound().bat.port;
      const udp = this.#mappings.get('udp')?.external;
      // Others try it at the address where they see us.
      const kadPort = udp?.host === this.#parts.kad.selfView().external?.host ? udp?.port : undefined;
      await this.#parts.kad.checkReach({ batPort, kadPort });
    } finally {
      this.#isChecking = false;
      this.#arm(this.#isAgain ? SELF_CHECK_AGAIN_MS : SELF_CHECK_INTERVAL_MS);
      this.#isAgain = false;
      this.#tell();
    }
  }
}
