// pure: how long the segments of an upload are, so that one with all its shards fits into memory whatever the policy.
import { fail, MiB, ok, type Result } from '@batchain/shared';
import { SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MIN } from '../limits.ts';
import { planSegments } from '../pipeline/segmenter.ts';
import { segmentBufferBytes } from '../workers/segment-stages.ts';
import type { Policy } from './flow-types.ts';

/** By default a segment with its shards takes no more than this: what segments in flight may take together. */
const BUFFER_BYTES_DEFAULT: number = 96 * MiB;
/** Whatever was asked for: the largest segment with six times its bytes in shards. */
const BUFFER_BYTES_MAX: number = 400 * MiB;

/**
 * The size for a file of so many bytes: the wished one or 16 MiB, halved by default while the shards of a wide policy would take too
 * much memory, doubled where the file would have too many segments. `BAT_E_USAGE` for a wish that can not be met.
 */
export function planSegmentSize(
  fileBytes: number,
  policy: Policy,
  wished?: number,
): Result<number, 'BAT_E_FILE_TOO_LARGE' | 'BAT_E_USAGE'> {
  const { k, n } = policy;
  let size = wished ?? SEGMENT_BYTES_DEFAULT;
  while (wished === undefined && size / 2 >= SEGMENT_BYTES_MIN && segmentBufferBytes(size, k, n) > BUFFER_BYTES_DEFAULT) size /= 2;
  const plan = planSegments(fileBytes, { requiredShards: k, totalShards: n }, size);
  if (!plan.ok) return plan;
  const { segmentSizeBytes } = plan.value;
  const bufferBytes = segmentBufferBytes(Math.min(segmentSizeBytes, fileBytes), k, n);
  if (bufferBytes <= BUFFER_BYTES_MAX) return ok(segmentSizeBytes);
  const why = `the ${n} shards of a segment of ${segmentSizeBytes} bytes take ${Math.ceil(bufferBytes / MiB)} MiB of memory`;
  return fail(wished === undefined ? 'BAT_E_FILE_TOO_LARGE' : 'BAT_E_USAGE', why);
}
