// driven: a download into a file: resumes a part file, checks the whole, and only then gives it its name (BN-24).
import { createHash, type Hash } from 'node:crypto';
import { BatChainError, type Clock, equalBytes, MiB, type NodeId, parseNodeId, plainBytes, toBatChainError, toHex } from '@batchain/shared';
import { STREAM_STALL_MS } from '../limits.ts';
import { type Manifest, type ManifestEntry, manifestName } from '../manifest/manifest.ts';
import { PartFile } from '../storage/part-file.ts';
import { SegmentReader } from './download.ts';
import { DownloadProgress } from './download-progress.ts';
import type { FlowDeps } from './flow-deps.ts';
import { contentMismatch } from './flow-errors.ts';
import type { DownloadOptions, DownloadResult, StreamOptions } from './flow-types.ts';
import type { PeerTools } from './host-peer.ts';
import { planStream, type StreamRange } from './stream-plan.ts';

/** Hashed and written in pieces, so that the event loop is never held for long. */
const WRITE_BYTES: number = 1024 * 1024;

/** The one file of a manifest; manifests of several are for a later verb. */
function soleEntry(manifest: Manifest): ManifestEntry {
  const [entry] = manifest.secret.entries;
  if (entry === undefined || manifest.secret.entries.length > 1) {
    throw contentMismatch(manifestName(manifest), 'the manifest holds more than one file');
  }
  return entry;
}

export function downloadResult(
  manifest: Manifest,
  reader: SegmentReader,
  facts: { readonly path: string | undefined; readonly durationMs: number; readonly resumedBytes: number },
): DownloadResult {
  const entry = soleEntry(manifest);
  return {
    fileId: manifest.roster.fileId,
    name: manifestName(manifest),
    bytes: entry.bytes,
    sha256: toHex(entry.sha256),
    path: facts.path,
    durationMs: Math.round(facts.durationMs),
    resumedBytes: facts.resumedBytes,
    hosts: [...reader.usedHosts.keys()].map((key) => parseNodeId(key) as NodeId),
    rejected: reader.rejected,
  };
}

/** Downloads to `targetPath`. Nothing appears under that name unless every byte was right. */
export async function downloadFile(
  deps: FlowDeps,
  tools: PeerTools,
  manifest: Manifest,
  targetPath: string,
  options: DownloadOptions,
): Promise<DownloadResult> {
  const part = await PartFile.open(targetPath, toHex(manifest.roster.fileId), options.isForced === true);
  try {
    const result = await fillPart(deps, tools, manifest, part, options);
    if (result !== undefined) return result;
  } catch (error) {
    throw await settlePart(part, error);
  } finally {
    await part.close();
  }
  // What an earlier attempt left was damaged since: once more, from the start.
  return downloadFile(deps, tools, manifest, targetPath, options);
}

/** Of no use for another attempt. */
const FINAL: ReadonlySet<string> = new Set(['BAT_E_UNRECOVERABLE', 'BAT_E_CONTENT_MISMATCH']);

/** After a failure: an empty part file, or one that can never be finished, goes; one that helps the next attempt is named in the error. */
async function settlePart(part: PartFile, error: unknown): Promise<unknown> {
  const known = toBatChainError(error);
  const bytes = await part.keptBytes();
  if (bytes === 0 || FINAL.has(known.code)) await part.discard();
  else if (bytes !== undefined && known.code !== 'BAT_E_INTERNAL') return named(known, part.path, bytes);
  return error;
}

function named(known: BatChainError, path: string, bytes: number): BatChainError {
  const { code, what, why, fix, details, cause } = known;
  const kept = `${path} (${(bytes / MiB).toFixed(1)} MiB) is kept to resume from`;
  return new BatChainError(code, { what, why: `${why}; ${kept}`, fix, details: { ...details, part: path, partBytes: bytes }, cause });
}

