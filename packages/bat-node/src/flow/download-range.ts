// driven: a range of a file's bytes: only the segments that hold it are fetched; each is authenticated, the whole is not hashed.
import { BatChainError } from '@batchain/shared';
import type { Manifest } from '../manifest/manifest.ts';
import { totalBytes } from '../manifest/manifest.ts';
import { SegmentReader } from './download.ts';
import { streamPieces } from './download-file.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { RangeOptions } from './flow-types.ts';
import type { PeerTools } from './host-peer.ts';

/** Exactly the bytes of the range, in order. BAT_E_USAGE for a range that is not within the file. */
export async function* downloadRange(
  deps: FlowDeps,
  tools: PeerTools,
  manifest: Manifest,
  options: RangeOptions,
): AsyncGenerator<Uint8Array, void> {
  const { secret } = manifest;
  const fileBytes = totalBytes(secret.entries);
  const { offset = 0, length = fileBytes - offset } = options;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > fileBytes)
    throw new BatChainError('BAT_E_USAGE', { what: `bytes ${offset} to ${offset + length} of a file of ${fileBytes} bytes` });
  if (length === 0) return;
  const first = Math.floor(offset / secret.segmentSizeBytes);
  const end = Math.ceil((offset + length) / secret.segmentSizeBytes);
  const reader = new SegmentReader(deps, tools, manifest, { ...options, isStream: true });
  let left = length;
  try {
    await reader.open();
    const from = { segment: first, at: offset - first * secret.segmentSizeBytes, end };
    for await (const piece of streamPieces(deps.runtime.clock, reader, from)) {
      yield piece.length > left ? piece.subarray(0, left) : piece;
      left -= piece.length;
      if (left <= 0) return;
    }
  } finally {
    reader.close();
  }
}
