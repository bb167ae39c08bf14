// pure: how much laying out of long answers is done for others, each and in all (T7). Work is counted in records looked at.
import { HEAVY_WORK_PEERS_MAX, HEAVY_WORK_PER_PEER_PER_S, HEAVY_WORK_PER_S, LIGHT_WORK_MAX } from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import { partyOf } from '../rpc/party.ts';
import { TokenBucket } from '../rpc/token-bucket.ts';

export class HeavyWork {
  readonly #all: TokenBucket;
  readonly #peers = new BoundedMap<string, TokenBucket>(HEAVY_WORK_PEERS_MAX);

  constructor(nowMs: number) {
    this.#all = new TokenBucket(HEAVY_WORK_PER_S, HEAVY_WORK_PER_S, nowMs);
  }

  /** True when so much may be done for this peer now; what is light always may. */
  take(work: number, peer: RpcRequest['peer'], nowMs: number): boolean {
    if (work <= LIGHT_WORK_MAX) return true;
    const name = partyOf(peer);
    let own = this.#peers.get(name);
    if (own === undefined) {
      own = new TokenBucket(HEAVY_WORK_PER_PEER_PER_S, HEAVY_WORK_PER_PEER_PER_S, nowMs);
      this.#peers.set(name, own);
    }
    return own.take(nowMs, work) && this.#all.take(nowMs, work);
  }
}
