// driven: one try to place what an upload could not: shards are rebuilt of ciphertext, given to hosts that hold none of their segment, and committed.
import { equalBytes, openContactRecord, type Result, toHex } from '@batchain/shared';
import { chooseLeaves, samplesPerShard } from '../audit/challenge-plan.ts';
import { PLACING_REST_MAX_MS } from '../limits.ts';
import { type Manifest, shardIdAt } from '../manifest/manifest.ts';
import { leafCount } from '../pipeline/shard.ts';
import { planCandidates } from '../placement/placement-plan.ts';
import { findMissing } from '../placement/placing.ts';
import type { OwnedFile, OwnedLease } from '../storage/owner-store.ts';
import type { HeldShard, StorageReceipt } from '../wire/frames.ts';
import { fetchSlots } from '../workers/segment-stages.ts';
import type { FlowDeps } from './flow-deps.ts';
import { packHeld, unpackHeld } from './held-list.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { HostRecruiter } from './host-recruiter.ts';
import { HostSlots } from './host-slots.ts';
import { SegmentFetcher } from './segment-fetcher.ts';
import { SegmentPlacer } from './segment-placer.ts';
import { ShardSources } from './shard-sources.ts';
import { commitRoster } from './upload-commit.ts';

/** Hosts beside those that are needed: one may turn out to be full or gone. */
const SPARES = 1;

/** What a host holds of the file: index by segment, of which it has one at most. */
type Holding = Map<number, number>;

export interface PlacingOutcome {
  /** Leases that are new, or for more shards than before. */
  readonly leases: readonly OwnedLease[];
  /** The hosts of these leases, for the manifest's hints. */
  readonly hosts: readonly HostPeer[];
  /** Why something is left to do; empty when nothing is. */
  readonly reason: string;
}

export class PlacingRound {
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #manifest: Manifest;
  readonly #owned: OwnedFile;
  readonly #signal: AbortSignal;
  /** Who holds what, by node id. */
  readonly #holdings: Map<string, Holding>;
  /** Hosts that were found for what is missing. */
  readonly #peers = new Map<string, HostPeer>();
  readonly #changed = new Set<string>();

