// driven: brings a signal to a node: one broker after the other, the next one when one failed or is slow, until one passed it on.
import { type Address, type ContactRecord, fail, type NodeId, ok, type Result, type Runtime, type Timer } from '@batchain/shared';
import { SIGNAL_DEADLINE_MS, SIGNAL_LOOKUP_MS, SIGNAL_WAY_WAIT_MS } from '../limits.ts';
import type { RpcFailure, RpcReply } from '../rpc/kad-rpc.ts';
import type { KadRequest } from '../wire/messages.ts';
import { type SignalTarget, type SignalWay, SignalWays, waysOfRecord } from './signal-ways.ts';

/** `unreachable`: nobody that we know of has a way to it; `refused`: somebody has, and all were busy (before the abort, if there was one). */
export type SignalFailure = 'unreachable' | 'refused' | 'aborted';
/** `via` passed the signal on. That it arrived only an answer can tell. */
export type SignalResult = Result<{ readonly via: Address }, SignalFailure>;

export interface SignalSenderParts {
  readonly selfId: NodeId;
  ask(to: SignalWay, request: KadRequest): Promise<Result<RpcReply, RpcFailure>>;
  /** The newest contact record that is at hand, or (`isFresh`) that the network has. */
  findContact(nodeId: NodeId, isFresh: boolean, deadlineMs: number): Promise<ContactRecord | undefined>;
  /** Where the node itself is, as far as we are in touch with it. */
  addressesOf(nodeId: NodeId): readonly Address[];
  /** Our own brokers: it may have them too. */
  ownBrokers(): readonly SignalWay[];
}

export class SignalSender {
  readonly #runtime: Runtime;
  readonly #parts: SignalSenderParts;

  constructor(runtime: Runtime, parts: SignalSenderParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** Ends within SIGNAL_DEADLINE_MS. A signal may arrive more than once: through two brokers, when the first was slow. */
  send(target: SignalTarget, bytes: Uint8Array, signal?: AbortSignal): Promise<SignalResult> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve(fail('aborted'));
      const onAbort = (): void => sending.abandon();
      const sending = new Sending(this.#runtime, this.#parts, target, bytes, (result) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(result);
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      sending.start();
    });
  }
}

/** One signal on its way. */
class Sending {
  readonly #runtime: Runtime;
  readonly #parts: SignalSenderParts;
  readonly #target: SignalTarget;
  readonly #request: KadRequest;
  readonly #onSettled: (result: SignalResult) => void;
  readonly #ways: SignalWays;
  /** Lookups of the target's record that are left: from what is at hand, then from the network. */
  readonly #lookups: boolean[];
  #hasOwnBrokers = false;
  #open = 0;
  #isAnyBusy = false;
  #isSettled = false;
  #reasons: string[] = [];
  #deadline: Timer | undefined;
  #timer: Timer | undefined;

  constructor(
    runtime: Runtime,
    parts: SignalSenderParts,
    target: SignalTarget,
    bytes: Uint8Array,
    onSettled: (result: SignalResult) => void,
  ) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#target = target;
    this.#ways = new SignalWays(target.avoid);
    this.#request = { type: 'introduce', target: target.nodeId, signal: bytes };
    this.#onSettled = onSettled;
    this.#lookups = target.record === undefined ? [false, true] : [true];
  }

  start(): void {
    const { nodeId, record, via } = this.#target;
    this.#deadline = this.#runtime.clock.setTimer(SIGNAL_DEADLINE_MS, () => this.#giveUp());
    if (via !== undefined) this.#add([{ nodeId: undefined, address: via }]);
    this.#add(this.#parts.addressesOf(nodeId).map((address) => ({ nodeId, address })));
    if (record !== undefined) this.#addRecord(record);
    this.#next();
  }

  /** Nobody waits for it any more; that brokers were busy is known all the same. */
  abandon(): void {
    this.settle(this.#isAnyBusy ? fail('refused', this.#reasons.join(', ')) : fail('aborted'));
  }

  settle(result: SignalResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#timer?.cancel();
    this.#deadline?.cancel();
    this.#onSettled(result);
  }

  /** The brokers in any order: a target's callers spread over them, and one that drops is not always the first. */
  #addRecord(record: ContactRecord): void {
    this.#add(waysOfRecord(record, this.#runtime.random.shuffle([...record.contact.brokers])));
  }

  #add(ways: readonly SignalWay[]): void {
    this.#ways.add(ways, this.#parts.selfId);
  }

  /** Begins with the next way; the one after it follows when this one failed, or did not answer for a while. */
  #next(): void {
    if (this.#isSettled) return;
    this.#timer?.cancel();
    const way = this.#ways.take() ?? this.#takeOwnBroker();
    const isFresh = way === undefined ? this.#lookups.shift() : undefined;
    if (way !== undefined) this.#run(this.#try(way));
    else if (isFresh !== undefined) this.#run(this.#lookUp(isFresh));
    else if (this.#open === 0) this.#giveUp();
  }

  #run(step: Promise<void>): void {
    this.#open++;
    this.#timer = this.#runtime.clock.setTimer(SIGNAL_WAY_WAIT_MS, () => this.#next());
    void step.finally(() => {
      this.#open--;
      this.#next();
    });
  }

  async #try(way: SignalWay): Promise<void> {
    const answer = await this.#parts.ask(way, this.#request);
    if (!answer.ok) {
      this.#isAnyBusy ||= answer.reason === 'busy';
      this.#reasons.push(answer.reason);
    } else if (answer.value.response.type === 'introduced') {
      const { outcome } = answer.value.response;
      if (outcome === 'passed') this.settle(ok({ via: answer.value.peer.address }));
      this.#isAnyBusy ||= outcome === 'busy';
      this.#reasons.push(outcome);
    }
  }

  async #lookUp(isFresh: boolean): Promise<void> {
    const record = await this.#parts.findContact(this.#target.nodeId, isFresh, SIGNAL_LOOKUP_MS).catch(() => undefined);
    if (record !== undefined) this.#addRecord(record);
  }

  /** When every other way has been tried or is slow: a lookup may wait for the very node that nobody reaches. */
  #takeOwnBroker(): SignalWay | undefined {
    if (this.#lookups.length > 0 || this.#hasOwnBrokers) return undefined;
    this.#hasOwnBrokers = true;
    this.#add(this.#parts.ownBrokers());
    return this.#ways.take();
  }

  #giveUp(): void {
    const detail = this.#reasons.length === 0 ? 'no broker is known' : this.#reasons.join(', ');
    this.settle(fail(this.#isAnyBusy ? 'refused' : 'unreachable', detail));
  }
}
