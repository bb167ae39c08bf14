// pure: how many bytes of records we hand over, in all and to one party (T7).
import {
  HANDOVER_BYTES_BURST,
  HANDOVER_BYTES_PER_S,
  HANDOVER_PARTIES_MAX,
  HANDOVER_PARTY_BYTES_BURST,
  HANDOVER_PARTY_BYTES_PER_S,
} from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';
import { TokenBucket } from '../rpc/token-bucket.ts';

export class HandoverBudget {
  readonly #all: TokenBucket;
  readonly #parties = new BoundedMap<string, TokenBucket>(HANDOVER_PARTIES_MAX);

  constructor(nowMs: number) {
    this.#all = new TokenBucket(HANDOVER_BYTES_PER_S, HANDOVER_BYTES_BURST, nowMs);
  }

  /** `later`: in a moment there is room again. `never`: this party has had its share, and waits for the next; nobody in particular has no share. */
  take(party: string | undefined, bytes: number, nowMs: number): 'now' | 'later' | 'never' {
    const own = party === undefined ? undefined : this.#bucketOf(party, nowMs);
    if (own !== undefined && !own.take(nowMs, bytes)) return 'never';
    if (this.#all.take(nowMs, bytes)) return 'now';
    own?.give(bytes);
    return 'later';
  }

  #bucketOf(party: string, nowMs: number): TokenBucket {
    const known = this.#parties.get(party);
    if (known !== undefined) return known;
    const made = new TokenBucket(HANDOVER_PARTY_BYTES_PER_S, HANDOVER_PARTY_BYTES_BURST, nowMs);
    this.#parties.set(party, made);
    return made;
  }
}
