// driven: has the hosts of a shard hash some of its bytes where they lie: the question goes to the data, not the data to us (BD-45).
import { BatChainError, toHex } from '@batchain/shared';
import { type Manifest, shardIdAt } from '../manifest/manifest.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { DigestAnswer, DigestRange, DigestResult, FlowOptions } from './flow-types.ts';
import type { PeerTools } from './host-peer.ts';
import { ShardSources } from './shard-sources.ts';
import { joinSignals } from './signals.ts';

/** Throws BAT_E_USAGE for bytes that the shard does not have. */
export async function digestShardRange(
  deps: FlowDeps,
  tools: PeerTools,
  manifest: Manifest,
  range: DigestRange,
  options: FlowOptions,
): Promise<DigestResult> {
  const { roster, accessSeed } = manifest;
  const { segment, index, offset, length } = range;
  const named = roster.segments[segment];
  const isShard = named !== undefined && Number.isInteger(index) && index >= 0 && index < roster.scheme.totalShards;
  if (!isShard) throw new BatChainError('BAT_E_USAGE', { what: `the file has no shard ${segment}/${index}` });
  const isRange = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length > 0 && offset + length <= named.shardLength;
  if (!isRange) throw new BatChainError('BAT_E_USAGE', { what: `a shard of segment ${segment} has ${named.shardLength} bytes` });
  const signal = joinSignals(options.signal);
  const sources = new ShardSources(deps, tools, manifest, signal);
  await sources.gatherAll(manifest.hints);
  const answers = sources.holders.holders(segment, index).map(async (key): Promise<DigestAnswer[]> => {
    const peer = sources.peer(key);
    if (peer === undefined) return [];
    const file = { fileId: roster.fileId, accessSeed };
    const digest = await peer.ask(signal, (client) => client.digest(file, { segment, index }, { offset, length }, { signal }));
    return [{ host: peer.nodeId, sha256: digest.ok ? toHex(digest.value) : undefined, reason: digest.ok ? '' : digest.reason }];
  });
  const heard = (await Promise.all(answers)).flat();
  signal.throwIfAborted();
  return { fileId: roster.fileId, shardId: shardIdAt(named, index), answers: heard };
}
