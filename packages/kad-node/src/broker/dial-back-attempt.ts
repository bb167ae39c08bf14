// driven: one dial-back that we asked for: what has come of it so far, and waiting for more.
import type { Address, Runtime } from '@batchain/shared';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';
import type { DialBackOutcome, KadRequest } from '../wire/messages.ts';

export type DialBackResult = Extract<KadRequest, { readonly type: 'dial-back-result' }>;

export interface ArrivedProbe {
  readonly from: Address;
  /** We had sent to that IP before: a NAT may have let it in for that reason. */
  readonly isExpected: boolean;
}

export class DialBackAttempt {
  readonly nonce: Uint8Array;
  readonly peer: ProvedPeer;
  readonly #runtime: Runtime;
  readonly #probes: ArrivedProbe[] = [];
  readonly #results = new Map<DialBackOutcome, DialBackResult>();
  readonly #checks = new Set<() => void>();
  #isEnded = false;

  constructor(runtime: Runtime, nonce: Uint8Array, peer: ProvedPeer) {
    this.#runtime = runtime;
    this.nonce = nonce;
    this.peer = peer;
  }

  /** The first probe that suits; further ones than the few that are due are dropped. */
  probe(isWanted: (probe: ArrivedProbe) => boolean): ArrivedProbe | undefined {
    return this.#probes.find(isWanted);
  }

  /** What the peer told with this outcome. */
  result(outcome: DialBackOutcome): DialBackResult | undefined {
    return this.#results.get(outcome);
  }

  /** What the peer told first. */
  get firstResult(): DialBackResult | undefined {
    return this.#results.values().next().value;
  }

  noteProbe(probe: ArrivedProbe): void {
    if (this.#probes.length >= PROBES_KEPT_MAX) return;
    this.#probes.push(probe);
    this.#check();
  }

  noteResult(result: DialBackResult): void {
    if (!this.#results.has(result.outcome)) this.#results.set(result.outcome, result);
    this.#check();
  }

  /** Resolves with what `find` gives as soon as it gives something, with undefined after `timeoutMs` or when the attempt is ended. */
  until<T>(find: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const settle = (found: T | undefined): void => {
        timer.cancel();
        this.#checks.delete(check);
        resolve(found);
      };
      const check = (): void => {
        const found = find();
        if (found !== undefined || this.#isEnded) settle(found);
      };
      const timer = this.#runtime.clock.setTimer(Math.max(1, timeoutMs), () => settle(find()));
      this.#checks.add(check);
      check();
    });
  }

  end(): void {
    this.#isEnded = true;
    this.#check();
  }

  #check(): void {
    for (const check of [...this.#checks]) check();
  }
}

/** Two are sent by the peer, one by a stranger. */
const PROBES_KEPT_MAX = 4;
