// driven: where the shards of one file can be had: last known hosts first, the DHT when they do not suffice.
import { equalBytes, type NodeId, openContactRecord, parseNodeId, toHex } from '@batchain/shared';
import { type HostHint, shardIdAt, type VerifyCapability } from '../manifest/manifest.ts';
import type { ProviderHint } from '../ports.ts';
import type { FlowDeps } from './flow-deps.ts';
import { HolderMap } from './holder-map.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';

/** Once enough shards are known, slower hosts get this long to add theirs: data shards spare decoding. */
const GRACE_MS = 400;
/** One round of asking the DHT and the hosts that it names. */
const LOOKUP_TIMEOUT_MS = 10_000;

export type PeerState = 'asking' | 'answered' | 'away' | 'refused';

export class ShardSources {
  readonly holders: HolderMap;
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #file: VerifyCapability;
  readonly #signal: AbortSignal;
  readonly #peers = new Map<string, HostPeer>();
  readonly #states = new Map<string, PeerState>();
  #hasAskedDht = false;

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
    const known = hints.map((hint): ProviderHint => ({ nodeId: hint.nodeId, record: this.#openRecord(hint) }));
    await this.#askUntilEnough(known.filter((hint) => !equalBytes(hint.nodeId, this.#deps.signer.nodeId)));
    if (!this.isEnough) await this.askDht();
  }

  /** One round through the DHT: providers of the file, and newer records of hosts that did not answer. False when done before. */
  async askDht(): Promise<boolean> {
    if (this.#hasAskedDht) return false;
    this.#hasAskedDht = true;
    const signal = AbortSignal.any([this.#signal, this.#deps.runtime.clock.timeoutSignal(LOOKUP_TIMEOUT_MS)]);
    const { locator } = this.#deps;
    const providers = await locator.findProviders(this.#file.roster.fileId, signal).catch((): readonly ProviderHint[] => []);
    const moved = this.away().map(async (key): Promise<ProviderHint | undefined> => {
      const nodeId = this.#peers.get(key)?.nodeId as NodeId;
      const record = await locator.resolve(nodeId, signal).catch(() => undefined);
      return record === undefined ? undefined : { nodeId, record };
    });
    const newer = (await Promise.all(moved)).filter((hint) => hint !== undefined);
    this.#signal.throwIfAborted();
    const fresh = [...providers, ...newer].filter((hint) => {
      const key = toHex(hint.nodeId);
      return this.#states.get(key) !== 'answered' && !equalBytes(hint.nodeId, this.#deps.signer.nodeId);
    });
    await this.#askUntilEnough([...new Map(fresh.map((hint) => [toHex(hint.nodeId), hint])).values()]);
    return true;
  }

  #openRecord(hint: HostHint): ProviderHint['record'] {
    if (hint.record === undefined) return undefined;
    const record = openContactRecord(this.#deps.crypto.verifier, hint.record);
    return record.ok && equalBytes(record.value.nodeId, hint.nodeId) ? record.value : undefined;
  }

  /** Asks all at once; resolves when all answered, or a grace after enough is known. */
  async #askUntilEnough(hints: readonly ProviderHint[]): Promise<void> {
    let settle: () => void = () => undefined;
    const isSettled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const asked = hints.map(async (hint) => {
      await this.#ask(hint);
      if (this.isEnough) this.#deps.runtime.clock.setTimer(GRACE_MS, settle);
    });
    await Promise.race([Promise.all(asked), isSettled]);
    this.#signal.throwIfAborted();
  }

  async #ask(hint: ProviderHint): Promise<void> {
    const key = toHex(hint.nodeId);
    const peer = new HostPeer(this.#deps.runtime, this.#tools, hint);
    this.#peers.set(key, peer);
    this.#states.set(key, 'asking');
    const { roster, accessSeed } = this.#file;
    const client = await peer.client(this.#signal);
    if (!client.ok) {
      this.#states.set(key, 'away');
      return;
    }
    for await (const page of client.value.have({ fileId: roster.fileId, accessSeed }, { signal: this.#signal })) {
      if (!page.ok) {
        // A host that keeps nothing of the file has answered: it holds no shard.
        this.#states.set(key, page.reason === 'not-held' ? 'answered' : page.reason === 'refused' ? 'refused' : 'away');
        return;
      }
      for (const held of page.value) {
        const segment = roster.segments[held.segment];
        if (segment === undefined || held.index >= roster.scheme.totalShards || held.isDamaged) continue;
        if (equalBytes(shardIdAt(segment, held.index), held.shardId)) this.holders.add(held.segment, held.index, peer.nodeId);
      }
    }
    this.#states.set(key, 'answered');
  }
}
