// driven: what a participant tells this machine about itself: its status, and how it stands.
import type { BatNodeApi, RelayService, ShardStore } from '@batchain/bat-node';
import type { KadNode } from '@batchain/kad-node';
import { type Address, formatAddress, isPrivateHost, type Listener, type NodeId, type Runtime, toHex } from '@batchain/shared';
import type { DoctorResult, OthersJoin, StatusResult } from './api/api-schemas.ts';
import type { MembershipState } from './api/membership-api.ts';
import { countByHealth } from './api/result-views.ts';
import { CLOCKS_ASKED_MAX, JOIN_MEMBERS_SHOWN_MAX } from './limits.ts';
import { takesJoins } from './reach/describe-self.ts';
import { diagnose } from './reach/diagnose.ts';
import type { PeerList } from './reach/peer-list.ts';
import type { ReachSide } from './reach/reach-side.ts';

export interface ReportSources {
  readonly participant: {
    readonly nodeId: NodeId;
    readonly kad: KadNode;
    readonly files: BatNodeApi;
    readonly membership: { readonly state: MembershipState };
    readonly kadAddress: Address;
    readonly batAddress: Address;
    readonly rememberedCount: number;
  };
  readonly parts: {
    readonly shardStore: ShardStore;
    readonly relay?: RelayService;
    readonly listener: Listener;
    readonly memoryBytes: () => number;
  };
  readonly config: { readonly name: string; readonly home: string; readonly version: string; readonly network: string };
  readonly peers: PeerList;
  readonly reachSide: ReachSide;
}

export class ParticipantReport {
  startedMs = 0;
  readonly #runtime: Runtime;
  readonly #sources: ReportSources;

  constructor(runtime: Runtime, sources: ReportSources) {
    this.#runtime = runtime;
    this.#sources = sources;
  }

  get #uptimeMs(): number {
    return this.#runtime.clock.monotonicMs() - this.startedMs;
  }

  /** How others get into the network, as far as is known. */
  get others(): OthersJoin {
    const { participant, reachSide } = this.#sources;
    const known = participant.kad.routes().buckets.flatMap(({ contacts }) => contacts);
    const outside = known.filter(({ address, failures }) => failures === 0 && !isPrivateHost(address.host));
    const members = outside.slice(0, JOIN_MEMBERS_SHOWN_MAX).map(({ address }) => formatAddress(address));
    return { canJoinHere: takesJoins(reachSide.describe()), members };
  }

  async status(): Promise<Omit<StatusResult, 'jobs'>> {
    const { participant, parts, config, peers, reachSide } = this.#sources;
    const usage = participant.files.usage();
    const files = await participant.files.list();
    return {
      nodeId: toHex(participant.nodeId),
      name: config.name,
      version: config.version,
      home: config.home,
      network: config.network,
      uptimeMs: Math.round(this.#uptimeMs),
      membership: participant.membership.state,
      reach: reachSide.describe().reach,
      kad: formatAddress(participant.kadAddress),
      bat: formatAddress(participant.batAddress),
      peers: { online: peers.onlineCount, remembered: participant.rememberedCount },
      joined: participant.kad.isJoined,
      others: this.others,
      offer: { bytes: usage.offerBytes, usedBytes: usage.usedBytes, shards: usage.shardCount, isReadOnly: usage.isReadOnly },
      files: countByHealth(files),
      memory: { rssBytes: parts.memoryBytes() },
      ...this.#relayStatus(),
    };
  }

  /** What it carries for others, when it relays. */
  #relayStatus(): Pick<StatusResult, 'relay'> {
    const usage = this.#sources.parts.relay?.usage();
    return usage === undefined ? {} : { relay: { circuits: usage.openCircuits, bytesToday: usage.bytesToday } };
  }

  async diagnose(): Promise<DoctorResult['findings']> {
    const { participant, parts, peers, reachSide } = this.#sources;
    const { kad } = participant;
    const { shardStore, relay, listener } = parts;
    const { offerBytes, usedBytes, reservedBytes, isReadOnly } = shardStore.usage();
    const roomBytes = offerBytes === 0 ? 0 : await shardStore.roomBytes();
    return diagnose({
      uptimeMs: this.#uptimeMs,
      clockOffsetsMs: await this.#clockOffsets(),
      disk: { offerBytes, usedBytes: usedBytes + reservedBytes, isReadOnly, roomBytes },
      self: reachSide.describe(),
      seen: kad.selfView(),
      peersOnline: peers.onlineCount,
      hasClients: kad.hasClients,
      knowsNobody: kad.knowsNobody,
      joins: reachSide.joins,
      brokers: kad.brokerState(),
      relays: reachSide.relayCount,
      relaying: relay?.usage(),
      lanFound: reachSide.lanFound,
      mappings: reachSide.mappingTrials,
      kadPort: kad.localAddress.port,
      batPort: listener.localAddress.port,
    });
  }

  /** Of a few peers; those that do not answer at once are left out. */
  async #clockOffsets(): Promise<readonly number[]> {
    const { kad } = this.#sources.participant;
    const contacts = kad.routes().buckets.flatMap((bucket) => bucket.contacts);
    const asked = contacts.slice(0, CLOCKS_ASKED_MAX).map(({ nodeId }) => kad.clockOffsetMs(nodeId));
    return (await Promise.all(asked)).filter((offset) => offset !== undefined);
  }
}
