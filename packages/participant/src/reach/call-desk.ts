// driven: calls and answers: sends ours, matches answers to calls, and hands what others ask to the answerer.
import {
  type Address,
  type ContactRecord,
  equalBytes,
  fail,
  type NodeId,
  ok,
  type Result,
  type Runtime,
  type Signer,
  toHex,
  type Verifier,
} from '@batchain/shared';
import { CALL_AGAIN_MS, CALL_REPEATED_MS, CALL_TRIES_MAX, CALLERS_REMEMBERED_MAX, SIGNAL_AGAIN_MS } from '../limits.ts';
import { PunchDesk } from './punch-desk.ts';
import { openPunch } from './punch-signal.ts';
import { CALL_ID_BYTES, MEETING_NONCE_BYTES, openSignal, type ReachSignal, signSignal } from './reach-signal.ts';
import type { MeetingFacts } from './reach-types.ts';
import { Vouchers } from './vouchers.ts';

export interface SignalTarget {
  readonly nodeId: NodeId;
  readonly record?: ContactRecord;
  /** The broker through which the other's signal came. */
  readonly via?: Address;
  /** Brokers that took a signal of which nothing came. */
  readonly avoid?: readonly Address[];
}

/** The KadNode as seen from here: carries signals to a node through its brokers. */
export interface Signalling {
  sendSignal(
    target: SignalTarget,
    bytes: Uint8Array,
    options: { readonly signal: AbortSignal },
  ): Promise<Result<{ readonly via: Address }, string>>;
}

/** A signal as it came in. */
export interface ReceivedSignal {
  readonly from: NodeId;
  readonly bytes: Uint8Array;
  readonly via: Address;
  /** Where the broker sees the sender. */
  readonly seenAt: Address;
}

/** An answer, and the broker that brought it. */
export interface CallAnswer {
  readonly answer: ReachSignal;
  readonly via: Address;
}

export type CallFailure = 'unreachable' | 'timeout' | 'aborted';

/** What came of sending one call, so far. */
interface Sent {
  /** Some broker passed it on. */
  isPassed: boolean;
  /** Why it was not passed on, the last time that it was not. */
  failure: string;
}

/** Brokers answer `busy` to that. */
const ASKED_TOO_OFTEN = `its brokers were asked too often; try again in ${SIGNAL_AGAIN_MS / 1000} s`;

function describeSent({ isPassed, failure }: Sent): string {
  if (failure === '') return 'no answer';
  return isPassed ? `no answer, and a repetition failed: ${failure}` : failure;
}

export class CallDesk {
  readonly #runtime: Runtime;
  readonly #signalling: Signalling;
  readonly #signer: Signer;
  readonly #verifier: Verifier;
  /** By call id: whose answer is waited for. */
  readonly #waiting = new Map<string, { readonly answerer: NodeId; readonly take: (answer: CallAnswer) => void }>();
  /** Highest sequence heard of each caller, the one heard longest ago first. */
  readonly #sequences = new Map<string, { readonly sequence: number; readonly callId: string; readonly atMs: number }>();
  readonly punches: PunchDesk;
  readonly #vouchers = new Vouchers();
  #sequence = 0;
  #onCall: (call: ReachSignal, via: Address) => void = () => undefined;

  constructor(runtime: Runtime, signalling: Signalling, identity: { readonly signer: Signer; readonly verifier: Verifier }) {
    this.#runtime = runtime;
    this.#signalling = signalling;
    this.#signer = identity.signer;
    this.#verifier = identity.verifier;
    this.punches = new PunchDesk(runtime, signalling, identity.signer);
  }

  onCall(handler: (call: ReachSignal, via: Address) => void): void {
    this.#onCall = handler;
  }

  makeCall(to: NodeId, facts: MeetingFacts): ReachSignal {
    const { entropy, clock } = this.#runtime;
    this.#sequence = Math.max(this.#sequence + 1, clock.nowMs());
    return this.#make('call', entropy.bytes(CALL_ID_BYTES), to, this.#sequence, facts);
  }

  makeAnswer(call: ReachSignal, to: NodeId, facts: MeetingFacts): ReachSignal {
    return this.#make('answer', call.callId, to, call.sequence, facts);
  }

  #make(kind: ReachSignal['kind'], callId: Uint8Array, to: NodeId, sequence: number, facts: MeetingFacts): ReachSignal {
    const nonce = this.#runtime.entropy.bytes(MEETING_NONCE_BYTES);
    return { kind, callId, from: this.#signer.publicKey, to, sequence: Math.floor(sequence), nonce, facts };
  }

