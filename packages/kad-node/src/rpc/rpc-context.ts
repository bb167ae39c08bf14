// driven: what the two halves of SessionRpc share: identity, keys, tables, and the way out.
import type { Address, Crypto, EphemeralKey, Runtime, Signer } from '@batchain/shared';
import { EPHEMERAL_KEY_MS } from '../limits.ts';
import type { RpcStats } from './rpc-stats.ts';
import type { RttEstimator } from './rtt-estimator.ts';
import type { SessionTable } from './session-table.ts';

export interface RpcContext {
  readonly runtime: Runtime;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly networkKey: Uint8Array;
  readonly ephemeralKeys: EphemeralKeys;
  readonly sessions: SessionTable;
  readonly rtt: RttEstimator;
  readonly stats: RpcStats;
  /** We are a client to whoever is there. */
  isClientTo(to: Address): boolean;
  send(bytes: Uint8Array, to: Address): void;
  /** The same address, as one object for all sessions whose peers see us there. */
  observed(address: Address): Address;
}

/**
 * One X25519 key for all first exchanges within a minute. Drawing one takes 450 us, as much as the whole rest of an
 * exchange; nonces and session ids keep the transcripts, and so the session keys, apart.
 */
export class EphemeralKeys {
  readonly #runtime: Runtime;
  readonly #crypto: Crypto;
  #key: EphemeralKey | undefined;
  #sinceMs = 0;

  constructor(runtime: Runtime, crypto: Crypto) {
    this.#runtime = runtime;
    this.#crypto = crypto;
  }

  current(): EphemeralKey {
    const nowMs = this.#runtime.clock.monotonicMs();
    if (this.#key === undefined || nowMs - this.#sinceMs >= EPHEMERAL_KEY_MS) {
      this.#key = this.#crypto.agreement.generate(this.#runtime.entropy);
      this.#sinceMs = nowMs;
    }
    return this.#key;
  }
}
