// pure: address tokens: proof that an asker received what was sent to its address (T6), without state per asker.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Address, addressBytes, type NodeId, type Random } from '@batchain/shared';
import { TOKEN_PERIOD_MS } from '../limits.ts';

export const TOKEN_BYTES = 16;
const SECRET_BYTES = 32;

interface Secret {
  readonly bytes: Uint8Array;
  readonly sinceMs: number;
}

/**
 * Makes and checks tokens: the first 16 bytes of HMAC-SHA256(secret, IP and port, id). The secret changes every 5 minutes
 * and the one before it still counts, so a token is valid for 5 to 10 minutes. Times are of one monotonic clock.
 */
export class AddressTokens {
  readonly #entropy: Random;
  #current: Secret | undefined;
  #previous: Secret | undefined;

  constructor(entropy: Random) {
    this.#entropy = entropy;
  }

  make(address: Address, nodeId: NodeId, nowMs: number): Uint8Array {
    this.#rotate(nowMs);
    return tokenOf((this.#current as Secret).bytes, address, nodeId);
  }

  check(token: Uint8Array, address: Address, nodeId: NodeId, nowMs: number): boolean {
    if (token.length !== TOKEN_BYTES) return false;
    this.#rotate(nowMs);
    return [this.#current, this.#previous].some(
      (secret) => secret !== undefined && timingSafeEqual(tokenOf(secret.bytes, address, nodeId), token),
    );
  }

  #rotate(nowMs: number): void {
    if (this.#current !== undefined && nowMs - this.#current.sinceMs < TOKEN_PERIOD_MS) return;
    // Periods follow one another without gaps: a late rotation must not lengthen the life of what it retires.
    const nextSinceMs = (this.#current?.sinceMs ?? Number.NEGATIVE_INFINITY) + TOKEN_PERIOD_MS;
    const isNext = nowMs - nextSinceMs < TOKEN_PERIOD_MS;
    this.#previous = isNext ? this.#current : undefined;
    this.#current = { bytes: this.#entropy.bytes(SECRET_BYTES), sinceMs: isNext ? nextSinceMs : nowMs };
  }
}

function tokenOf(secret: Uint8Array, address: Address, nodeId: NodeId): Uint8Array {
  const digest = createHmac('sha256', secret).update(addressBytes(address)).update(nodeId).digest();
  return new Uint8Array(digest.buffer, digest.byteOffset, TOKEN_BYTES);
}
