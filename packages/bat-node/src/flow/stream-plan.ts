// pure: which segments a stream of a file, or of a range of it, has to fetch.
import type { StreamOptions } from './flow-types.ts';

/** Segments that hold the wanted bytes, and where these lie in the first of them. */
export interface StreamRange {
  readonly firstSegment: number;
  /** One past the last. */
  readonly endSegment: number;
  readonly skipBytes: number;
  readonly length: number;
  readonly isWhole: boolean;
}

/** What lies beyond the end of the file is left away. */
export function planStream(fileBytes: number, segmentSize: number, { offset = 0, length = fileBytes }: StreamOptions): StreamRange {
  const start = Math.min(offset, fileBytes);
  const end = Math.min(start + length, fileBytes);
  const isWhole = start === 0 && end === fileBytes;
  const firstSegment = Math.floor(start / segmentSize);
  return {
    firstSegment,
    // The one segment of an empty file is read as well: what opens it proves that it is the file's.
    endSegment: isWhole ? Math.max(1, Math.ceil(end / segmentSize)) : start === end ? firstSegment : Math.ceil(end / segmentSize),
    skipBytes: start - firstSegment * segmentSize,
    length: end - start,
    isWhole,
  };
}
