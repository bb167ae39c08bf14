// driven: participants that carry connections of others and that this node has reached itself: named in its signals.
import type { CloseReason, Connection, ContactRecord, DialFailure, NodeId, Result, Runtime, Timer } from '@batchain/shared';
import { equalBytes, isPrivateHost, toHex } from '@batchain/shared';
import {
  RELAY_CANDIDATES_MAX,
  RELAY_CHECK_INTERVAL_MS,
  RELAY_CHECK_SOON_MS,
  RELAY_FAULT_KEPT_MS,
  RELAY_FAULTS_MAX,
  RELAY_STEADY_MS,
  RELAYS_KEPT_MAX,
} from '../limits.ts';
import type { RelayHint, RungOptions } from './reach-types.ts';

export interface RelayDirectoryParts {
  /** Nodes to ask, the preferred first: brokers, then other public KadNodes. */
  readonly candidates: () => readonly NodeId[];
  readonly resolve: (nodeId: NodeId, signal: AbortSignal) => Promise<ContactRecord | undefined>;
  /** True when a connection to it stands or could be made. */
  readonly reaches: (record: ContactRecord, signal: AbortSignal) => Promise<boolean>;
}

/** Words with which a relay that keeps to its limits ends a circuit. */
const LIMIT_WORDS: ReadonlySet<string | undefined> = new Set(['idle', 'relay-bytes', 'relay-time', 'relay-quota', 'relay-full']);

/** Neither end closed the connection, or one did because it heard nothing more. It may have been the relay. */
function isFault({ reason, detail }: CloseReason, livedMs: number): boolean {
  if (LIMIT_WORDS.has(detail) && livedMs >= RELAY_STEADY_MS) return false;
  return reason === 'error' || reason === 'protocol-error' || detail === 'timeout';
}

/** The relay's own word, with which the detail of a failed circuit begins. */
const isNoRelay = ({ detail }: { readonly detail?: string | undefined }): boolean => detail?.startsWith('not-a-relay') === true;

export class RelayDirectory {
  readonly #runtime: Runtime;
  readonly #parts: RelayDirectoryParts;
  readonly #stop = new AbortController();
  /** All that were found, the preferred first. */
  #relays: readonly RelayHint[] = [];
  /** When a circuit of a relay last failed, by its id in hex; the one that failed longest ago first. */
  readonly #faults = new Map<string, number>();
  #timer: Timer | undefined;
  #isLooking = false;
  /** Something changed during the look. */
  #isAgain = false;

  constructor(runtime: Runtime, parts: RelayDirectoryParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /**
   * Those to name. One that failed lately is left out as long as there is another: both ends of a meeting choose among what both name, so
   * a relay that alters or drops what it carries costs either end one attempt. When all have failed, the one that did so longest ago is first.
   */
  get relays(): readonly RelayHint[] {
    const nowMs = this.#runtime.clock.monotonicMs();
    const failedMs = ({ nodeId }: RelayHint): number => {
      const atMs = this.#faults.get(toHex(nodeId)) ?? Number.NEGATIVE_INFINITY;
      return nowMs - atMs < RELAY_FAULT_KEPT_MS ? atMs : Number.NEGATIVE_INFINITY;
    };
    const sound = this.#relays.filter((relay) => failedMs(relay) === Number.NEGATIVE_INFINITY);
    const named = sound.length > 0 ? sound : this.#relays.toSorted((a, b) => failedMs(a) - failedMs(b));
    return named.slice(0, RELAYS_KEPT_MAX);
  }

  /** Remembers when `joining` a circuit of the relay fails, and when the connection through it breaks. */
  async watch(
    { nodeId }: RelayHint,
    joining: Promise<Result<Connection, DialFailure>>,
    { timeoutMs, isDecided }: Pick<RungOptions, 'timeoutMs' | 'isDecided'>,
  ): Promise<Result<Connection, DialFailure>> {
    const { clock } = this.#runtime;
    const beganMs = clock.monotonicMs();
    const joined = await joining;
    const openedMs = clock.monotonicMs();
    if (!joined.ok && isNoRelay(joined)) this.#retired(nodeId);
    else if (joined.ok) void joined.value.closed.then((end) => isFault(end, clock.monotonicMs() - openedMs) && this.#failed(nodeId, end));
    else {
      // Where another way was faster, the other end has left the circuit.
      const isNeeded = isDecided?.() !== true && (joined.reason !== 'aborted' || openedMs - beganMs >= timeoutMs);
      if (isNeeded) this.#failed(nodeId, joined);
    }
    return joined;
  }

  /** It says itself that it does not relay: it was started anew, or its record is old. What it says of itself now is looked at. */
  #retired(nodeId: NodeId): void {
    this.#relays = this.#relays.filter((relay) => !equalBytes(relay.nodeId, nodeId));
    this.#runtime.log.info('reach.relay-retired', { relay: toHex(nodeId) });
    this.lookSoon();
  }

  #failed(nodeId: NodeId, { reason, detail }: CloseReason): void {
    const key = toHex(nodeId);
    this.#faults.delete(key);
    this.#faults.set(key, this.#runtime.clock.monotonicMs());
    const oldest = this.#faults.keys().next();
    if (this.#faults.size > RELAY_FAULTS_MAX && oldest.done !== true) this.#faults.delete(oldest.value);
    this.#runtime.log.info('reach.relay-failed', { relay: key, reason, detail });
  }

  start(): void {
    this.#arm(RELAY_CHECK_SOON_MS);
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  /** Brokers, the network or what a relay says of itself have changed. */
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
      const found = (await Promise.all(checks)).filter((hint) => hint !== undefined);
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
