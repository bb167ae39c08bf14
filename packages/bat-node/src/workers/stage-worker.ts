// driven: the worker thread's entry: runs the stages over buffers shared with the main thread.
import { concatBytes, type Result } from '@batchain/shared';
import { decodeAndOpen, rebuildShards, sealAndEncode } from './segment-stages.ts';
import type { DecodeJob, EncodeJob, RebuildJob } from './stage-pool.ts';

/** Digests of n shards of equal length, flat, so that one small buffer crosses the threads. */
export interface FlatDigests {
  readonly shardLength: number;
  readonly ids: Uint8Array;
  readonly leafHashes: Uint8Array;
}

export type StageTask =
  | { readonly kind: 'encode'; readonly buffer: Uint8Array; readonly job: EncodeJob }
  | { readonly kind: 'decode'; readonly buffer: Uint8Array; readonly job: DecodeJob }
  | { readonly kind: 'rebuild'; readonly buffer: Uint8Array; readonly job: RebuildJob };

export type StageAnswer = FlatDigests | Result<number, 'wrong-length' | 'bad-seal'>;

/** @public Called by its name, from the thread pool. */
export function runStage(task: StageTask): StageAnswer {
  if (task.kind === 'decode') return decodeAndOpen(task.buffer, task.job);
  const digests = task.kind === 'rebuild' ? rebuildShards(task.buffer, task.job) : sealAndEncode(task.buffer, task.job);
  return {
    shardLength: digests[0]?.length ?? 0,
    ids: concatBytes(...digests.map((digest) => digest.id)),
    leafHashes: concatBytes(...digests.flatMap((digest) => digest.leafHashes)),
  };
}
