// driven: gives the signed roster to every host of an upload and collects the receipts that count.
import { equalBytes, type Runtime } from '@batchain/shared';
import { type SignedRoster, shardIdAt } from '../manifest/manifest.ts';
import type { StorageReceipt } from '../wire/frames.ts';
import { HolderMap } from './holder-map.ts';
import type { HostPeer } from './host-peer.ts';

export interface CommittedUpload {
  readonly receipts: ReadonlyMap<HostPeer, StorageReceipt>;
  /** Hosts that signed for a shard, hex. */
  readonly holders: (segment: number, index: number) => readonly string[];
  /** Fewest distinct hosts with a receipt over all segments. */
  readonly worst: () => number;
}

/** Asks all hosts at once. A host that does not answer, or holds nothing of the file, simply has no receipt. */
export async function commitRoster(
  runtime: Runtime,
  peers: Iterable<HostPeer>,
  signed: SignedRoster,
  signal: AbortSignal,
): Promise<CommittedUpload> {
  const { roster } = signed;
  const holders = new HolderMap(roster.segments.length);
  const receipts = new Map<HostPeer, StorageReceipt>();
  await Promise.all(
    [...peers].map(async (peer) => {
      const client = await peer.client(signal);
      if (!client.ok) return;
      const receipt = await client.value.commit(signed, { signal });
      if (!receipt.ok) {
        if (!signal.aborted) runtime.log.info('bat.upload.commit-failed', { host: peer.key, reason: receipt.reason });
        return;
      }
      receipts.set(peer, receipt.value);
      for (const held of receipt.value.shards) {
        const segment = roster.segments[held.segment];
        const isRight =
          segment !== undefined && held.index < roster.scheme.totalShards && equalBytes(shardIdAt(segment, held.index), held.shardId);
        if (isRight && !held.isDamaged) holders.add(held.segment, held.index, peer.nodeId);
      }
    }),
  );
  signal.throwIfAborted();
  return { receipts, holders: (segment, index) => holders.holders(segment, index), worst: () => holders.worst(() => true) };
}
