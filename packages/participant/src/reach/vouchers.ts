// pure: where brokers see the senders of signals: two that see one at the same IP vouch for it (T8).
import { type Address, equalAddress, isPrivateHost, type NodeId, networkGroup, toHex } from '@batchain/shared';
import { VOUCHED_FOR_MS, VOUCHED_PEERS_MAX, VOUCHES_PER_PEER_MAX } from '../limits.ts';

interface Vouch {
  readonly host: string;
  /** Network of the broker: one operator has one word. */
  readonly by: string;
  /** It came from the peer itself: whoever gets our datagrams there answered. */
  readonly isOwn: boolean;
  readonly atMs: number;
}

export class Vouchers {
  readonly #byPeer = new Map<string, readonly Vouch[]>();

  note(peer: NodeId, seenAt: Address, via: Address, nowMs: number): void {
    const key = toHex(peer);
    const by = isPrivateHost(via.host) ? via.host : networkGroup(via.host);
    const vouch: Vouch = { host: seenAt.host, by, isOwn: equalAddress(seenAt, via), atMs: nowMs };
    const known = this.#byPeer.get(key) ?? [];
    this.#byPeer.delete(key);
    this.#byPeer.set(key, [...known, vouch].slice(-VOUCHES_PER_PEER_MAX));
    const oldest = this.#byPeer.keys().next();
    if (this.#byPeer.size > VOUCHED_PEERS_MAX && oldest.done !== true) this.#byPeer.delete(oldest.value);
  }

  /** True when the peer itself, or two brokers of different networks, showed it at this IP lately. */
  vouchesFor(peer: NodeId, host: string, nowMs: number): boolean {
    const fresh = (this.#byPeer.get(toHex(peer)) ?? []).filter((vouch) => vouch.host === host && nowMs - vouch.atMs <= VOUCHED_FOR_MS);
    return fresh.some(({ isOwn }) => isOwn) || new Set(fresh.map(({ by }) => by)).size >= 2;
  }
}
