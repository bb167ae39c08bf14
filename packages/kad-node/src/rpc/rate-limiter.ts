// pure: how much each source may make us do (T6, T7). Sources are IP addresses; private and loopback ones are exempt.
import { type Address, formatAddress, isDialable, isPrivateHost } from '@batchain/shared';
import {
  HELLOS_PER_S,
  NO_SESSION_PER_S,
  NO_SESSION_SOURCES_MAX,
  NO_SESSIONS_PER_S,
  SIGNATURES_PER_S,
  SIGNATURES_RESERVED,
  SOURCE_PACKETS_BURST,
  SOURCE_PACKETS_PER_S,
  SOURCES_MAX,
} from '../limits.ts';
import { BoundedMap } from './bounded-map.ts';
import { sourceOf } from './source-ip.ts';
import { TokenBucket } from './token-bucket.ts';

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

interface Source {
  readonly bucket: TokenBucket;
  /** In a private range, where one address is no sign of one sender. Found out when the bucket runs dry, since asking takes longer. */
  isExempt: boolean;
}

/** The allowances of everything outside sessions. `nowMs` is of one monotonic clock throughout. */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #sources = new BoundedMap<string, Source>(SOURCES_MAX);
  readonly #noSessionsByAddress = new BoundedMap<string, TokenBucket>(NO_SESSION_SOURCES_MAX);
  readonly #hellos: TokenBucket;
  readonly #noSessions: TokenBucket;
  readonly #signatures: TokenBucket;

  constructor(nowMs: number, limits: RateLimits = RATE_LIMITS) {
    this.#limits = limits;
    this.#hellos = new TokenBucket(HELLOS_PER_S, HELLOS_PER_S, nowMs);
    this.#noSessions = new TokenBucket(NO_SESSIONS_PER_S, NO_SESSIONS_PER_S, nowMs);
    this.#signatures = new TokenBucket(limits.signaturesPerS, limits.signaturesPerS, nowMs);
  }

  /** One HELLO from this address is to be read. */
  takeHello(from: Address, nowMs: number): boolean {
    return this.#takePacket(from, nowMs) && this.#hellos.take(nowMs) && isAnswerable(from);
  }

  /** One NO_SESSION is to be sent to this address. */
  takeNoSession(to: Address, nowMs: number): boolean {
    if (!this.#takePacket(to, nowMs)) return false;
    const key = formatAddress(to);
    let bucket = this.#noSessionsByAddress.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(NO_SESSION_PER_S, 1, nowMs);
      this.#noSessionsByAddress.set(key, bucket);
    }
    return bucket.take(nowMs) && this.#noSessions.take(nowMs) && isAnswerable(to);
  }

  /**
   * Public-key operations on behalf of another, counted in signature checks. A part is reserved for those whose cookie or
   * session proves their address.
   */
  takeSignatures(count: number, isAddressProved: boolean, nowMs: number): boolean {
    return this.#signatures.take(nowMs, count, isAddressProved ? 0 : this.#limits.signaturesReserved);
  }

  #takePacket(from: Address, nowMs: number): boolean {
    const key = sourceOf(from.host);
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = { bucket: new TokenBucket(this.#limits.packetsPerS, this.#limits.packetsBurst, nowMs), isExempt: false };
      this.#sources.set(key, source);
    }
    if (source.isExempt || source.bucket.take(nowMs)) return true;
    source.isExempt = isPrivateHost(from.host);
    return source.isExempt;
  }
}

/** Nobody sends from an unspecified, multicast or broadcast address, or from port 0: an answer would hit others (T6). */
const isAnswerable = (from: Address): boolean => isDialable(from, [from.host]);
