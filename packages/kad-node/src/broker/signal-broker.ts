// driven: passes signals on to nodes that we have a live session with, and takes those for us; remembers nothing but allowances (T8).
import { type Address, equalBytes, type NodeId, type Runtime } from '@batchain/shared';
import { SIGNAL_TARGET_HEARD_MS, SIGNALS_IN_FLIGHT_MAX } from '../limits.ts';
import type { KadRpc, ProvedPeer } from '../rpc/kad-rpc.ts';
import type { IntroduceOutcome } from '../wire/messages.ts';
import { BrokerLimits, SignalAllowance } from './signal-limits.ts';

/** A signal as it arrived: opaque bytes. Nobody but the bytes themselves can say whether it really is from `from`. */
export interface ReceivedSignal {
  readonly from: NodeId;
  readonly bytes: Uint8Array;
  /** Through whom an answer is sent best: the broker, or the sender itself when it came straight. */
  readonly via: Address;
  /** Where `via` sees the sender; the same as `via` when it came straight. */
  readonly seenAt: Address;
}

/** What a broker needs of the wire. */
export type SignalRpc = Pick<KadRpc, 'request' | 'sessionWith'>;

export type SignalHandler = (signal: ReceivedSignal) => void;

/** What one broker has done since the start. */
export interface BrokerCounts {
  passed: number;
  refused: number;
  taken: number;
}

/** docs/spec/introduction.md: a broker answers at once and passes on by a request of its own, in the session that is there. */
export class SignalBroker {
  readonly counts: BrokerCounts = { passed: 0, refused: 0, taken: 0 };
  readonly #runtime: Runtime;
  readonly #rpc: SignalRpc;
  readonly #selfId: NodeId;
  readonly #limits = new BrokerLimits();
  readonly #allowance: SignalAllowance;
  #handler: SignalHandler | undefined;
  #inFlight = 0;

  constructor(runtime: Runtime, rpc: SignalRpc, selfId: NodeId) {
    this.#runtime = runtime;
    this.#rpc = rpc;
    this.#selfId = selfId;
    this.#allowance = new SignalAllowance(runtime.clock.monotonicMs());
  }

  onSignal(handler: SignalHandler): void {
    this.#handler = handler;
  }

  /** Passes bytes of a proved asker on to `target`; a node is its own broker too. */
  introduce(asker: ProvedPeer, target: NodeId, bytes: Uint8Array): IntroduceOutcome {
    const outcome = this.#introduce(asker, target, bytes);
    if (outcome === 'passed') this.counts.passed++;
    else this.counts.refused++;
    return outcome;
  }

  /** A broker says that `from` sends us this. False when there were too many, or nobody listens. */
  take(from: ProvedPeer, bytes: Uint8Array, via: Address): boolean {
    const { nodeId, address } = from;
    if (this.#handler === undefined || equalBytes(nodeId, this.#selfId) || !this.#allowance.take(nodeId, via, this.#nowMs())) return false;
    this.counts.taken++;
    // Copies: what a datagram holds is not kept.
    this.#handler({ from: nodeId.slice() as NodeId, bytes: bytes.slice(), via, seenAt: address });
    return true;
  }

  #introduce(asker: ProvedPeer, target: NodeId, bytes: Uint8Array): IntroduceOutcome {
    const nowMs = this.#nowMs();
    if (!this.#limits.takeRequester(asker.nodeId, nowMs)) return 'busy';
    if (equalBytes(target, this.#selfId)) return this.take(asker, bytes, asker.address) ? 'passed' : 'busy';
    const session = this.#rpc.sessionWith(target);
    if (session === undefined || nowMs - session.heardMs > SIGNAL_TARGET_HEARD_MS) return 'not-here';
    if (!this.#limits.isAnswering(target, session.heardMs)) return 'not-here';
    if (this.#inFlight >= SIGNALS_IN_FLIGHT_MAX || !this.#limits.takeTarget(target, nowMs)) return 'busy';
    void this.#pass(asker, target.slice() as NodeId, session.address, bytes);
    return 'passed';
  }

  async #pass(asker: ProvedPeer, target: NodeId, to: Address, signal: Uint8Array): Promise<void> {
    this.#inFlight++;
    const maySend = (): boolean => this.#limits.takeDatagram(target, this.#nowMs());
    const result = await this.#rpc.request(
      to,
      target,
      { type: 'signal', from: asker.nodeId, address: asker.address, signal },
      { opensSession: false, maySend },
    );
    this.#inFlight--;
    if (!result.ok && (result.reason === 'timeout' || result.reason === 'no-session')) this.#limits.noteSilence(target, this.#nowMs());
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }
}
