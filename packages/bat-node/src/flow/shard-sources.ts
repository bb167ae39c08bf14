// driven: where the shards of one file can be had: last known hosts first, the DHT when they do not suffice.
import { equalBytes, type NodeId, ok, openContactRecord, parseNodeId, type Result, type Timer, toHex } from '@batchain/shared';
import { MOVED_FOLLOWED_MAX, MOVED_FOLLOWED_TOTAL_MAX, MOVED_HOPS_MAX } from '../limits.ts';
import { type HostHint, shardIdAt, type VerifyCapability } from '../manifest/manifest.ts';
import type { ProviderHint } from '../ports.ts';
import type { ShardClient } from '../transfer/shard-client.ts';
import type { MovedShard } from '../wire/frames.ts';
import type { FlowDeps } from './flow-deps.ts';
import { HolderMap } from './holder-map.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { withDeadline } from './signals.ts';

/** Once enough shards are known, slower hosts get this long to add theirs: data shards spare decoding. */
const GRACE_MS = 400;
/** One round of asking the DHT and the hosts that it names. */
const LOOKUP_TIMEOUT_MS = 10_000;
/** For one host to be dialled and to say what it holds, however many pages that takes. */
const ASK_TIMEOUT_MS = 15_000;
/** Hosts asked at one time: a manifest may name a thousand, and not all of them may want to be dialled. */
const ASKED_AT_ONCE_MAX = 32;

export type PeerState = 'asking' | 'answered' | 'away' | 'refused';

export class ShardSources {
  readonly holders: HolderMap;
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #file: VerifyCapability;
  readonly #signal: AbortSignal;
  readonly #peers = new Map<string, HostPeer>();
  readonly #states = new Map<string, PeerState>();
  /** Hints that were not needed so far. */
  readonly #unasked: ProviderHint[] = [];
  #dht: Promise<void> | undefined;
  /** Hosts that were asked because others named them. */
  #followed = 0;
  /** Shards and hosts (`segment/index/host`) of which nobody but another host spoke. */
  readonly #named = new Set<string>();
  /** How often a shard (`segment/index`) was followed to another host. */
  readonly #hops = new Map<string, number>();
  #wantsAll = false;

  constructor(deps: FlowDeps, tools: PeerTools, file: VerifyCapability, signal: AbortSignal) {
    this.#deps = deps;
    this.#tools = tools;
    this.#file = file;
    this.#signal = signal;
    this.holders = new HolderMap(file.roster.segments.length);
  }

  peer(key: string): HostPeer | undefined {
    return this.#peers.get(key);
  }

