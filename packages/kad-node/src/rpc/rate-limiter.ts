// pure: how much each source may make us do (T6, T7). Sources are IP addresses; private and loopback ones are exempt.
import { type Address, ipBytes, isDialable, isPrivateHost, toHex } from '@batchain/shared';
import {
  NO_SESSION_PER_S,
  NO_SESSION_SOURCES_MAX,
  SIGNATURES_PER_S,
  SIGNATURES_RESERVED,
  SOURCE_PACKETS_BURST,
  SOURCE_PACKETS_PER_S,
  SOURCES_MAX,
} from '../limits.ts';
import { BoundedMap } from './bounded-map.ts';
import { TokenBucket } from './token-bucket.ts';

/** `exempt`: private ranges. `never`: unspecified, multicast and broadcast addresses, which nobody sends from. */
type Allowance = TokenBucket | 'exempt' | 'never';

/** An IPv6 user has a whole /64 to send from, so that is the source; the rare whole-address ranges are kept apart. */
function sourceOf(host: string): string {
  const bytes = host.includes(':') ? ipBytes(host) : undefined;
  if (bytes === undefined) return host;
  const prefix = toHex(bytes.subarray(0, 8));
  return prefix === '0000000000000000' ? host : prefix;
}

export interface RateLimits {
  readonly packetsPerS: number;
  readonly packetsBurst: number;
  readonly signaturesPerS: number;
  readonly signaturesReserved: number;
}

export const RATE_LIMITS: RateLimits = {
  packetsPerS: SOURCE_PACKETS_PER_S,
  packetsBurst: SOURCE_PACKETS_BURST,
  signaturesPerS: SIGNATURES_PER_S,
  signaturesReserved: SIGNATURES_RESERVED,
};

/** The allowances of everything outside sessions. `nowMs` is of one monotonic clock throughout. */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #sources = new BoundedMap<string, Allowance>(SOURCES_MAX);
  readonly #noSessions = new BoundedMap<string, TokenBucket>(NO_SESSION_SOURCES_MAX);
  readonly #signatures: TokenBucket;

  constructor(nowMs: number, limits: RateLimits = RATE_LIMITS) {
    this.#limits = limits;
    this.#signatures = new TokenBucket(limits.signaturesPerS, limits.signaturesPerS, nowMs);
  }

  /** One datagram outside a session from this address. */
  takePacket(from: Address, nowMs: number): boolean {
    const source = sourceOf(from.host);
    let allowance = this.#sources.get(source);
    if (allowance === undefined) {
      allowance = this.#allowanceOf(from.host, nowMs);
      this.#sources.set(source, allowance);
    }
    if (allowance === 'never' || from.port === 0) return false;
    return allowance === 'exempt' || allowance.take(nowMs);
  }

  #allowanceOf(host: string, nowMs: number): Allowance {
    if (!isDialable({ host, port: 1 }, [host])) return 'never';
    if (isPrivateHost(host)) return 'exempt';
    return new TokenBucket(this.#limits.packetsPerS, this.#limits.packetsBurst, nowMs);
  }

  /** One NO_SESSION to this address, given as text. */
  takeNoSession(address: string, nowMs: number): boolean {
    let bucket = this.#noSessions.get(address);
    if (bucket === undefined) {
      bucket = new TokenBucket(NO_SESSION_PER_S, 1, nowMs);
      this.#noSessions.set(address, bucket);
    }
    return bucket.take(nowMs);
  }

  /** One public-key operation on behalf of another. A part is reserved for those whose cookie or session proves their address. */
  takeSignature(isAddressProved: boolean, nowMs: number): boolean {
    return this.#signatures.take(nowMs, 1, isAddressProved ? 0 : this.#limits.signaturesReserved);
  }
}
