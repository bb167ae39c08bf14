// pure: room for rosters that are being received: each may take 12 MiB, and anybody with one shard here may send one.
import { ROSTERS_IN_WORK_BYTES_MAX, ROSTERS_PER_PEER_BYTES_MAX } from '../limits.ts';

/** A roster gets at most half of what is left, so that a few slow senders of long ones never keep out short ones (T14). */
export class RosterDesk {
  #takenBytes = 0;
  readonly #byPeer = new Map<string, number>();

  /** False when the peer, or all together, have too many in work; otherwise to be followed by `give`. Peers by node id in hex. */
  take(peer: string, bytes: number): boolean {
    const own = this.#byPeer.get(peer) ?? 0;
    const leftBytes = ROSTERS_IN_WORK_BYTES_MAX - this.#takenBytes;
    if (own + bytes > ROSTERS_PER_PEER_BYTES_MAX || bytes > leftBytes / 2) return false;
    this.#byPeer.set(peer, own + bytes);
    this.#takenBytes += bytes;
    return true;
  }

  give(peer: string, bytes: number): void {
    const own = (this.#byPeer.get(peer) ?? bytes) - bytes;
    if (own > 0) this.#byPeer.set(peer, own);
    else this.#byPeer.delete(peer);
    this.#takenBytes -= bytes;
  }
}
