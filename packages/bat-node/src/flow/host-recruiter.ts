// driven: finds the hosts of an upload: near the file id, reachable, with room (BN-11 to BN-13, BN-22).
import { type ContactRecord, type Runtime, second, type Timer, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { CANDIDATES_MAX } from '../placement/network-size.ts';
import type { Locator, NoWay } from '../ports.ts';
import { type HostRefusal, noWayWords } from './flow-errors.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';

export interface RecruitRequest {
  /** Hosts of an earlier attempt, with their lease ids; asked first, and whatever their room: they hold some of it. */
  readonly known: readonly HostPeer[];
  /** Asked in this order. */
  readonly candidates: readonly ContactRecord[];
  /** How many hosts with room are wanted; fewer when there are not so many. */
  readonly count: number;
  /** With so many of them the others (the spares) are not waited for much longer. */
  readonly enough: number;
  /** Bytes that each will be asked to keep. */
  readonly needBytes: number;
  /** Hosts that are in use already, hex. */
  readonly except?: ReadonlyMap<string, unknown>;
  readonly signal: AbortSignal;
}

/** Who has not answered after this no longer keeps the next candidate from being asked: silent hosts cost no turn each. */
const HEAD_START_MS: number = 1 * second;
/** Spares are worth so much time. */
const SPARES_WAIT_MS: number = 1 * second;
/** Silent ones included. */
const ASKED_AT_ONCE_MAX: number = CANDIDATES_MAX;

/** What a host said when it was asked: its room, or why it is no host for us. */
type Offer = { readonly roomBytes: number } | { readonly refusal: string; readonly noWay?: NoWay | undefined };

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

  /** Asks for room, as many hosts at once as are still wanted, until enough said yes or all have answered. In the order given. */
  async recruit(request: RecruitRequest): Promise<HostPeer[]> {
    const { known, candidates, except, signal } = request;
    const isKnown = new Set(known.map((peer) => peer.key));
    const queue = [...known, ...candidates.filter(({ nodeId }) => !isKnown.has(toHex(nodeId))).map((record) => this.#peer(record))].filter(
      (peer) => except?.has(peer.key) !== true,
    );
    const hosts = await this.#askAll(queue, request, isKnown);
    signal.throwIfAborted();
    return queue.filter((peer) => hosts.has(peer) && peer.isUsable);
  }

  /** Those of the queue that have room. */
  #askAll(queue: readonly HostPeer[], request: RecruitRequest, isKnown: ReadonlySet<string>): Promise<ReadonlySet<HostPeer>> {
    const { count, enough, needBytes, signal } = request;
    const { clock } = this.#runtime;
    const hosts = new Set<HostPeer>();
    /** Asked within the head start. */
    const fresh = new Set<HostPeer>();
    let asked = 0;
    let running = 0;
    let spares: Timer | undefined;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        spares?.cancel();
        asked = queue.length;
        resolve(hosts);
      };
      const goOn = (): void => {
        while (asked < queue.length && hosts.size + fresh.size < count && running < ASKED_AT_ONCE_MAX) ask(queue[asked++] as HostPeer);
        if (running === 0 || hosts.size >= count) end();
        else if (hosts.size >= enough) spares ??= clock.setTimer(SPARES_WAIT_MS, end);
      };
      const ask = (peer: HostPeer): void => {
        running++;
        fresh.add(peer);
        const timer = clock.setTimer(HEAD_START_MS, () => {
          fresh.delete(peer);
          goOn();
        });
        this.#ask(peer, needBytes, signal)
          .then((offer) => {
            running--;
            fresh.delete(peer);
            timer.cancel();
            if (isEnough(offer, isKnown.has(peer.key) ? 0 : needBytes)) hosts.add(peer);
            goOn();
          })
          .catch(reject);
      };
      goOn();
    });
  }

  /** Why hosts that were asked are not, or no longer, hosts of this upload. */
  refusals(needBytes: number, peers: ReadonlyMap<string, HostPeer>): HostRefusal[] {
    return [...this.#offers].flatMap(([key, offer]) => {
      if ('refusal' in offer)
        return [{ key, reason: offer.noWay === undefined ? offer.refusal : noWayWords(offer.noWay), noWay: offer.noWay }];
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
      ? { refusal: status.reason, noWay: peer.noWay }
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
