import { readFileSync } from 'node:fs';
import { equalBytes, fromHex, sha256, toHex } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { openSegment, padSegment, sealSegment } from '../../packages/bat-node/src/pipeline/cipher.ts';
import { deriveSegmentKeys } from '../../packages/bat-node/src/pipeline/content-key.ts';
import { sealedLength, shardLength } from '../../packages/bat-node/src/pipeline/segment-layout.ts';

interface SealingCase {
  readonly plainBytes: number;
  readonly requiredShards: number;
  readonly sealedBytes: number;
  readonly shardBytes: number;
  readonly sealedFirst32: string;
  readonly sealedSha256: string;
  readonly paddedLast16: string;
  readonly paddedSha256: string;
}

const vectors = JSON.parse(readFileSync(new URL('../../docs/spec/vectors/sealing.json', import.meta.url), 'utf8')) as {
  readonly fileKey: string;
  readonly salt: string;
  readonly segmentKey: string;
  readonly padKey: string;
  readonly cases: readonly SealingCase[];
};

const keys = deriveSegmentKeys(fromHex(vectors.fileKey) as Uint8Array, fromHex(vectors.salt) as Uint8Array);

/** The formula that the vector file states. */
function plainBytesOf(length: number): Uint8Array {
  let x = 1;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

describe('sealing as another implementation does it', () => {
  it('derives the same keys', () => {
    expect({ segmentKey: toHex(keys.sealing), padKey: toHex(keys.padding) }).toEqual({
      segmentKey: vectors.segmentKey,
      padKey: vectors.padKey,
    });
  });

  it.each(vectors.cases)('seals and pads $plainBytes bytes for $requiredShards parts to the same bytes', (expected) => {
    const { plainBytes, requiredShards } = expected;
    const plain = plainBytesOf(plainBytes);
    const padded = new Uint8Array(requiredShards * shardLength(plainBytes, requiredShards));
    const sealed = padded.subarray(0, sealedLength(plainBytes));
    sealSegment(keys, plain, sealed);
    padSegment(keys, padded.subarray(sealed.length));
    expect({
      plainBytes,
      requiredShards,
      sealedBytes: sealed.length,
      shardBytes: padded.length / requiredShards,
      sealedFirst32: toHex(sealed.subarray(0, 32)),
      sealedSha256: toHex(sha256(sealed)),
      paddedLast16: toHex(padded.subarray(-16)),
      paddedSha256: toHex(sha256(padded)),
    }).toEqual(expected);
    const opened = openSegment(keys, sealed, plainBytes, new Uint8Array(plainBytes));
    expect(opened.ok && equalBytes(opened.value, plain)).toBe(true);
  });
});
