// driven: finds the hosts of an upload: near the file id, reachable, with room (BN-11 to BN-13, BN-22).
import { type ContactRecord, type Runtime, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { CANDIDATES_MAX } from '../placement/network-size.ts';
import type { Locator } from '../ports.ts';
import type { HostRefusal } from './flow-errors.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';

export interface RecruitRequest {
  /** Hosts of an earlier attempt, with their lease ids; asked first, and whatever their room: they hold some of it. */
  readonly known: readonly HostPeer[];
  /** Asked in this order. */
  readonly candidates: readonly ContactRecord[];
  /** How many hosts with room are wanted; fewer when there are not so many. */
  readonly count: number;
  /** Bytes that each will be asked to keep. */
  readonly needBytes: number;
  /** Hosts that are in use already, hex. */
  readonly except?: ReadonlyMap<string, unknown>;
  readonly signal: AbortSignal;
}

/** What a host said when it was asked: its room, or why it is no host for us. */
type Offer = { readonly roomBytes: number } | { readonly refusal: string };

export class HostRecruiter {
  readonly #runtime: Runtime;
  readonly #locator: Locator;
  readonly #tools: PeerTools;
  readonly #peers = new Map<string, HostPeer>();
  /** Each host is asked once per upload. */
  readonly #offers = new Map<string, Offer>();

  constructor(runtime: Runtime, locator: Locator, tools: PeerTools) {
    this.#runtime = runtime;
    this.#locator = locator;
    this.#tools = tools;
  }

  /** Contact records with `stores` among the nearest to the file id, nearest first. */
  candidates(fileId: FileId, signal: AbortSignal): Promise<readonly ContactRecord[]> {
    return this.#locator.findHosts(fileId, CANDIDATES_MAX, signal);
  }

  /** Asks for room, as many hosts at once as are still wanted, until enough said yes or all were asked. */
  async recruit(request: RecruitRequest): Promise<HostPeer[]> {
    const { known, candidates, count, needBytes, except, signal } = request;
    const isKnown = new Set(known.map((peer) => peer.key));
    const queue = [...known, ...candidates.filter(({ nodeId }) => !isKnown.has(toHex(nodeId))).map((record) => this.#peer(record))].filter(
      (peer) => except?.has(peer.key) !== true,
    );
    const hosts: HostPeer[] = [];
    for (let at = 0; at < queue.length && hosts.length < count; ) {
      const batch = queue.slice(at, at + count - hosts.length);
      at += batch.length;
      const offers = await Promise.all(batch.map((peer) => this.#ask(peer, needBytes, signal)));
      signal.throwIfAborted();
      hosts.push(...batch.filter((peer, i) => isEnough(offers[i], isKnown.has(peer.key) ? 0 : needBytes) && peer.isUsable));
    }
    return hosts;
  }

  /** Why hosts that were asked are not, or no longer, hosts of this upload. */
  refusals(needBytes: number, peers: ReadonlyMap<string, HostPeer>): HostRefusal[] {
    return [...this.#offers].flatMap(([key, offer]) => {
      if ('refusal' in offer) return [{ key, reason: offer.refusal }];
      const peer = peers.get(key);
      if (peer === undefined) return offer.roomBytes < needBytes ? [{ key, reason: 'no-room' }] : [];
      return peer.isUsable ? [] : [{ key, reason: peer.lastFailure }];
    });
  }

  #peer(record: ContactRecord): HostPeer {
    const key = toHex(record.nodeId);
    const peer = this.#peers.get(key) ?? new HostPeer(this.#runtime, this.#tools, { nodeId: record.nodeId, record });
    this.#peers.set(key, peer);
    return peer;
  }

  async #ask(peer: HostPeer, needBytes: number, signal: AbortSignal): Promise<Offer> {
    const before = this.#offers.get(peer.key);
    if (before !== undefined) return before;
    const status = await peer.ask(signal, (client) => client.status(needBytes, { signal }));
    const offer: Offer = !status.ok
      ? { refusal: status.reason }
      : status.value.isLeaving
        ? { refusal: 'leaving' }
        : { roomBytes: status.value.roomBytes };
    this.#offers.set(peer.key, offer);
    return offer;
  }
}

function isEnough(offer: Offer | undefined, needBytes: number): boolean {
  return offer !== undefined && 'roomBytes' in offer && offer.roomBytes >= needBytes;
}
