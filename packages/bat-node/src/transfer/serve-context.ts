// driven: what a verb's handler works with: the peer, the store, answers and data on one stream.
import { equalBytes, type NodeId, nodeIdFromPublicKey, type Runtime, type Signer, type Verifier } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import type { FileId } from '../ids.ts';
import { PLACES_PER_TURN, RECEIPT_BYTES_MAX, SHARDS_PER_FILE_MAX } from '../limits.ts';
import { checkAccessProof } from '../manifest/access-proof.ts';
import type { HostedFile, HostedShard, MovedFile, ShardRef, ShardStore } from '../ports.ts';
import type { RelayService } from '../relay/relay-service.ts';
import type { TunnelService } from '../tunnel/tunnel-service.ts';
import { batAnswerCodec } from '../wire/frame-codecs.ts';
import type { BatAnswer, BatRefusal, HeldShard } from '../wire/frames.ts';
import { signReceipt } from '../wire/receipt.ts';
import type { HandedOver } from './handed-over.ts';
import { withPace } from './pace-guard.ts';
import type { RosterDesk } from './roster-desk.ts';
import type { WorkTurns } from './work-turns.ts';

export interface ShardServerParts {
  readonly store: ShardStore;
  readonly signer: Signer;
  readonly verifier: Verifier;
  /** A shard of the file is durable here (BN-21: the KadNode announces it). */
  readonly onShardHeld: (fileId: FileId) => void;
  /** True while the participant hands its shards over: it takes no new ones. */
  readonly isLeaving: () => boolean;
  /** Carries connections of others; undefined or absent: it does not. */
  readonly relay?: RelayService | undefined;
  /** Carries Kad datagrams of nodes without UDP; undefined or absent: it does not. */
  readonly tunnels?: TunnelService | undefined;
}

/** What all requests share. */
export interface ServeDesk {
  readonly turns: WorkTurns;
  /** Room for rosters that are being received. */
  readonly rosters: RosterDesk;
  /** Segments (file id in hex, number) of which a shard is being handed to this host: one at a time. */
  readonly inHand: Set<string>;
  readonly handed: HandedOver;
}

export class ServeContext {
  readonly runtime: Runtime;
  readonly parts: ShardServerParts;
  readonly session: BatSession;
  readonly stream: BatStream;
  readonly desk: ServeDesk;

  constructor(runtime: Runtime, parts: ShardServerParts, desk: ServeDesk, session: BatSession, stream: BatStream) {
    this.runtime = runtime;
    this.parts = parts;
    this.desk = desk;
    this.session = session;
    this.stream = stream;
  }

  get store(): ShardStore {
    return this.parts.store;
  }

  answer(answer: BatAnswer): Promise<void> {
    return this.stream.sendControl(batAnswerCodec.encode(answer));
  }

  /** The last word on a stream. */
  async refuse(reason: BatRefusal, detail = ''): Promise<void> {
    await this.answer({ kind: 'refused', reason, detail: detail.slice(0, 200) });
    await this.stream.end();
  }

  /** True when the peer of this connection proved the key that owns the file. */
  isOwner(ownerKey: Uint8Array): boolean {
    return equalBytes(nodeIdFromPublicKey(ownerKey), this.session.connection.peer.nodeId);
  }

  /** The hosted file, when the proof of its access key is good on this connection; others learn nothing but `refused`. */
  openFile(fileId: FileId, proof: Uint8Array): HostedFile | 'not-held' | 'refused' {
    const file = this.store.file(fileId);
    if (file === undefined) return 'not-held';
    return this.#isProof(fileId, file.accessKey, proof) ? file : 'refused';
  }

  /** What of the file was handed over; for who proves the access key. */
  moved(fileId: FileId, proof: Uint8Array): MovedFile | undefined {
    const moved = this.store.moved(fileId);
    return moved !== undefined && this.#isProof(fileId, moved.accessKey, proof) ? moved : undefined;
  }

  /** Who has a shard that was handed over, and has not come back. */
  movedTo({ fileId, segment, index }: ShardRef, proof: Uint8Array): NodeId | undefined {
    if (this.store.shard({ fileId, segment, index }) !== undefined) return undefined;
    return this.moved(fileId, proof)?.places.find((place) => place.segment === segment && place.index === index)?.host;
  }

  /** True when the peer handed these shards to this host a short while ago. */
  isFromPeer(refs: readonly ShardRef[]): boolean {
    const nowMs = this.runtime.clock.monotonicMs();
    const { nodeId } = this.session.connection.peer;
    return refs.length > 0 && refs.every((ref) => this.desk.handed.isFrom(nodeId, ref, nowMs));
  }

  #isProof(fileId: FileId, accessKey: Uint8Array, proof: Uint8Array): boolean {
    const { connection } = this.session;
    const claim = { fileId, binding: connection.binding, prover: connection.peer.nodeId, host: this.parts.signer.nodeId };
    return checkAccessProof(this.parts.verifier, accessKey, claim, proof);
  }

  /** Up to `max` shards of a file behind a place, looked up in turns. */
  async shards(fileId: FileId, max: number, after?: ShardRef): Promise<HostedShard[]> {
    const shards: HostedShard[] = [];
    for (let last = after; shards.length < max; last = shards.at(-1)) {
      await this.desk.turns.next();
      const wanted = Math.min(PLACES_PER_TURN, max - shards.length);
      const page = this.store.shards(fileId, last === undefined ? { max: wanted } : { after: last, max: wanted });
      shards.push(...page);
      if (page.length < wanted) break;
    }
    return shards;
  }

  /** All shards of a file that are in order. */
  async soundShards(fileId: FileId): Promise<HostedShard[]> {
    return (await this.shards(fileId, SHARDS_PER_FILE_MAX)).filter((shard) => !shard.isDamaged);
  }

  /** Exactly `length` bytes of data; undefined when the peer sends less, more, or something else. */
  receive(length: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(length);
    return withPace(this.runtime.clock, this.stream, async () => {
      for (let at = 0; at < length; ) {
        const item = await this.stream.next();
        if (item?.kind !== 'data' || at + item.bytes.length > length) return undefined;
        bytes.set(item.bytes, at);
        at += item.bytes.length;
      }
      return bytes;
    });
  }

  /** Sends raw bytes; a peer that takes them too slowly loses the stream. */
  send(bytes: Uint8Array): Promise<void> {
    return withPace(this.runtime.clock, this.stream, () => this.stream.sendData(bytes));
  }

  /** Signs for these shards, sends the receipt and ends the stream. */
  async sendReceipt(file: HostedFile, shards: readonly HostedShard[]): Promise<void> {
    const bytes = signReceipt(this.parts.signer, {
      hostKey: this.parts.signer.publicKey,
      ownerKey: file.ownerKey,
      leaseId: file.leaseId,
      fileId: file.fileId,
      shards: shards.map(toHeld),
      durableSinceMs: Math.max(0, ...shards.map((shard) => shard.durableSinceMs)),
      leaseUntilMs: file.leaseUntilMs,
      isCommitted: file.isCommitted,
    });
    if (bytes.length > RECEIPT_BYTES_MAX) return this.refuse('too-large', 'the receipt');
    await this.answer({ kind: 'receipt', receiptBytes: bytes.length });
    await this.send(bytes);
    await this.stream.end();
  }
}

export function toHeld(shard: HostedShard): HeldShard {
  const { segment, index, shardId, length, isDamaged } = shard;
  return { segment, index, shardId, length, isDamaged };
}
