// driven: one request of ours from the first try to its result.
import { type Address, fail, type NodeId, ok, type Result, type Timer, toHex } from '@batchain/shared';
import { ANSWER_TYPES, decodeResponse } from '../wire/message-codecs.ts';
import type { KadRequest } from '../wire/messages.ts';
import type { RpcFailure, RpcReply } from './kad-rpc.ts';
import type { Session } from './session.ts';

export type RpcResult = Result<RpcReply, RpcFailure>;

export interface CallParts {
  readonly transactionId: Uint8Array;
  readonly to: Address;
  /** `to` as text. */
  readonly addressKey: string;
  readonly expected: NodeId | undefined;
  readonly request: KadRequest;
  readonly bytes: Uint8Array;
  readonly triesMax: number;
  readonly introduces: boolean;
  readonly opensSession: boolean;
  readonly maySend: (() => boolean) | undefined;
  readonly isOurChoice: boolean;
}

/** Mutable state of a request in flight. Settles once; later calls of settle do nothing. */
export class Call {
  readonly parts: CallParts;
  readonly transactionKey: string;
  readonly addressKey: string;
  /** Datagrams sent for it so far. */
  tries = 0;
  /** How often a NO_SESSION made it start anew. */
  restarts = 0;
  sentMs = 0;
  /** Where its last try went. */
  session: Session | undefined;
  timer: Timer | undefined;
  readonly #onSettled: (result: RpcResult) => void;
  #isSettled = false;

  constructor(parts: CallParts, onSettled: (result: RpcResult) => void) {
    this.parts = parts;
    this.transactionKey = toHex(parts.transactionId);
    this.addressKey = parts.addressKey;
    this.#onSettled = onSettled;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  get isOutOfTries(): boolean {
    return this.tries >= this.parts.triesMax;
  }

  stopTimer(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  settle(result: RpcResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.stopTimer();
    this.#onSettled(result);
  }

  fail(reason: RpcFailure, detail?: string): void {
    this.settle(fail(reason, detail));
  }

  /** Settles with what a proved peer answered: its message, or the failure that its error stands for. */
  settleWithReply(session: Session, reply: { readonly message: Uint8Array; readonly isClient: boolean }, nowMs: number): void {
    this.settle(judgeReply(this.parts.request, session, reply.message, { rttMs: nowMs - this.sentMs, isClient: reply.isClient }));
  }
}

function judgeReply(request: KadRequest, session: Session, message: Uint8Array, facts: Pick<RpcReply, 'rttMs' | 'isClient'>): RpcResult {
  const response = decodeResponse(message);
  if (!response.ok) return fail('malformed-reply', response.detail);
  if (response.value.type === 'error') {
    const { code, detail } = response.value;
    return fail(code === 'rate-limited' ? 'busy' : 'refused', detail === '' ? code : `${code}: ${detail}`);
  }
  if (response.value.type !== ANSWER_TYPES[request.type]) {
    return fail('malformed-reply', `${response.value.type} as the answer to ${request.type}`);
  }
  const { peer, observedAddress, isAsker } = session;
  return ok({ peer, response: response.value, observedAddress, isWitness: isAsker, ...facts });
}
