// pure: which participants that were heard on the LAN are handed on, so that no flood and no liar has us send much.
import { BoundedMap, TokenBucket } from '@batchain/kad-node';
import { equalBytes, fail, formatAddress, type NodeId, type Result, toHex } from '@batchain/shared';
import {
  LAN_FOUND_BURST,
  LAN_FOUND_PER_IP_BURST,
  LAN_FOUND_PER_IP_PER_S,
  LAN_FOUND_PER_S,
  LAN_PEERS_MAX,
  LAN_REPEAT_MS,
  LAN_SOURCES_MAX,
} from '../limits.ts';
import { type LanParticipant, type LanWords, readLanWords } from './lan-advert.ts';

export type LanIgnored = 'malformed' | 'unsupported-version' | 'self' | 'other-network' | 'known' | 'too-many';

/** Times are of one monotonic clock. */
export class LanSightings {
  readonly #nodeId: NodeId;
  readonly #networkTag: string;
  /** By node id and address: who was handed on, and when. */
  readonly #seen = new BoundedMap<string, { readonly participant: LanParticipant; readonly atMs: number }>(LAN_PEERS_MAX);
  readonly #ips = new BoundedMap<string, TokenBucket>(LAN_SOURCES_MAX);
  readonly #all: TokenBucket;

  constructor(nodeId: NodeId, networkTag: string, nowMs: number) {
    this.#nodeId = nodeId;
    this.#networkTag = networkTag;
    this.#all = new TokenBucket(LAN_FOUND_PER_S, LAN_FOUND_BURST, nowMs);
  }

  /** Participants (by id and address) that were handed on and are remembered. */
  get count(): number {
    return this.#seen.size;
  }

  get participants(): readonly LanParticipant[] {
    return Array.from(this.#seen.values(), ({ participant }) => participant);
  }

  /** The participant when it is to be asked whether it is there; else why not. */
  judge(words: LanWords, nowMs: number): Result<LanParticipant, LanIgnored> {
    const read = readLanWords(words);
    if (!read.ok) return read;
    const { nodeId, networkTag, kadAddress } = read.value;
    if (equalBytes(nodeId, this.#nodeId)) return fail('self');
    if (networkTag !== this.#networkTag) return fail('other-network');
    const key = `${toHex(nodeId)} ${formatAddress(kadAddress)}`;
    const seenMs = this.#seen.get(key)?.atMs;
    if (seenMs !== undefined && nowMs - seenMs < LAN_REPEAT_MS) return fail('known');
    if (!this.#takeOf(kadAddress.host, nowMs)) return fail('too-many');
    this.#seen.set(key, { participant: read.value, atMs: nowMs });
    return read;
  }

  #takeOf(ip: string, nowMs: number): boolean {
    let bucket = this.#ips.get(ip);
    if (bucket === undefined) {
      bucket = new TokenBucket(LAN_FOUND_PER_IP_PER_S, LAN_FOUND_PER_IP_BURST, nowMs);
      this.#ips.set(ip, bucket);
    }
    return bucket.take(nowMs) && this.#all.take(nowMs);
  }
}
