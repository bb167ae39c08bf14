// pure: places for requests in work at a host: few per peer, and the fewer the scarcer they are (T14).
import { REQUESTS_MAX, REQUESTS_PER_PEER_MAX } from '../limits.ts';

/** When more than half of all places are taken, a peer gets this part of what the others left, and one at least. */
const SCARCE_PART = 1 / 8;

/**
 * Shares that shrink with what is left (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2),
 * 1998): a few peers never take all, and a new one finds a place.
 */
export class RequestPlaces {
  #taken = 0;
  readonly #byPeer = new Map<string, number>();

  get taken(): number {
    return this.#taken;
  }

  /** False when the peer has had its share; otherwise to be followed by `give`. Peers are named by their node ids in hex. */
  take(peer: string): boolean {
    const own = this.#byPeer.get(peer) ?? 0;
    if (this.#taken >= REQUESTS_MAX || own >= this.#share(own)) return false;
    this.#byPeer.set(peer, own + 1);
    this.#taken += 1;
    return true;
  }

  give(peer: string): void {
    const left = (this.#byPeer.get(peer) ?? 1) - 1;
    if (left > 0) this.#byPeer.set(peer, left);
    else this.#byPeer.delete(peer);
    this.#taken -= 1;
  }

  #share(own: number): number {
    const left = REQUESTS_MAX - (this.#taken - own);
    return left * 2 >= REQUESTS_MAX ? REQUESTS_PER_PEER_MAX : Math.max(1, Math.floor(left * SCARCE_PART));
  }
}
