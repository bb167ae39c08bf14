// The id of a shard is found in a roster's bytes without the rest of them.
import { keyPairFromSeed, NO_EXTENSIONS, present, sha256, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { makeFileId, type RosterSegment, shardIdAt } from './manifest.ts';
import { encodeRoster } from './roster-codec.ts';
import { locateSegment, ROSTER_HEAD_BYTES, ROSTER_SEGMENT_BYTES_MAX, shardIdIn } from './roster-index.ts';

const owner = keyPairFromSeed(sha256(utf8Bytes('owner')));
const fileNonce = sha256(utf8Bytes('nonce'));

function rosterOf(requiredShards: number, totalShards: number, shardLengths: readonly number[]) {
  const segments: RosterSegment[] = shardLengths.map((shardLength, segment) => {
    const shardIds = new Uint8Array(32 * totalShards);
    for (let index = 0; index < totalShards; index++) shardIds.set(sha256(utf8Bytes(`${segment} ${index}`)), 32 * index);
    return { shardLength, shardIds };
  });
  const ids = { fileId: makeFileId(owner.publicKey, fileNonce), ownerKey: owner.publicKey, fileNonce };
  const rest = { accessKey: fileNonce, keepUntilMs: 0, extensions: NO_EXTENSIONS };
  const bytes = new Uint8Array(encodeRoster({ ...ids, ...rest, segments, scheme: { requiredShards, totalShards } }));
  return { bytes, segments };
}

function find(bytes: Uint8Array, segment: number, index: number): Uint8Array | undefined {
  const at = locateSegment(bytes.subarray(0, ROSTER_HEAD_BYTES), segment);
  return at === undefined ? undefined : shardIdIn(bytes.subarray(at, at + ROSTER_SEGMENT_BYTES_MAX), index);
}

describe('a look into a roster', () => {
  it('finds the id at every place, whatever the code and the length of the last segment', () => {
    for (const [required, total, lengths] of [
      [1, 1, [64]],
      [1, 2, [1 << 20, 1 << 20, 64]],
      [16, 24, [64, 64, 64]],
      [20, 256, [67_108_864, 67_108_864, 256]],
      [3, 5, [...Array.from({ length: 299 }, () => 65_536), 128]],
    ] as const) {
      const { bytes, segments } = rosterOf(required, total, lengths);
      for (let segment = 0; segment < lengths.length; segment++) {
        for (let index = 0; index < total; index++) {
          expect(find(bytes, segment, index)).toEqual(shardIdAt(present(segments[segment], 'a segment'), index));
        }
        expect(find(bytes, segment, total)).toBeUndefined();
      }
      expect(find(bytes, lengths.length, 0)).toBeUndefined();
    }
  });

  it('finds nothing in other bytes', () => {
    const { bytes } = rosterOf(1, 2, [64, 64]);
    for (let length = 0; length < ROSTER_HEAD_BYTES; length++) expect(find(bytes.slice(0, length), 0, 0)).toBeUndefined();
    expect(find(new Uint8Array(1000).fill(255), 0, 0)).toBeUndefined();
    for (let at = 0; at < ROSTER_HEAD_BYTES; at++) {
      for (const byte of [0, 0x9b, 0xff]) expect(() => find(bytes.with(at, byte), 1, 0)).not.toThrow();
    }
  });
});
