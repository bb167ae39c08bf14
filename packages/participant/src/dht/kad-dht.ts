// driven: looks at the network hash table through the KadNode: its size, nodes near an id, a ping, the table, the hops of a lookup.
import { compareDistance, type KadNode, type LookupResult, type ProvedPeer, type TableContact } from '@batchain/kad-node';
import {
  type Address,
  BatChainError,
  equalAddress,
  equalBytes,
  formatAddress,
  ID_BYTES,
  mapInFlight,
  type NodeId,
  parseNodeId,
  type Runtime,
  splitHostPort,
  toHex,
} from '@batchain/shared';
import type { DhtApi, DhtCallOptions } from '../api/dht-api.ts';
import {
  type DhtFindBody,
  type DhtFindResult,
  type DhtPingBody,
  type DhtPingResult,
  type DhtRoutesResult,
  type DhtSizeResult,
  type DhtTableContact,
  type DhtTraceBody,
  type DhtTraceResult,
  ID_TEXT,
} from '../api/dht-schemas.ts';
import { COUNTING_LOOKUPS, HOST_ADDRESSES_MAX, PEERS_SHOWN_MAX, TRACE_ASKED_MAX, TRACE_IN_FLIGHT_MAX } from '../limits.ts';
import {
  type ClockReading,
  type Holding,
  roundMs,
  viewBuckets,
  viewContacts,
  viewDistance,
  viewHops,
  viewTableContact,
} from './dht-views.ts';
import { noAnswer, noAnswerWords } from './no-answer.ts';

/** Kinds of records that one node is asked for, a question each. */
const QUESTIONS_PER_NODE = 4;

export interface KadDhtParts {
  readonly kad: KadNode;
  readonly bucketSize: number;
  /** The known node whose id begins so. Throws BAT_E_PEER_UNKNOWN. */
  readonly idOf: (prefix: string) => NodeId;
  /** Addresses of HOST:PORT; none when the name can not be looked up. Throws BAT_E_USAGE. */
  readonly resolve: (hostPort: string) => Promise<readonly Address[]>;
}

export class KadDht implements DhtApi {
  readonly #runtime: Runtime;
  readonly #parts: KadDhtParts;
  readonly #kad: KadNode;