  constructor(deps: FlowDeps, tools: PeerTools, found: { readonly manifest: Manifest; readonly owned: OwnedFile }, signal: AbortSignal) {
    this.#deps = deps;
    this.#tools = tools;
    this.#manifest = found.manifest;
    this.#owned = found.owned;
    this.#signal = signal;
    this.#holdings = new Map(
      found.owned.leases.map((lease) => [lease.host, new Map(unpackHeld(lease.shards).map(({ segment, index }) => [segment, index]))]),
    );
  }

  async run(): Promise<PlacingOutcome> {
    if (this.#missing().size === 0) return { leases: [], hosts: [], reason: '' };
    for (const peer of await this.#recruit()) await this.#welcome(peer);
    const reason = this.#missing().size === 0 ? '' : await this.#placeAll();
    if (this.#changed.size === 0) return { leases: [], hosts: [], reason };
    return this.#commit(reason);
  }

  #missing(): Map<number, number[]> {
    const { roster } = this.#manifest;
    return findMissing(this.#holdings.values(), roster.segments.length, roster.scheme.totalShards);
  }

  /** Hosts with room that could take at least one of the missing shards. */
  async #recruit(): Promise<HostPeer[]> {
    const { runtime, locator } = this.#deps;
    const { roster } = this.#manifest;
    const missing = this.#missing();
    const segments = [...missing.keys()];
    const recruiter = new HostRecruiter(runtime, locator, this.#tools);
    const found = await recruiter.candidates(roster.fileId, this.#signal);
    const policy = { k: roster.scheme.requiredShards, n: roster.scheme.totalShards };
    // Those that hold shards already come first, so that networks are counted over all hosts of the file.
    const candidates = planCandidates([...this.#holderRecords(), ...found], policy);
    const isFull = ([, holding]: readonly [string, Holding]): boolean => segments.every((segment) => holding.has(segment));
    const enough = Math.max(...[...missing.values()].map((indexes) => indexes.length));
    return recruiter.recruit({
      known: [],
      candidates,
      count: enough + SPARES,
      enough,
      needBytes: segments.reduce((sum, segment) => sum + (roster.segments[segment]?.shardLength ?? 0), 0),
      except: new Map([...this.#holdings].filter(isFull)),
      signal: this.#signal,
    });
  }

  #holderRecords() {
    return this.#manifest.hints.flatMap((hint) => {
      if (hint.record === undefined || !this.#holdings.has(toHex(hint.nodeId))) return [];
      const record = openContactRecord(this.#deps.crypto.verifier, hint.record);
      return record.ok && equalBytes(record.value.nodeId, hint.nodeId) ? [record.value] : [];
    });
  }

  /**
   * Agrees on the lease with a host, which may have one from the upload that it was lost in. What it kept of that counts once it has
   * proved it, and only where nobody else holds the shard by now; the rest is released.
   */
  async #welcome(found: HostPeer): Promise<void> {
    const { fileId } = this.#manifest.roster;
    const receipt = await found.ask(this.#signal, (client) => client.renew(fileId, { signal: this.#signal }));
    this.#signal.throwIfAborted();
    if (!receipt.ok && receipt.reason !== 'not-held') return;
    const leaseId = receipt.ok ? receipt.value.leaseId : undefined;
    const peer = new HostPeer(this.#deps.runtime, this.#tools, { nodeId: found.nodeId, record: found.record }, leaseId);
    const holding = this.#holdings.get(peer.key) ?? new Map<number, number>();
    if (receipt.ok && !(await this.#adopt(peer, holding, receipt.value))) return;
    this.#holdings.set(peer.key, holding);
    this.#peers.set(peer.key, peer);
  }

  /** False when the host did not confirm that it forgot what it need not hold: it may get no other shard of those segments. */
  async #adopt(peer: HostPeer, holding: Holding, receipt: StorageReceipt): Promise<boolean> {
    const { fileId } = this.#manifest.roster;
    const missing = this.#missing();
    const strays: (readonly [number, number])[] = [];
    const claimed = receipt.shards.filter(({ segment, index }) => holding.get(segment) !== index);
    for (const shard of claimed) {
      const isWanted = !holding.has(shard.segment) && missing.get(shard.segment)?.includes(shard.index) === true;
      if (isWanted && (await this.#isProved(peer, shard, samplesPerShard(claimed.length)))) {
        holding.set(shard.segment, shard.index);
        this.#changed.add(peer.key);
      } else strays.push([shard.segment, shard.index]);
    }
    if (strays.length === 0) return true;
    const released = await peer.ask(this.#signal, (client) => client.release(fileId, strays, { signal: this.#signal }));
    return released.ok || released.reason === 'not-held';
  }

  async #isProved(peer: HostPeer, { segment, index, shardId }: HeldShard, samples: number): Promise<boolean> {
    const { roster, accessSeed } = this.#manifest;
    const named = roster.segments[segment];
    if (named === undefined || !equalBytes(shardIdAt(named, index), shardId)) return false;
    const leaves = chooseLeaves(this.#deps.runtime.entropy, leafCount(named.shardLength), samples);
    const target = { segment, index, shardId, shardBytes: named.shardLength };
    const proved: Result<number> = await peer.ask(this.#signal, (client) =>
      client.challenge({ fileId: roster.fileId, accessSeed }, target, leaves, { signal: this.#signal }),
    );
    return proved.ok;
  }

  /** Segment by segment, with rests; why some could not be placed, or nothing. */
  async #placeAll(): Promise<string> {
    const { runtime } = this.#deps;
    const { roster } = this.#manifest;
    const hosts = [...this.#peers.values()];
    const missing = [...this.#missing()];
    const isTaker = (segment: number): boolean => hosts.some((host) => host.isUsable && !this.#holdings.get(host.key)?.has(segment));
    if (!missing.some(([segment]) => isTaker(segment))) return 'no other host has room for the missing shards';
    const sources = new ShardSources(this.#deps, this.#tools, this.#manifest, this.#signal);
    await sources.gather(this.#manifest.hints);
    if (!sources.isEnough) return `fewer than ${roster.scheme.requiredShards} shards can be read at the moment`;
    const fetcher = new SegmentFetcher(runtime, this.#manifest, sources, {
      onBytes: () => undefined,
      onArrived: () => undefined,
      onNote: () => undefined,
      onRejected: ({ host, reason }) => runtime.log.info('bat.placing.rejected', { host: toHex(host), reason }),
    });
    const { fileId, ownerKey, fileNonce, accessKey } = roster;
    const placer = new SegmentPlacer(runtime, { fileId, ownerKey, fileNonce, accessKey }, new HostSlots(hosts, 0), {
      onNote: (note) => runtime.log.info('bat.placing.note', { file: this.#owned.id, note }),
      onSent: () => undefined,
      onStored: () => undefined,
      findMore: async () => false,
    });
    let reason = '';
    for (const [segment, indexes] of missing) {
      if (!isTaker(segment)) {
        reason = 'too few other hosts have room for the missing shards';
        continue;
      }
      const startedMs = runtime.clock.monotonicMs();
      const placed = await this.#placeSegment(segment, indexes, fetcher, placer);
      if (placed < indexes.length) reason = 'too few other hosts took the missing shards';
      await runtime.clock.sleep(Math.min(PLACING_REST_MAX_MS, runtime.clock.monotonicMs() - startedMs), this.#signal);
    }
    await placer.settled();
    return reason;
  }

  /** Rebuilds the missing shards of one segment and gives them to hosts; how many were taken. */
  async #placeSegment(segment: number, wanted: readonly number[], fetcher: SegmentFetcher, placer: SegmentPlacer): Promise<number> {
    const { roster } = this.#manifest;
    const named = roster.segments[segment];
    if (named === undefined) return 0;
    const policy = { k: roster.scheme.requiredShards, n: roster.scheme.totalShards };
    const { stagePool } = this.#deps;
    const slots = fetchSlots(policy.k, policy.n);
    const buffer = await stagePool.acquire(named.shardLength * slots, { job: this, signal: this.#signal });
    try {
      const fetched = await fetcher.fetch(segment, buffer.bytes, this.#signal);
      if (!fetched.ok) return 0;
      const job = { policy, shardLength: named.shardLength, indexes: fetched.indexes, wanted };
      const rebuilt = await stagePool.rebuildShards(buffer, job);
      // Each leaf that was fetched is the roster's, so these are; were they not, nothing of them would go out.
      const right = rebuilt.filter((shard) => equalBytes(shard.id, shardIdAt(named, shard.index)));
      const taken = [...this.#holdings].filter(([, holding]) => holding.has(segment)).map(([key]) => key);
      const shards = right.map((shard) => ({ ...shard, shardId: shard.id }));
      const placed = await placer.place(segment, shards, taken, this.#signal);
      for (const [i, host] of placed.entries()) {
        if (host === undefined) continue;
        this.#holdings.get(host.key)?.set(segment, (shards[i] as { readonly index: number }).index);
        this.#changed.add(host.key);
      }
      return placed.filter((host) => host !== undefined).length;
    } finally {
      stagePool.release(buffer);
    }
  }

  /** Full leases for what is new; what a host does not sign for is as missing as before. */
  async #commit(reason: string): Promise<PlacingOutcome> {
    const { roster } = this.#manifest;
    const { clock } = this.#deps.runtime;
    const segments = roster.segments.map((_, segment) => {
      const hosts = new Array<string | undefined>(roster.scheme.totalShards).fill(undefined);
      for (const key of this.#changed) {
        const index = this.#holdings.get(key)?.get(segment);
        if (index !== undefined) hosts[index] = key;
      }
      return { hosts };
    });
    const committed = await commitRoster(this.#deps.runtime, this.#peers, segments, this.#manifest, this.#signal);
    const signed = committed.hosts.filter(({ shards }) => shards.length > 0);
    const leases = signed.map(({ peer, leaseUntilMs, shards }): OwnedLease => {
      const before = this.#owned.leases.find(({ host }) => host === peer.key);
      // What it signed for before stays what it answers for.
      const all = new Map([...(before === undefined ? [] : unpackHeld(before.shards)), ...shards].map((shard) => [shard.segment, shard]));
      return { host: peer.key, leaseUntilMs, renewedAtMs: clock.nowMs(), shards: packHeld([...all.values()], roster.segments.length) };
    });
    const isShort = [...this.#changed].some((key) => !leases.some((lease) => lease.host === key));
    return {
      leases,
      hosts: signed.map(({ peer }) => peer),
      reason: reason === '' && isShort ? 'a host did not sign for its shards' : reason,
    };
  }
}
