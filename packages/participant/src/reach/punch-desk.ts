// driven: the signals of hand punches: sends the steps of one side and gives out those of the other, whichever comes first.
import {
  type Address,
  fail,
  type NodeId,
  nodeIdFromPublicKey,
  ok,
  type Result,
  type Runtime,
  type Signer,
  type Timer,
  toHex,
} from '@batchain/shared';
import { EARLY_STEP_KEPT_MS, EARLY_STEPS_MAX, EARLY_STEPS_PER_PEER_MAX } from '../limits.ts';
import type { CallFailure, Signalling } from './call-desk.ts';
import { type PunchSignal, type PunchStep, signPunch } from './punch-signal.ts';

/** Who is meant: the peer of one call, and the broker through which the call went. */
export interface PunchPeer {
  readonly nodeId: NodeId;
  readonly callId: Uint8Array;
  readonly via: Address | undefined;
}

type Step = PunchStep['step'];
type StepOf<S extends Step> = Extract<PunchStep, { readonly step: S }>;

const keyOf = (peer: NodeId, callId: Uint8Array, step: Step): string => `${toHex(peer)} ${toHex(callId)} ${step}`;

export class PunchDesk {
  readonly #runtime: Runtime;
  readonly #signalling: Signalling;
  readonly #signer: Signer;
  readonly #waiting = new Map<string, (step: PunchStep) => void>();
  /** Came before anybody waited for it. */
  readonly #early = new Map<string, { readonly content: PunchStep; readonly timer: Timer }>();

  constructor(runtime: Runtime, signalling: Signalling, signer: Signer) {
    this.#runtime = runtime;
    this.#signalling = signalling;
    this.#signer = signer;
  }

  /** By another broker than the call where there is one: so that two see where we are. */
  async send(peer: PunchPeer, content: PunchStep, signal: AbortSignal): Promise<Result<void, string>> {
    const { nodeId, callId, via } = peer;
    const bytes = signPunch(this.#signer, { callId, from: this.#signer.publicKey, to: nodeId, content });
    if (via !== undefined && content.step === 'facts') {
      const sent = await this.#signalling.sendSignal({ nodeId, avoid: [via] }, bytes, { signal });
      if (sent.ok || signal.aborted) return sent.ok ? ok(undefined) : sent;
    }
    const sent = await this.#signalling.sendSignal({ nodeId, ...(via === undefined ? {} : { via }) }, bytes, { signal });
    return sent.ok ? ok(undefined) : sent;
  }

  /** The peer's step, which may have come already. */
  receive<S extends Step>(
    peer: PunchPeer,
    step: S,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Result<StepOf<S>, CallFailure>> {
    const key = keyOf(peer.nodeId, peer.callId, step);
    const early = this.#early.get(key);
    this.#early.delete(key);
    early?.timer.cancel();
    if (early !== undefined) return Promise.resolve(ok(early.content as StepOf<S>));
    const { signal, timeoutMs } = options;
    return new Promise((resolve) => {
      const finish = (result: Result<StepOf<S>, CallFailure>): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(key);
        resolve(result);
      };
      const onAbort = (): void => finish(fail('aborted'));
      const timer = this.#runtime.clock.setTimer(timeoutMs, () => finish(fail('timeout', `the peer sent no ${step} of a punch`)));
      this.#waiting.set(key, (content) => finish(ok(content as StepOf<S>)));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort);
    });
  }

  /** A signal whose signature was checked. */
  take({ callId, from, content }: PunchSignal): void {
    const key = keyOf(nodeIdFromPublicKey(from), callId, content.step);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) return void waiting(content);
    const sender = toHex(nodeIdFromPublicKey(from));
    const ofSender = [...this.#early.keys()].filter((known) => known.startsWith(sender)).length;
    if (this.#early.has(key) || ofSender >= EARLY_STEPS_PER_PEER_MAX || this.#early.size >= EARLY_STEPS_MAX) return;
    const timer = this.#runtime.clock.setTimer(EARLY_STEP_KEPT_MS, () => this.#early.delete(key));
    this.#early.set(key, { content, timer });
  }

  /** Nothing is waited for any more. */
  close(): void {
    for (const { timer } of this.#early.values()) timer.cancel();
    this.#early.clear();
  }
}
