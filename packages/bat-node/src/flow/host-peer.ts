// driven: one host within one flow: its session (opened on demand), its lease id, and how it has behaved.
import { type ContactRecord, fail, type NodeId, ok, type Result, type Runtime, toHex } from '@batchain/shared';
import type { Connector, NoWay, ProviderHint } from '../ports.ts';
import { ShardClient, type ShardClientOptions } from '../transfer/shard-client.ts';

/** A dial that takes longer is not worth waiting for in a flow; the ladder has its own, longer budget in the background. */
const CONNECT_TIMEOUT_MS = 8_000;
/** Failed dials or transfers in a row after which a host is left alone for the rest of the flow. */
const FAILURES_MAX = 3;
/** Transfers that break together because one connection broke count as one failure. */
const FAILURE_WINDOW_MS = 500;
const LEASE_ID_BYTES = 16;

export interface PeerTools {
  readonly connector: Connector;
  readonly clientOptions: ShardClientOptions;
  /** Hosts that could not be reached in the round of work that these tools are for, and why: they are not dialled again. */
  readonly away?: Map<string, string>;
}

export class HostPeer {
  readonly nodeId: NodeId;
  readonly key: string;
  readonly record: ContactRecord | undefined;
  /** 16 random bytes per file and host; of an earlier attempt when resumed. */
  readonly leaseId: Uint8Array;
  /** Transfers under way, for load balancing. */
  inFlight = 0;
  lastFailure = '';
  /** It answers, but the last dial led nowhere. */
  noWay: NoWay | undefined;
  /** It gave wrong bytes once: others are asked before it. */
  isDoubted = false;
  readonly #runtime: Runtime;
  readonly #tools: PeerTools;
  #failures = 0;
  /** Given up for good: nothing that was under way and ends well brings it back. */
  #isOut = false;
  #lastFailureMs = Number.NEGATIVE_INFINITY;
  #client: ShardClient | undefined;
  #connecting: Promise<Result<ShardClient>> | undefined;

  constructor(runtime: Runtime, tools: PeerTools, hint: ProviderHint, leaseId?: Uint8Array) {
    this.#runtime = runtime;
    this.#tools = tools;
    this.nodeId = hint.nodeId;
    this.key = toHex(hint.nodeId);
    this.record = hint.record;
    this.leaseId = leaseId ?? runtime.entropy.bytes(LEASE_ID_BYTES);
  }

  /** False once it failed too often in this flow. */
  get isUsable(): boolean {
    return !this.#isOut && this.#failures < FAILURES_MAX;
  }

  /** Its client over the one session to it; dials when there is none. */
  async client(signal: AbortSignal): Promise<Result<ShardClient>> {
    if (this.#client?.isOpen === true) return ok(this.#client);
    this.#connecting ??= this.#connect(signal).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /**
   * One call at the host; made again, once, over a new session when the known one turns out to have ended unnoticed: that of a process
   * that is gone, or of a network that was. For calls that may be made twice.
   */
  async ask<T>(signal: AbortSignal, call: (client: ShardClient) => Promise<Result<T>>): Promise<Result<T>> {
    const startedMs = this.#runtime.clock.monotonicMs();
    const client = await this.client(signal);
    if (!client.ok) return client;
    const answer = await call(client.value);
    if (answer.ok || signal.aborted || !client.value.hasLapsed(answer.reason, startedMs)) return answer;
    const again = await this.client(signal);
    return again.ok ? call(again.value) : answer;
  }

  /** False when it was not dialled yet, or the last dial failed. */
  get isReached(): boolean {
    return this.#client !== undefined;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Counts a failure; `isFinal` gives the host up at once (it refused, or sent wrong bytes). */
  failed(reason: string, isFinal = false): void {
    if (this.#isOut) return;
    this.lastFailure = reason;
    const nowMs = this.#runtime.clock.monotonicMs();
    if (isFinal) this.#isOut = true;
    else if (nowMs - this.#lastFailureMs >= FAILURE_WINDOW_MS) {
      this.#failures++;
      this.#lastFailureMs = nowMs;
    }
  }

  async #connect(signal: AbortSignal): Promise<Result<ShardClient>> {
    const { away } = this.#tools;
    const known = away?.get(this.key);
    if (known !== undefined) {
      this.failed(known, true);
      return fail(known);
    }
    const session = await this.#tools.connector.connect(
      { nodeId: this.nodeId, record: this.record },
      { signal, timeoutMs: CONNECT_TIMEOUT_MS },
    );
    this.#client = undefined;
    // Of an error on this side nothing was tried.
    this.noWay = session.ok || session.reason === 'error' ? undefined : this.#tools.connector.noWay?.(this.nodeId);
    if (!session.ok) {
      if (session.reason !== 'aborted') {
        away?.set(this.key, session.reason);
        this.failed(session.reason);
      }
      return session;
    }
    this.#client = new ShardClient(this.#runtime, session.value, this.#tools.clientOptions);
    return ok(this.#client);
  }
}