/** Undefined when a resumed whole was not right: the part file is gone then. */
async function fillPart(
  deps: FlowDeps,
  tools: PeerTools,
  manifest: Manifest,
  part: PartFile,
  options: DownloadOptions,
): Promise<DownloadResult | undefined> {
  const { clock } = deps.runtime;
  const startedMs = clock.monotonicMs();
  const entry = soleEntry(manifest);
  const segmentSize = manifest.secret.segmentSizeBytes;
  const hash = createHash('sha256');
  const resumedBytes = await hashResumed(part, segmentSize, entry.bytes, hash);
  const neededBytes = shardBytesFrom(manifest, Math.ceil(resumedBytes / segmentSize));
  const progress = new DownloadProgress(clock, { totalBytes: entry.bytes, resumedBytes, neededBytes }, options.onProgress);
  const onArrived = progress.arrived.bind(progress);
  const reader = new SegmentReader(deps, tools, manifest, { ...options, onArrived });
  let doneBytes = resumedBytes;
  const isComplete = resumedBytes === entry.bytes && resumedBytes > 0;
  try {
    if (!isComplete) await reader.open();
    progress.enter('transferring');
    for await (const plain of reader.segments(isComplete ? reader.segmentCount : resumedBytes / segmentSize)) {
      for (let at = 0; at < plain.length; at += WRITE_BYTES) {
        options.signal?.throwIfAborted();
        const piece = plain.subarray(at, at + WRITE_BYTES);
        hash.update(piece);
        await part.write(piece, doneBytes);
        doneBytes += piece.length;
      }
      progress.written();
    }
  } finally {
    reader.close();
  }
  progress.enter('finishing');
  if (!equalBytes(plainBytes(hash.digest()), entry.sha256)) {
    await part.discard();
    if (resumedBytes > 0) return undefined;
    throw contentMismatch(entry.path, 'the whole does not have the promised SHA-256');
  }
  options.signal?.throwIfAborted();
  await part.finish(entry.mode === 0 ? 0o600 : entry.mode);
  return downloadResult(manifest, reader, { path: part.targetPath, durationMs: clock.monotonicMs() - startedMs, resumedBytes });
}

/** Hashes the whole segments of a part file and cuts off the rest; the bytes that need not come again. */
async function hashResumed(part: PartFile, segmentSize: number, fileBytes: number, hash: Hash): Promise<number> {
  const size = await part.size();
  const kept = size >= fileBytes ? fileBytes : Math.floor(size / segmentSize) * segmentSize;
  const piece = new Uint8Array(WRITE_BYTES);
  for (let at = 0; at < kept; ) {
    const count = await part.read(piece.subarray(0, Math.min(WRITE_BYTES, kept - at)), at);
    if (count === 0) break;
    hash.update(piece.subarray(0, count));
    at += count;
  }
  await part.truncate(kept);
  return kept;
}

/** Of the k shards of each segment from `first` on. */
function shardBytesFrom({ roster }: Manifest, first: number): number {
  return roster.segments.slice(first).reduce((sum, { shardLength }) => sum + shardLength * roster.scheme.requiredShards, 0);
}

/**
 * The bytes of the file in order, for a stream; the last item is followed by the result. Of a range only the segments are fetched that
 * hold it: each is authenticated by itself. Throws when the whole, where it was asked for, is not right.
 */
export async function* downloadStream(
  deps: FlowDeps,
  tools: PeerTools,
  manifest: Manifest,
  options: StreamOptions,
): AsyncGenerator<Uint8Array, DownloadResult> {
  const startedMs = deps.runtime.clock.monotonicMs();
  const entry = soleEntry(manifest);
  const range = planStream(entry.bytes, manifest.secret.segmentSizeBytes, options);
  const reader = new SegmentReader(deps, tools, manifest, { ...options, isStream: true });
  const hash = createHash('sha256');
  try {
    await reader.open();
    for await (const piece of streamPieces(deps.runtime.clock, reader, range)) {
      if (range.isWhole) hash.update(piece);
      yield piece;
    }
  } finally {
    reader.close();
  }
  if (range.isWhole && !equalBytes(plainBytes(hash.digest()), entry.sha256))
    throw contentMismatch(entry.path, 'the whole does not have the promised SHA-256');
  return downloadResult(manifest, reader, { path: undefined, durationMs: deps.runtime.clock.monotonicMs() - startedMs, resumedBytes: 0 });
}

/**
 * Copies of the plain bytes, piece by piece. While the reader takes nothing for long, it holds no buffer that others wait for: what was
 * fetched ahead is given back, and the segment is fetched again when it goes on.
 */
async function* streamPieces(clock: Clock, reader: SegmentReader, range: StreamRange): AsyncGenerator<Uint8Array> {
  let leftBytes = range.length;
  for (let segment = range.firstSegment, at = range.skipBytes; segment < range.endSegment; ) {
    const segments = reader.segments(segment, range.endSegment);
    let givenBack: Promise<unknown> | undefined;
    try {
      for (let next = await segments.next(); next.done !== true; next = await segments.next()) {
        while (at < next.value.length && leftBytes > 0 && givenBack === undefined) {
          const piece = next.value.slice(at, at + Math.min(WRITE_BYTES, leftBytes));
          at += piece.length;
          leftBytes -= piece.length;
          const stalled = clock.setTimer(STREAM_STALL_MS, () => {
            givenBack = segments.return(undefined);
          });
          try {
            yield piece;
          } finally {
            stalled.cancel();
          }
        }
        if (at >= next.value.length || leftBytes === 0) {
          segment++;
          at = 0;
        }
        if (givenBack !== undefined) break;
      }
    } finally {
      await (givenBack ?? segments.return(undefined));
    }
  }
}