  constructor(runtime: Runtime, parts: KadDhtParts) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#kad = parts.kad;
  }

  /** Looks up random keys first: few nodes are all met, of many it shows how densely they lie (BD-18). */
  async size({ signal }: DhtCallOptions): Promise<DhtSizeResult> {
    const { clock, random } = this.#runtime;
    const startMs = clock.monotonicMs();
    const lookups = Array.from({ length: COUNTING_LOOKUPS }, () => this.#kad.findContacts(random.bytes(ID_BYTES), { signal }));
    const found = await Promise.all(lookups);
    const met = new Set(found.flatMap(({ contacts }) => contacts.map(({ nodeId }) => toHex(nodeId)))).size;
    const asked = found.reduce((sum, { stats }) => sum + stats.requests, 0);
    const factsOf = (requests: number): Pick<DhtSizeResult, 'contacts' | 'requests' | 'durationMs'> => ({
      contacts: this.#kad.stats().contacts,
      requests,
      durationMs: Math.round(clock.monotonicMs() - startMs),
    });
    if (met < this.#parts.bucketSize) return { estimate: met + 1, error: 0, basis: met === 0 ? 'alone' : 'counted', ...factsOf(asked) };
    const before = this.#kad.stats().requests;
    const { nodes, errorRatio } = await this.#kad.measureSize({ signal });
    // Those met are there, whatever the density says.
    const estimate = Math.max(nodes, met + 1);
    const basis = errorRatio === 0 ? 'counted' : 'density';
    return { estimate, error: Math.ceil(estimate * errorRatio), basis, ...factsOf(asked + this.#kad.stats().requests - before) };
  }

  async find({ id, count }: DhtFindBody, { signal }: DhtCallOptions): Promise<DhtFindResult> {
    const target = this.#targetOf(id);
    const wanted = count ?? this.#parts.bucketSize;
    const { contacts, stats, steps, isComplete } = await this.#kad.findContacts(target, { signal, count: wanted, wantsSteps: true });
    return {
      target: toHex(target),
      contacts: viewContacts(target, contacts, steps),
      own: { nodeId: toHex(this.#kad.nodeId), distance: viewDistance(target, this.#kad.nodeId) },
      requests: stats.requests,
      durationMs: Math.round(stats.durationMs),
      isComplete,
    };
  }

  async ping({ to }: DhtPingBody, { signal }: DhtCallOptions): Promise<DhtPingResult> {
    const isAddress = to.includes(':');
    const expected = isAddress ? undefined : this.#pingedId(to);
    const addresses = expected === undefined ? await this.#addressesAt(to) : await this.#addressesOf(expected, signal);
    let why = 'no address of it is known';
    for (const address of addresses.slice(0, HOST_ADDRESSES_MAX)) {
      const options = { signal, isOurChoice: isAddress, ...(expected === undefined ? {} : { expected }) };
      const answer = await this.#kad.whoIsAt(address, options);
      signal.throwIfAborted();
      if (answer.ok) {
        const { peer, rttMs, observedAddress } = answer.value;
        const observed = formatAddress(observedAddress);
        return { nodeId: toHex(peer.nodeId), kad: formatAddress(peer.address), rttMs: roundMs(rttMs), observed };
      }
      why = noAnswerWords(answer.reason, answer.detail);
      if (!isAddress) why += ` from ${formatAddress(address)}`;
    }
    throw noAnswer(isAddress ? `nobody answers at ${to}` : `${to} does not answer`, why);
  }

  routes(): DhtRoutesResult {
    const { buckets, above, below, nodeId } = this.#kad.routes();
    const now = this.#now();
    const view = (contact: TableContact): DhtTableContact => viewTableContact(nodeId, contact, now);
    const contacts = buckets.flatMap((bucket) => bucket.contacts);
    return {
      nodeId: toHex(nodeId),
      bucketSize: this.#parts.bucketSize,
      buckets: viewBuckets(buckets, now),
      contacts: contacts.slice(0, PEERS_SHOWN_MAX).map(view),
      above: above === undefined ? null : view(above),
      below: below === undefined ? null : view(below),
    };
  }

  /** One plain lookup; then everybody on its way is asked what it keeps under the key (BD-15). */
  async trace({ id }: DhtTraceBody, { signal }: DhtCallOptions): Promise<DhtTraceResult> {
    const target = this.#targetOf(id);
    const self = this.#kad.nodeId;
    const startMs = this.#runtime.clock.monotonicMs();
    const result = await this.#kad.findContacts(target, { signal, wantsSteps: true });
    const holdings = await this.#holdings(target, result, signal);
    const isOwn = this.#isResponsible(target, result);
    const others = isOwn ? result.contacts.slice(0, this.#parts.bucketSize - 1) : result.contacts;
    const own = { nodeId: self, address: this.#kad.contact.contact.kadAddresses[0] ?? this.#kad.localAddress };
    const responsible = [...others, ...(isOwn ? [own] : [])].sort((a, b) => compareDistance(target, a.nodeId, b.nodeId));
    const isOneOf = (nodeId: NodeId): boolean => responsible.some((one) => equalBytes(one.nodeId, nodeId));
    const { steps, stats, isComplete } = result;
    return {
      target: toHex(target),
      hops: viewHops(target, steps, holdings, isOneOf),
      responsible: viewContacts(target, responsible, steps),
      own: { nodeId: toHex(self), distance: viewDistance(target, self), holds: [...this.#kad.heldHere(target)], isResponsible: isOwn },
      requests: stats.requests + holdings.length * QUESTIONS_PER_NODE,
      durationMs: Math.round(this.#runtime.clock.monotonicMs() - startMs),
      isComplete,
    };
  }

  /** We would keep a value of this key ourselves: fewer nodes than keep one are nearer. */
  #isResponsible(target: Uint8Array, { contacts }: LookupResult): boolean {
    const last = contacts[this.#parts.bucketSize - 1];
    return last === undefined || compareDistance(target, this.#kad.nodeId, last.nodeId) < 0;
  }

  /** Nearest first: what belongs to a key lies there. */
  async #holdings(target: Uint8Array, { steps }: LookupResult, signal: AbortSignal): Promise<Holding[]> {
    const peers: ProvedPeer[] = [];
    for (const { nodeId, address, outcome } of steps) {
      const isKnown = peers.some((peer) => equalBytes(peer.nodeId, nodeId) && equalAddress(peer.address, address));
      if (outcome === 'ok' && !isKnown) peers.push({ nodeId, address });
    }
    const asked = peers.sort((a, b) => compareDistance(target, a.nodeId, b.nodeId)).slice(0, TRACE_ASKED_MAX);
    return mapInFlight(asked, TRACE_IN_FLIGHT_MAX, async (peer): Promise<Holding> => {
      signal.throwIfAborted();
      return { peer, kinds: await this.#kad.heldBy(peer, target) };
    });
  }

  #targetOf(id: string): Uint8Array {
    return parseNodeId(id.toLowerCase()) ?? this.#parts.idOf(id);
  }

  #pingedId(to: string): NodeId {
    if (!ID_TEXT.test(to)) {
      throw new BatChainError('BAT_E_USAGE', { what: `${JSON.stringify(to)} is neither HOST:PORT nor an id`, why: 'an id is hex digits' });
    }
    const nodeId = parseNodeId(to.toLowerCase()) ?? this.#parts.idOf(to);
    if (!equalBytes(nodeId, this.#kad.nodeId)) return nodeId;
    throw new BatChainError('BAT_E_PEER_UNKNOWN', { what: `${to} is this computer itself`, why: 'there is nobody else to answer' });
  }

  async #addressesAt(hostPort: string): Promise<readonly Address[]> {
    const addresses = await this.#parts.resolve(hostPort);
    if (addresses.length > 0) return addresses;
    throw noAnswer(`nobody answers at ${hostPort}`, `${splitHostPort(hostPort)?.host ?? hostPort} can not be looked up`);
  }

  /** Where the table has it, else where its contact record says that it is. */
  async #addressesOf(nodeId: NodeId, signal: AbortSignal): Promise<readonly Address[]> {
    const known = this.#kad.routes().buckets.flatMap(({ contacts }) => contacts);
    const contact = known.find((one) => equalBytes(one.nodeId, nodeId));
    if (contact !== undefined) return [contact.address];
    const record = await this.#kad.getContact(nodeId, { signal });
    if (record !== undefined) return record.contact.kadAddresses;
    throw new BatChainError('BAT_E_PEER_UNKNOWN', { what: `no node ${toHex(nodeId)}`, why: 'nobody knows where it is' });
  }

  #now(): ClockReading {
    const { clock } = this.#runtime;
    return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }
}
