// driven: participants that carry connections of others and that this node has reached itself: named in its signals.
import type { ContactRecord, NodeId, Runtime, Timer } from '@batchain/shared';
import { isPrivateHost, toHex } from '@batchain/shared';
import { RELAY_CANDIDATES_MAX, RELAY_CHECK_INTERVAL_MS, RELAY_CHECK_SOON_MS, RELAYS_KEPT_MAX } from '../limits.ts';
import type { RelayHint } from './reach-types.ts';

export interface RelayDirectoryParts {
  /** Nodes to ask, the preferred first: brokers, then other public KadNodes. */
  readonly candidates: () => readonly NodeId[];
  readonly resolve: (nodeId: NodeId, signal: AbortSignal) => Promise<ContactRecord | undefined>;
  /** True when a connection to it stands or could be made. */
  readonly reaches: (record: ContactRecord, signal: AbortSignal) => Promise<boolean>;
}

export class RelayDirectory {
  readonly #runtime: Runtime;
  readonly #parts: RelayDirectoryParts;
  readonly #stop = new AbortController();
  #relays: readonly RelayHint[] = [];
  #timer: Timer | undefined;
  #isLooking = false;
  /** Something changed during the look. */
  #isAgain = false;

  constructor(runtime: Runtime, parts: RelayDirectoryParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  get relays(): readonly RelayHint[] {
    return this.#relays;
  }

  start(): void {
    this.#arm(RELAY_CHECK_SOON_MS);
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  /** Brokers or the network have changed. */
  lookSoon(): void {
    if (!this.#stop.signal.aborted) this.#arm(RELAY_CHECK_SOON_MS);
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#runtime.clock.setTimer(delayMs, () => {
      this.#look()
        .catch((error: unknown) => this.#runtime.log.warn('reach.relays.failed', { error: String(error) }))
        .finally(() => {
          if (this.#stop.signal.aborted || this.#isLooking) return;
          const restMs = this.#relays.length > 0 ? RELAY_CHECK_INTERVAL_MS : RELAY_CHECK_INTERVAL_MS / 10;
          this.#arm(this.#isAgain ? RELAY_CHECK_SOON_MS : restMs);
          this.#isAgain = false;
        });
    });
  }

  async #look(): Promise<void> {
    if (this.#isLooking) {
      this.#isAgain = true;
      return;
    }
    this.#isLooking = true;
    try {
      const candidates = new Map(this.#parts.candidates().map((nodeId) => [toHex(nodeId), nodeId]));
      const checks = [...candidates.values()].slice(0, RELAY_CANDIDATES_MAX).map(async (nodeId) => {
        const hint = await this.#check(nodeId);
        // The first one counts at once: another candidate may be a dial that ends only at its deadline.
        if (hint !== undefined && this.#relays.length === 0 && !this.#stop.signal.aborted) this.#relays = [hint];
        return hint;
      });
      const found = (await Promise.all(checks)).filter((hint) => hint !== undefined).slice(0, RELAYS_KEPT_MAX);
      if (this.#stop.signal.aborted) return;
      this.#relays = found;
      this.#runtime.log.debug('reach.relays', { relays: found.map((relay) => toHex(relay.nodeId)) });
    } finally {
      this.#isLooking = false;
    }
  }

  async #check(nodeId: NodeId): Promise<RelayHint | undefined> {
    const { signal } = this.#stop;
    const record = await this.#parts.resolve(nodeId, signal);
    if (record?.contact.flags.relays !== true) return undefined;
    const bat = record.contact.batAddresses.find(({ host }) => !isPrivateHost(host)) ?? record.contact.batAddresses[0];
    if (bat === undefined || !(await this.#parts.reaches(record, signal))) return undefined;
    return { nodeId, bat };
  }
}
