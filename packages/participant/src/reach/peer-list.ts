// driven: the peers that this node knows, as users see them: contacts of its table and those that it is connected to.
import type { ConnectionPool, SessionView } from '@batchain/bat-node';
import type { KadNode, TableContact } from '@batchain/kad-node';
import { type Address, BatChainError, equalBytes, formatAddress, type NodeId, type Runtime, toHex } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import type { PeerView, WhyResult } from '../api/api-schemas.ts';
import { PEER_RECORD_WAIT_MS, PEER_RECORDS_ASKED_MAX, PEERS_SHOWN_MAX } from '../limits.ts';
import type { ClimbReport } from './climb-log.ts';
import type { Reach } from './reach.ts';

export class PeerList {
  readonly #runtime: Runtime;
  readonly #kad: KadNode;
  readonly #pool: ConnectionPool;
  readonly #reach: Reach;

  constructor(runtime: Runtime, parts: { readonly kad: KadNode; readonly pool: ConnectionPool; readonly reach: Reach }) {
    this.#runtime = runtime;
    this.#kad = parts.kad;
    this.#pool = parts.pool;
    this.#reach = parts.reach;
  }

  /** Peers that answer, or that are connected now. */
  get onlineCount(): number {
    const ids = [...this.#contacts().filter((contact) => this.#isAnswering(contact)), ...this.#sessions()].map(({ nodeId }) =>
      toHex(nodeId),
    );
    return new Set(ids).size;
  }

  /** A node that is offline holds it against no contact that it is silent: then none of them answers. */
  #isAnswering(contact: TableContact): boolean {
    return contact.failures === 0 && !this.#kad.stats().isOffline;
  }

  /** Members of before who do not answer now, and are asked again and again. */
  get remembered(): readonly NodeId[] {
    const online = new Set(this.#sessions().map(({ nodeId }) => toHex(nodeId)));
    const silent = this.#contacts().filter((contact) => !this.#isAnswering(contact));
    return [...silent, ...this.#kad.remembered()].map(({ nodeId }) => nodeId).filter((nodeId) => !online.has(toHex(nodeId)));
  }

  async all(): Promise<readonly PeerView[]> {
    const sessions = new Map(this.#sessions().map((view) => [toHex(view.nodeId), view]));
    const contacts = new Map(this.#contacts().map((contact) => [toHex(contact.nodeId), contact]));
    const keys = [...new Set([...contacts.keys(), ...sessions.keys()])].slice(0, PEERS_SHOWN_MAX);
    const known = keys.flatMap((key) => contacts.get(key) ?? sessions.get(key) ?? []);
    const batAddresses = await this.#batAddressesOf(known.map(({ nodeId }) => nodeId));
    return keys.map((key) => this.#view(key, contacts.get(key), sessions.get(key), batAddresses.get(key)));
  }

  /** The id, of ourselves or a peer, that begins so. Throws BAT_E_PEER_UNKNOWN when none does, or more than one. */
  idOf(prefix: string): NodeId {
    const ids = new Map<string, NodeId>();
    for (const { nodeId } of [this.#kad, ...this.#contacts(), ...this.#sessions(), ...this.#kad.remembered()])
      ids.set(toHex(nodeId), nodeId);
    for (const nodeId of this.#reach.tried()) ids.set(toHex(nodeId), nodeId);
    const wanted = prefix.toLowerCase();
    const found = [...ids].filter(([key]) => key.startsWith(wanted));
    const [first] = found;
    if (first === undefined || found.length > 1) {
      const why = first === undefined ? 'none is known here' : `${found.length} peers have ids that begin so`;
      throw new BatChainError('BAT_E_PEER_UNKNOWN', { what: `no peer ${prefix}`, why, fix: 'batchain peers --json' });
    }
    return first[1];
  }

  /** Throws BAT_E_PEER_UNKNOWN as `idOf`, and for the own id. */
  why(prefix: string): WhyResult {
    const nodeId = this.idOf(prefix);
    const key = toHex(nodeId);
    if (equalBytes(nodeId, this.#kad.nodeId)) {
      const why = 'nothing has to be tried to reach it';
      throw new BatChainError('BAT_E_PEER_UNKNOWN', { what: `${prefix} is this computer itself`, why, fix: 'batchain peers --json' });
    }
    const session = this.#sessions().find((view) => toHex(view.nodeId) === key);
    const seenMs = pathOf(session) === 'none' ? this.#kad.remembered().find((peer) => equalBytes(peer.nodeId, nodeId))?.seenMs : undefined;
    const awaySince = seenMs === undefined ? null : isoTime(seenMs);
    return { nodeId: key, path: pathOf(session), awaySince, attempts: this.#reach.why(nodeId).map(viewClimb) };
  }

  #contacts(): readonly TableContact[] {
    return this.#kad.routes().buckets.flatMap((bucket) => bucket.contacts);
  }

  #sessions(): readonly SessionView[] {
    return this.#pool.sessions();
  }

  #view(key: string, contact: TableContact | undefined, view: SessionView | undefined, bat: Address | undefined): PeerView {
    const { clock } = this.#runtime;
    const remote = view?.session.isUsable === true ? view.session.connection.remoteAddress : undefined;
    const rttMs = view?.session.rttMs ?? contact?.rttMs;
    const silentMs = Math.min(
      contact === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() - contact.lastSeenMs,
      view?.session.isUsable === true ? view.session.silentMs : Number.POSITIVE_INFINITY,
    );
    return {
      nodeId: key,
      kad: contact === undefined ? null : formatAddress(contact.address),
      bat: bat === undefined ? null : formatAddress(bat),
      connectedTo: remote === undefined ? null : formatAddress(remote),
      path: pathOf(view),
      rttMs: rttMs === undefined ? null : Math.round(rttMs * 100) / 100,
      lastSeen: Number.isFinite(silentMs) ? isoTime(clock.nowMs() - silentMs) : null,
    };
  }

  /** From the contact records, most of which are at hand; the others are asked for a moment. */
  async #batAddressesOf(nodeIds: readonly NodeId[]): Promise<ReadonlyMap<string, Address>> {
    const signal = this.#runtime.clock.timeoutSignal(PEER_RECORD_WAIT_MS);
    const asked = nodeIds.slice(0, PEER_RECORDS_ASKED_MAX).map(async (nodeId): Promise<readonly [string, Address][]> => {
      const record = await this.#kad.getContact(nodeId, { signal }).catch(() => undefined);
      const [address] = record?.contact.batAddresses ?? [];
      return address === undefined ? [] : [[toHex(nodeId), address]];
    });
    return new Map((await Promise.all(asked)).flat());
  }
}

const pathOf = (view: SessionView | undefined): PeerView['path'] =>
  view?.session.isUsable === true ? view.session.connection.path : 'none';

function viewClimb({ role, atMs, rungs }: ClimbReport): WhyResult['attempts'][number] {
  return {
    role,
    at: isoTime(atMs),
    rungs: rungs.map((rung) => ({ ...rung, startedMs: rung.startedMs ?? null, durationMs: rung.durationMs ?? null })),
  };
}
