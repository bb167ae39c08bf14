// driven: who may take the shards of a host that leaves: hosts near the file that hold none of it, and what each has said so far.
import { equalBytes, nodeIdFromPublicKey, type Runtime, toHex } from '@batchain/shared';
import { LEAVE_LOOKUP_MS } from '../limits.ts';
import type { Roster } from '../manifest/manifest.ts';
import { CANDIDATES_MAX } from '../placement/network-size.ts';
import { planCandidates } from '../placement/placement-plan.ts';
import type { Locator, MovedFile, ProviderHint } from '../ports.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { scopeOf } from './leave-order.ts';
import { withDeadline } from './signals.ts';

export class Receivers {
  readonly #runtime: Runtime;
  readonly #locator: Locator;
  readonly #tools: PeerTools;
  readonly #self: Uint8Array;
  readonly #peers = new Map<string, HostPeer>();
  /** Shortest shard for which a host had no room. */
  readonly #full = new Map<string, number>();

  constructor(runtime: Runtime, locator: Locator, tools: PeerTools, self: Uint8Array) {
    this.#runtime = runtime;
    this.#locator = locator;
    this.#tools = tools;
    this.#self = self;
  }

  /**
   * In the order in which to ask: those that took shards of the file before, then the nearest that keep none of it, as far as the spread over
   * networks allows; then the owner, and those that keep some of it already, who may lack this segment.
   */
  async find(roster: Roster, before: MovedFile | undefined, signal: AbortSignal): Promise<HostPeer[]> {
    const { fileId } = roster;
    const [found, providers] = await Promise.all([
      this.#lookUp(signal, (late) => this.#locator.findHosts(fileId, CANDIDATES_MAX, late)),
      this.#lookUp(signal, (late) => this.#locator.findProviders(fileId, late)),
    ]);
    const others = providers.filter(({ nodeId }) => !equalBytes(nodeId, this.#self));
    const holders = new Set(others.map(({ nodeId }) => toHex(nodeId)));
    const policy = { k: roster.scheme.requiredShards, n: roster.scheme.totalShards };
    // The hosts of the file count first, so that no network gets too many of it.
    const spread = planCandidates([...others.flatMap(({ record }) => record ?? []), ...found], policy);
    const owner = nodeIdFromPublicKey(roster.ownerKey);
    const near = spread.filter(({ nodeId }) => !holders.has(toHex(nodeId)));
    const hints: ProviderHint[] = [
      ...(before?.hosts ?? []).map((nodeId) => ({ nodeId, record: undefined })),
      ...near.filter(({ nodeId }) => !equalBytes(nodeId, owner)).map((record) => ({ nodeId: record.nodeId, record })),
      ...near.filter(({ nodeId }) => equalBytes(nodeId, owner)).map((record) => ({ nodeId: record.nodeId, record })),
      ...others,
    ];
    const asked = new Map(hints.filter(({ nodeId }) => !equalBytes(nodeId, this.#self)).map((hint) => [toHex(hint.nodeId), hint] as const));
    return [...asked].map(([key, hint]) => this.#peer(key, hint));
  }

  /** How many others announce that they keep the file; undefined when that could not be found out. */
  async countHolders(fileId: Roster['fileId'], signal: AbortSignal): Promise<number | undefined> {
    try {
      const look = (late: AbortSignal) => this.#locator.findProviders(fileId, late);
      const providers = await withDeadline(this.#runtime.clock, LEAVE_LOOKUP_MS, signal, look);
      return providers.filter(({ nodeId }) => !equalBytes(nodeId, this.#self)).length;
    } catch {
      return undefined;
    }
  }

  /** Whether it is worth asking for so many bytes. */
  mayTake(peer: HostPeer, bytes: number): boolean {
    return peer.isUsable && bytes < (this.#full.get(peer.key) ?? Number.POSITIVE_INFINITY);
  }

  /** What a refusal says of the host beyond this one shard. */
  note(peer: HostPeer, reason: string, bytes: number): void {
    const scope = scopeOf(reason);
    if (scope === 'host') peer.failed(reason, true);
    else if (scope === 'room') this.#full.set(peer.key, Math.min(bytes, this.#full.get(peer.key) ?? bytes));
    else if (scope === 'passing' && peer.isReached) peer.failed(reason);
  }

  #peer(key: string, hint: ProviderHint): HostPeer {
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    const peer = new HostPeer(this.#runtime, this.#tools, hint);
    this.#peers.set(key, peer);
    return peer;
  }

  async #lookUp<T>(signal: AbortSignal, look: (late: AbortSignal) => Promise<readonly T[]>): Promise<readonly T[]> {
    return withDeadline(this.#runtime.clock, LEAVE_LOOKUP_MS, signal, look).catch(() => []);
  }
}
