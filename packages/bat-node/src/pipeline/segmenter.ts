// pure: cuts a file's bytes into segments, however they come, and decides how long segments are.
import { assert, fail, ok, type Result } from '@batchain/shared';
import { SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_MAX, SHARDS_MAX } from '../limits.ts';
import { checkScheme, type ErasureScheme } from './erasure/erasure-scheme.ts';
import { segmentCount } from './segment-layout.ts';
import type { PlainSegment } from './types.ts';

export interface SegmentPlan {
  readonly segmentSizeBytes: number;
  readonly segments: number;
}

/**
 * The segment size for a file of so many bytes: the wished one (16 MiB by default), doubled until at most 4,096 segments and
 * 262,144 shards remain, at most 64 MiB. Larger files are refused before their first byte.
 */
export function planSegments(
  fileBytes: number,
  scheme: ErasureScheme,
  wishedSizeBytes: number = SEGMENT_BYTES_DEFAULT,
): Result<SegmentPlan, 'BAT_E_FILE_TOO_LARGE' | 'BAT_E_USAGE'> {
  assert(Number.isSafeInteger(fileBytes) && fileBytes >= 0, 'a file has a whole number of bytes');
  const checked = checkScheme(scheme);
  if (!checked.ok) return fail('BAT_E_USAGE', checked.detail);
  if (!Number.isInteger(wishedSizeBytes) || wishedSizeBytes < SEGMENT_BYTES_MIN || wishedSizeBytes > SEGMENT_BYTES_MAX) {
    return fail('BAT_E_USAGE', `a segment has ${SEGMENT_BYTES_MIN} to ${SEGMENT_BYTES_MAX} bytes, not ${wishedSizeBytes}`);
  }
  const segmentsMax = Math.min(SEGMENTS_MAX, Math.floor(SHARDS_MAX / scheme.totalShards));
  let segmentSizeBytes = wishedSizeBytes;
  while (segmentCount(fileBytes, segmentSizeBytes) > segmentsMax) {
    if (segmentSizeBytes === SEGMENT_BYTES_MAX) {
      return fail(
        'BAT_E_FILE_TOO_LARGE',
        `${fileBytes} bytes; at most ${segmentsMax * SEGMENT_BYTES_MAX} with ${scheme.totalShards} shards`,
      );
    }
    segmentSizeBytes = Math.min(segmentSizeBytes * 2, SEGMENT_BYTES_MAX);
  }
  return ok({ segmentSizeBytes, segments: segmentCount(fileBytes, segmentSizeBytes) });
}

/** Push bytes of any length, take segments of exactly the segment size. */
export class Segmenter {
  readonly #sizeBytes: number;
  readonly #allocate: (bytes: number) => Uint8Array;
  #index = 0;
  #current: Uint8Array | undefined;
  #filled = 0;

  /** `allocate` gives the buffer for the next segment; a caller that reuses buffers passes its own. */
  constructor(sizeBytes: number, allocate: (bytes: number) => Uint8Array = (bytes) => new Uint8Array(bytes)) {
    assert(Number.isInteger(sizeBytes) && sizeBytes > 0, 'a segment has a size');
    this.#sizeBytes = sizeBytes;
    this.#allocate = allocate;
  }

  /** The segments that these bytes completed; the bytes are copied. */
  push(bytes: Uint8Array): PlainSegment[] {
    const done: PlainSegment[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      this.#current ??= this.#allocate(this.#sizeBytes);
      const part = rest.subarray(0, this.#sizeBytes - this.#filled);
      this.#current.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      if (this.#filled === this.#sizeBytes) done.push(this.#take());
    }
    return done;
  }

  /** The last, short segment; an empty one when there never was a byte; undefined when the file ended with a full segment. */
  finish(): PlainSegment | undefined {
    return this.#filled > 0 || this.#index === 0 ? this.#take() : undefined;
  }

  #take(): PlainSegment {
    const bytes = (this.#current ?? new Uint8Array(0)).subarray(0, this.#filled);
    this.#current = undefined;
    this.#filled = 0;
    return { index: this.#index++, bytes };
  }
}
