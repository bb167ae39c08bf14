import { concatBytes, equalBytes, GiB, KiB, MiB } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planSegments, Segmenter } from './segmenter.ts';

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

describe('cutting a file into segments', () => {
  it('gives the same segments however the bytes come, and all of the bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 20 }), (size, chunks) => {
        const segmenter = new Segmenter(size);
        const segments = chunks.flatMap((chunk) => segmenter.push(chunk));
        const last = segmenter.finish();
        if (last !== undefined) segments.push(last);
        const all = concatBytes(...chunks);
        expect(equalBytes(concatBytes(...segments.map((segment) => segment.bytes)), all)).toBe(true);
        expect(segments.map((segment) => segment.index)).toEqual(segments.map((_, i) => i));
        expect(segments).toHaveLength(Math.max(1, Math.ceil(all.length / size)));
        expect(segments.slice(0, -1).every((segment) => segment.bytes.length === size)).toBe(true);
      }),
    );
  });

  it.each([
    [0, [0]],
    [1, [1]],
    [1023, [1023]],
    [1024, [1024]],
    [1025, [1024, 1]],
    [2047, [1024, 1023]],
    [2048, [1024, 1024]],
    [2049, [1024, 1024, 1]],
  ])('cuts %d bytes at 1,024: one empty segment for an empty file, otherwise none', (length, expected) => {
    const segmenter = new Segmenter(1024);
    const segments = segmenter.push(bytesOf(length));
    const last = segmenter.finish();
    if (last !== undefined) segments.push(last);
    expect(segments.map((segment) => segment.bytes.length)).toEqual(expected);
  });

  it('fills the buffers that the caller lends', () => {
    const lent: Uint8Array[] = [];
    const segmenter = new Segmenter(16, (bytes) => {
      const buffer = new Uint8Array(bytes);
      lent.push(buffer);
      return buffer;
    });
    const segments = segmenter.push(bytesOf(40));
    expect(segments.map((segment) => segment.bytes.buffer)).toEqual(lent.slice(0, 2).map((buffer) => buffer.buffer));
  });
});

describe('the segment size', () => {
  const of = (requiredShards: number, totalShards: number) => ({ requiredShards, totalShards });

  it('is 16 MiB, doubled only when a file would have more than 4,096 segments', () => {
    const plan = (fileBytes: number) => planSegments(fileBytes, of(10, 24));
    expect(plan(0)).toEqual({ ok: true, value: { segmentSizeBytes: 16 * MiB, segments: 1 } });
    expect(plan(16 * MiB)).toEqual({ ok: true, value: { segmentSizeBytes: 16 * MiB, segments: 1 } });
    expect(plan(16 * MiB + 1)).toEqual({ ok: true, value: { segmentSizeBytes: 16 * MiB, segments: 2 } });
    expect(plan(64 * GiB)).toEqual({ ok: true, value: { segmentSizeBytes: 16 * MiB, segments: 4096 } });
    expect(plan(64 * GiB + 1)).toEqual({ ok: true, value: { segmentSizeBytes: 32 * MiB, segments: 2049 } });
    expect(plan(128 * GiB + 1)).toEqual({ ok: true, value: { segmentSizeBytes: 64 * MiB, segments: 2049 } });
    expect(plan(256 * GiB)).toEqual({ ok: true, value: { segmentSizeBytes: 64 * MiB, segments: 4096 } });
    expect(plan(256 * GiB + 1)).toMatchObject({ ok: false, reason: 'BAT_E_FILE_TOO_LARGE' });
  });

  it('keeps a file below 262,144 shards when the code is wide', () => {
    expect(planSegments(16 * GiB, of(100, 256))).toEqual({ ok: true, value: { segmentSizeBytes: 16 * MiB, segments: 1024 } });
    expect(planSegments(16 * GiB + 1, of(100, 256))).toEqual({ ok: true, value: { segmentSizeBytes: 32 * MiB, segments: 513 } });
    expect(planSegments(64 * GiB + 1, of(100, 256))).toMatchObject({ ok: false, reason: 'BAT_E_FILE_TOO_LARGE' });
  });

  it('starts from the size that the user wants, from 1 KiB to 64 MiB', () => {
    expect(planSegments(4096 * KiB, of(1, 2), KiB)).toEqual({ ok: true, value: { segmentSizeBytes: KiB, segments: 4096 } });
    expect(planSegments(4096 * KiB + 1, of(1, 2), KiB)).toEqual({ ok: true, value: { segmentSizeBytes: 2 * KiB, segments: 2049 } });
    expect(planSegments(256 * GiB, of(1, 2), 48 * MiB)).toEqual({ ok: true, value: { segmentSizeBytes: 64 * MiB, segments: 4096 } });
    for (const size of [KiB - 1, 64 * MiB + 1, 0, -1, 1.5, Number.NaN]) {
      expect(planSegments(10, of(1, 2), size)).toMatchObject({ ok: false, reason: 'BAT_E_USAGE' });
    }
    expect(planSegments(10, of(3, 2))).toMatchObject({ ok: false, reason: 'BAT_E_USAGE' });
  });
});