  /** Sends the call, again while nothing is heard (the other end answers it once), and waits for the answer. */
  async call(
    target: SignalTarget,
    call: ReachSignal,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Result<CallAnswer, CallFailure>> {
    const { clock } = this.#runtime;
    const { signal, timeoutMs } = options;
    const key = toHex(call.callId);
    const bytes = signSignal(this.#signer, call);
    const sending = new AbortController();
    const sent: Sent = { isPassed: false, failure: '' };
    const ended = this.#sendAgain(target, bytes, AbortSignal.any([signal, sending.signal]), sent).catch((error: unknown) => {
      sent.failure = String(error);
    });
    try {
      return await new Promise<Result<CallAnswer, CallFailure>>((resolve) => {
        const timer = clock.setTimer(timeoutMs, () => {
          // What is still under way tells then what it met.
          sending.abort();
          void ended.then(() => finish(fail('timeout', describeSent(sent))));
        });
        const onAbort = (): void => finish(fail('aborted'));
        const finish = (result: Result<CallAnswer, CallFailure>): void => {
          timer.cancel();
          signal.removeEventListener('abort', onAbort);
          resolve(result);
        };
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort);
        this.#waiting.set(key, { answerer: call.to, take: (answer) => finish(ok(answer)) });
        void ended.then(() => {
          if (!sent.isPassed && !sending.signal.aborted) finish(fail('unreachable', describeSent(sent)));
        });
      });
    } finally {
      sending.abort();
      this.#waiting.delete(key);
    }
  }

  async #sendAgain(target: SignalTarget, bytes: Uint8Array, signal: AbortSignal, sent: Sent): Promise<void> {
    const avoid: Address[] = [];
    for (let i = 0; i < CALL_TRIES_MAX && !signal.aborted; i++) {
      // With no other broker left, the same one again: what was called may have had no time.
      const others = target.record === undefined || target.record.contact.brokers.length > avoid.length;
      const result = await this.#signalling.sendSignal(others ? { ...target, avoid } : target, bytes, { signal });
      // `ok` says that it was passed on, not that it arrived.
      if (result.ok) {
        sent.isPassed = true;
        avoid.push(result.value.via);
      } else if (result.reason === 'refused') sent.failure = ASKED_TOO_OFTEN;
      else if (result.reason !== 'aborted')
        sent.failure = result.detail === undefined ? result.reason : `${result.reason}: ${result.detail}`;
      if (!sent.isPassed) break;
      await this.#runtime.clock.sleep(CALL_AGAIN_MS, signal).catch(() => undefined);
    }
  }

  /** Never rejects: what was not sent is asked for again. */
  async answer(target: SignalTarget, answer: ReachSignal, signal: AbortSignal): Promise<void> {
    const bytes = signSignal(this.#signer, answer);
    const sent = await this.#signalling.sendSignal(target, bytes, { signal }).catch((error: unknown) => fail(String(error)));
    if (!sent.ok) this.#runtime.log.info('reach.answer-failed', { peer: toHex(target.nodeId), reason: sent.reason });
  }

  /** True when the peer was shown at this IP lately by itself or by two brokers. */
  isVouched(peer: NodeId, host: string): boolean {
    return this.#vouchers.vouchesFor(peer, host, this.#runtime.clock.monotonicMs());
  }

  /** Whatever comes in: a signal that its sender did not sign for us is dropped. */
  receive({ from, bytes, via, seenAt }: ReceivedSignal): void {
    const expected = { from, to: this.#signer.nodeId };
    const opened = openSignal(this.#verifier, bytes, expected);
    const punch = opened.ok ? undefined : openPunch(this.#verifier, bytes, expected);
    if (!opened.ok && punch?.ok !== true) {
      const { reason } = punch !== undefined && opened.reason === 'malformed' ? punch : opened;
      this.#runtime.log.info('reach.bad-signal', { peer: toHex(from), via: via.host, reason });
      return;
    }
    this.#vouchers.note(from, seenAt, via, this.#runtime.clock.monotonicMs());
    if (punch?.ok === true) this.punches.take(punch.value);
    else if (opened.ok) this.#takeSignal(from, opened.value, via);
  }

  #takeSignal(from: NodeId, signal: ReachSignal, via: Address): void {
    if (signal.kind === 'answer') {
      const waiting = this.#waiting.get(toHex(signal.callId));
      if (waiting !== undefined && equalBytes(waiting.answerer, from)) waiting.take({ answer: signal, via });
    } else if (this.#isNew(from, signal)) this.#onCall(signal, via);
    else this.#runtime.log.debug('reach.replayed-call', { peer: toHex(from), via: via.host });
  }

  /** A call that is repeated has the sequence and the id of the one before, and comes soon after it; all else that is not newer is a replay. */
  #isNew(from: NodeId, { sequence, callId }: ReachSignal): boolean {
    const key = toHex(from);
    const nowMs = this.#runtime.clock.monotonicMs();
    const known = this.#sequences.get(key);
    const isRepeated = known?.sequence === sequence;
    if (known !== undefined && sequence < known.sequence) return false;
    if (isRepeated && (toHex(callId) !== known.callId || nowMs - known.atMs > CALL_REPEATED_MS)) return false;
    this.#sequences.delete(key);
    this.#sequences.set(key, isRepeated ? known : { sequence, callId: toHex(callId), atMs: nowMs });
    const oldest = this.#sequences.keys().next();
    if (this.#sequences.size > CALLERS_REMEMBERED_MAX && oldest.done !== true) this.#sequences.delete(oldest.value);
    return true;
  }
}
