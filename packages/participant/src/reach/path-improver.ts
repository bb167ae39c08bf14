// driven: looks again for a better way to peers that are reached through a relay: networks change, and some punches need luck.
import { type NodeId, type Runtime, type Timer, toHex } from '@batchain/shared';
import { IMPROVE_AGAIN_FACTOR, IMPROVE_AGAIN_MAX_MS, IMPROVE_CHECK_MS, IMPROVE_FIRST_MS } from '../limits.ts';

export interface PathImproverParts {
  /** Peers whose session goes through a relay and was called for by this node; the other end would only do the same. */
  readonly relayedPeers: () => readonly NodeId[];
  /** Looks for a way without a relay, and hands it on itself. Ends within the time of a ladder. */
  readonly improve: (nodeId: NodeId, signal: AbortSignal) => Promise<unknown>;
}

interface Relayed {
  readonly nodeId: NodeId;
  readonly dueMs: number;
  readonly waitMs: number;
}

/** One peer at a time; each less and less often. */
export class PathImprover {
  readonly #runtime: Runtime;
  readonly #parts: PathImproverParts;
  readonly #relayed = new Map<string, Relayed>();
  readonly #stop = new AbortController();
  #timer: Timer | undefined;

  constructor(runtime: Runtime, parts: PathImproverParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  start(): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = this.#runtime.clock.setTimer(IMPROVE_CHECK_MS, () => {
      this.#check()
        .catch((error: unknown) => this.#runtime.log.debug('reach.improve.failed', { error: String(error) }))
        .finally(() => this.start());
    });
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  /** Another network may let through what this one did not: the waits begin anew. */
  networkChanged(): void {
    this.#relayed.clear();
  }

  async #check(): Promise<void> {
    const nowMs = this.#runtime.clock.monotonicMs();
    const peers = new Map(this.#parts.relayedPeers().map((nodeId) => [toHex(nodeId), nodeId]));
    for (const key of this.#relayed.keys()) if (!peers.has(key)) this.#relayed.delete(key);
    for (const [key, nodeId] of peers) {
      if (!this.#relayed.has(key)) this.#relayed.set(key, { nodeId, dueMs: nowMs + IMPROVE_FIRST_MS, waitMs: IMPROVE_FIRST_MS });
    }
    const [due] = [...this.#relayed].filter(([, { dueMs }]) => dueMs <= nowMs).sort(([, a], [, b]) => a.dueMs - b.dueMs);
    if (due === undefined) return;
    const [key, { nodeId, waitMs }] = due;
    const nextMs = Math.min(waitMs * IMPROVE_AGAIN_FACTOR, IMPROVE_AGAIN_MAX_MS);
    this.#relayed.set(key, { nodeId, dueMs: nowMs + nextMs, waitMs: nextMs });
    await this.#parts.improve(nodeId, this.#stop.signal);
  }
}