  /**
   * A holder says that this host has the shard now: it is one to ask as well, unless the shard was sent on too often. A liar costs
   * one dial.
   */
  follow(segment: number, index: number, host: NodeId): void {
    const place = `${segment}/${index}`;
    const hops = this.#hops.get(place) ?? 0;
    const key = toHex(host);
    if (hops >= MOVED_HOPS_MAX || (!this.#peers.has(key) && !this.#mayFollow(host))) return;
    this.#hops.set(place, hops + 1);
    if (!this.#peers.has(key) && this.addPeer(key) === undefined) return;
    if (!this.holders.holders(segment, index).includes(key)) this.#named.add(`${place}/${key}`);
    this.holders.add(segment, index, host);
  }

  /** True when somebody else said that the host holds the shard, and it did not. */
  isOnlyNamed(segment: number, index: number, key: string): boolean {
    return this.#named.has(`${segment}/${index}/${key}`);
  }

  /** A host that is known by its id only, from a receipt; it is found through the DHT when dialled. */
  addPeer(key: string): HostPeer | undefined {
    const nodeId = parseNodeId(key);
    if (nodeId === undefined) return undefined;
    const peer = new HostPeer(this.#deps.runtime, this.#tools, { nodeId, record: undefined });
    this.#peers.set(key, peer);
    return peer;
  }

  peers(): readonly HostPeer[] {
    return [...this.#peers.values()];
  }

  state(key: string): PeerState | undefined {
    return this.#states.get(key);
  }

  isUsable = (key: string): boolean => this.#peers.get(key)?.isUsable === true;

  load = (key: string): number => this.#peers.get(key)?.inFlight ?? 0;

  isDoubted = (key: string): boolean => this.#peers.get(key)?.isDoubted === true;

  /** Hosts that were named but did not answer. */
  away(): string[] {
    return [...this.#states].filter(([, state]) => state !== 'answered').map(([key]) => key);
  }

  /** True when every segment can be restored from what is known now. */
  get isEnough(): boolean {
    return this.holders.worst(this.isUsable) >= this.#file.roster.scheme.requiredShards;
  }

  /** Asks the hinted hosts what they hold, then the DHT if that is not enough. Resolves in bounded time, enough or not. */
  async gather(hints: readonly HostHint[]): Promise<void> {
    await this.#askAll(this.#known(hints));
    if (!this.isEnough) await this.askDht();
  }

  /** The same, but hears every host, and asks the DHT unless each shard has a holder: for those who want to know of all copies. */
  async gatherAll(hints: readonly HostHint[]): Promise<void> {
    this.#wantsAll = true;
    await this.#askAll(this.#known(hints));
    if (this.holders.worst(this.isUsable) < this.#file.roster.scheme.totalShards) await this.askDht();
  }

  /** One round for this file, once: hints not asked so far, providers from the DHT, newer records of hosts that did not answer. */
  askDht(): Promise<void> {
    this.#dht ??= this.#askDht();
    return this.#dht;
  }

  async #askDht(): Promise<void> {
    const found = await withDeadline(this.#deps.runtime.clock, LOOKUP_TIMEOUT_MS, this.#signal, (signal) => this.#lookUp(signal));
    this.#signal.throwIfAborted();
    const all = [...this.#unasked, ...found];
    await this.#askAll(all.filter((hint) => this.#states.get(toHex(hint.nodeId)) !== 'answered'));
  }

  /** Providers of the file, and newer records of hosts that did not answer. */
  async #lookUp(signal: AbortSignal): Promise<ProviderHint[]> {
    const { locator } = this.#deps;
    const moved = this.away().map(async (key): Promise<readonly ProviderHint[]> => {
      const nodeId = this.#peers.get(key)?.nodeId as NodeId;
      const record = await locator.resolve(nodeId, signal).catch(() => undefined);
      return record === undefined ? [] : [{ nodeId, record }];
    });
    const providers = locator.findProviders(this.#file.roster.fileId, signal).catch((): readonly ProviderHint[] => []);
    return (await Promise.all([providers, ...moved])).flat();
  }

  /** This node first, when it keeps some of the file itself; then those that the manifest names. */
  #known(hints: readonly HostHint[]): ProviderHint[] {
    const { signer, holdsFile } = this.#deps;
    const own: ProviderHint[] = holdsFile(this.#file.roster.fileId) ? [{ nodeId: signer.nodeId, record: undefined }] : [];
    return own.concat(this.#opened(hints));
  }

  #opened(hints: readonly HostHint[]): ProviderHint[] {
    return hints.map((hint) => ({ nodeId: hint.nodeId, record: this.#openRecord(hint) }));
  }

  #openRecord(hint: HostHint): ProviderHint['record'] {
    if (hint.record === undefined) return undefined;
    const record = openContactRecord(this.#deps.crypto.verifier, hint.record);
    return record.ok && equalBytes(record.value.nodeId, hint.nodeId) ? record.value : undefined;
  }

  /** Asks each host once, some at a time; resolves when all were heard, or a grace after it is enough. */
  async #askAll(hints: readonly ProviderHint[]): Promise<void> {
    const { signer, holdsFile } = this.#deps;
    const isAsked = ({ nodeId }: ProviderHint): boolean => !equalBytes(nodeId, signer.nodeId) || holdsFile(this.#file.roster.fileId);
    const queue = [...new Map(hints.filter(isAsked).map((hint) => [toHex(hint.nodeId), hint])).values()];
    let settle: () => void = () => undefined;
    const isSettled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    let grace: Timer | undefined;
    const askNext = async (): Promise<void> => {
      for (let hint = queue.shift(); hint !== undefined && !this.#signal.aborted; hint = queue.shift()) {
        await this.#ask(hint);
        if (this.isEnough && !this.#wantsAll) {
          // Those that are being asked may still add what they hold.
          this.#unasked.push(...queue.splice(0));
          grace ??= this.#deps.runtime.clock.setTimer(GRACE_MS, settle);
        }
      }
    };
    try {
      await Promise.race([Promise.all(Array.from({ length: ASKED_AT_ONCE_MAX }, askNext)), isSettled]);
    } finally {
      grace?.cancel();
    }
    this.#signal.throwIfAborted();
  }

  async #ask(hint: ProviderHint, hops = 0): Promise<void> {
    const key = toHex(hint.nodeId);
    const peer = new HostPeer(this.#deps.runtime, this.#tools, hint);
    this.#peers.set(key, peer);
    this.#states.set(key, 'asking');
    const moved = new Map<string, NodeId>();
    const hear = (signal: AbortSignal): Promise<PeerState> => this.#hear(peer, moved, signal);
    this.#states.set(key, await withDeadline(this.#deps.runtime.clock, ASK_TIMEOUT_MS, this.#signal, hear));
    if (hops < MOVED_HOPS_MAX && (this.#wantsAll || !this.isEnough)) await this.#followAll([...moved.values()], hops);
  }

  /** Asks those that a host names for what it handed over, as far as they were not asked. */
  async #followAll(hosts: readonly NodeId[], hops: number): Promise<void> {
    const fresh = hosts.filter((host) => !this.#states.has(toHex(host)) && this.#mayFollow(host));
    await Promise.all(fresh.map((nodeId) => this.#ask({ nodeId, record: undefined }, hops + 1)));
  }

  /** Counts, when it says yes. */
  #mayFollow(host: NodeId): boolean {
    const { signer, holdsFile } = this.#deps;
    if (equalBytes(host, signer.nodeId) && !holdsFile(this.#file.roster.fileId)) return false;
    return this.#followed < MOVED_FOLLOWED_TOTAL_MAX && ++this.#followed > 0;
  }

  /** Notes what the host says that it holds, and whom it names for what it handed over. */
  async #hear(peer: HostPeer, moved: Map<string, NodeId>, signal: AbortSignal): Promise<PeerState> {
    const client = await peer.client(signal);
    if (!client.ok) return 'away';
    const heard = await peer.ask(signal, (reached) => this.#readHeld(peer, reached, moved, signal));
    // A host that keeps nothing of the file has answered: it holds no shard.
    if (heard.ok || heard.reason === 'not-held') return 'answered';
    return heard.reason === 'refused' ? 'refused' : 'away';
  }

  async #readHeld(peer: HostPeer, client: ShardClient, moved: Map<string, NodeId>, signal: AbortSignal): Promise<Result<void>> {
    const { roster, accessSeed } = this.#file;
    const { totalShards } = roster.scheme;
    let rows = 0;
    const onMovedShards = (shards: readonly MovedShard[]): void => {
      for (const { segment, index, host } of shards) {
        const isOfFile = segment < roster.segments.length && index < totalShards;
        if (isOfFile && moved.size < MOVED_FOLLOWED_MAX) moved.set(toHex(host), host);
      }
    };
    for await (const page of client.have({ fileId: roster.fileId, accessSeed }, { signal, onMovedShards })) {
      if (!page.ok) return page;
      for (const held of page.value) {
        const segment = roster.segments[held.segment];
        if (segment === undefined || held.index >= totalShards || held.isDamaged) continue;
        if (equalBytes(shardIdAt(segment, held.index), held.shardId)) this.holders.add(held.segment, held.index, peer.nodeId);
      }
      rows += page.value.length;
      // More rows than the file has shards: what it adds can not be true.
      if (rows > roster.segments.length * totalShards) break;
    }
    return ok(undefined);
  }
}
