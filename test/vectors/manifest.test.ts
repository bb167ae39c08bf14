import { readFileSync } from 'node:fs';
import { createCrypto, fromHex, keyPairFromSeed, type NodeId, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import type { FileId } from '../../packages/bat-node/src/ids.ts';
import { checkAccessProof, signAccessProof } from '../../packages/bat-node/src/manifest/access-proof.ts';
import { makeFileId, manifestName } from '../../packages/bat-node/src/manifest/manifest.ts';
import { ManifestBuilder } from '../../packages/bat-node/src/manifest/manifest-builder.ts';
import { encodeManifest, parseManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { padSegment, sealSegment } from '../../packages/bat-node/src/pipeline/cipher.ts';
import { deriveSegmentKeys } from '../../packages/bat-node/src/pipeline/content-key.ts';
import { createErasureCode } from '../../packages/bat-node/src/pipeline/erasure/fastest-code.ts';
import { sealedLength, shardLength } from '../../packages/bat-node/src/pipeline/segment-layout.ts';
import { Segmenter } from '../../packages/bat-node/src/pipeline/segmenter.ts';
import { digestShard } from '../../packages/bat-node/src/pipeline/shard.ts';

interface ManifestVector {
  readonly ownerSeed: string;
  readonly fileNonce: string;
  readonly fileKey: string;
  readonly accessSeed: string;
  readonly salts: readonly string[];
  readonly keepUntilMs: number;
  readonly requiredShards: number;
  readonly totalShards: number;
  readonly segmentSize: number;
  readonly fileId: string;
  readonly accessKey: string;
  readonly segments: readonly { readonly shardBytes: number; readonly shardIds: readonly string[] }[];
  readonly roster: string;
  readonly rosterId: string;
  readonly signature: string;
  readonly accessProof: { readonly binding: string; readonly prover: string; readonly host: string; readonly proof: string };
  readonly manifest: string;
}

const readVectors = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../docs/spec/vectors/${name}`, import.meta.url), 'utf8')) as T;
const vector = readVectors<ManifestVector>('manifest.json');
const bytes = (hex: string): Uint8Array => fromHex(hex) as Uint8Array;
const { verifier } = createCrypto();

/** The formula that the vector files state. */
function bytesOf(length: number): Uint8Array {
  let x = 1;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

/** Seals, pads and codes one segment. */
function shardsOf(plain: Uint8Array, salt: Uint8Array): Uint8Array[] {
  const length = shardLength(plain.length, vector.requiredShards);
  const shards = Array.from({ length: vector.totalShards }, () => new Uint8Array(length));
  const padded = new Uint8Array(vector.requiredShards * length);
  const keys = deriveSegmentKeys(bytes(vector.fileKey), salt);
  sealSegment(keys, plain, padded);
  padSegment(keys, padded.subarray(sealedLength(plain.length)));
  const data = shards.slice(0, vector.requiredShards);
  data.forEach((shard, j) => {
    shard.set(padded.subarray(j * length, (j + 1) * length));
  });
  createErasureCode().encode(data, shards.slice(vector.requiredShards));
  return shards;
}

describe('shard ids as another implementation computes them', () => {
  interface ShardCase {
    readonly shardBytes: number;
    readonly leaves: number;
    readonly firstLeafHash: string;
    readonly shardId: string;
  }
  it.each(readVectors<{ readonly cases: readonly ShardCase[] }>('shard-id.json').cases)('are equal for $shardBytes bytes', (expected) => {
    const { id, leafHashes } = digestShard(bytesOf(expected.shardBytes));
    expect({ leaves: leafHashes.length, firstLeafHash: toHex(leafHashes[0] as Uint8Array), shardId: toHex(id) }).toEqual({
      leaves: expected.leaves,
      firstLeafHash: expected.firstLeafHash,
      shardId: expected.shardId,
    });
  });
});

describe('a manifest as another implementation writes it', () => {
  const plain = bytesOf(2500);
  const scheme = { requiredShards: vector.requiredShards, totalShards: vector.totalShards };
  const keys = { fileNonce: bytes(vector.fileNonce), fileKey: bytes(vector.fileKey), accessSeed: bytes(vector.accessSeed) };
  const owner = keyPairFromSeed(bytes(vector.ownerSeed));
  const builder = new ManifestBuilder(owner, { keys, scheme, segmentSizeBytes: vector.segmentSize, keepUntilMs: vector.keepUntilMs });

  it('BD-58 has the same shards, roster, signature and text from the same bytes and keys', () => {
    const segmenter = new Segmenter(vector.segmentSize);
    const segments = [...segmenter.push(plain), segmenter.finish()].filter((segment) => segment !== undefined);
    const made = segments.map((segment) => {
      const salt = bytes(vector.salts[segment.index] as string);
      const digests = shardsOf(segment.bytes, salt).map(digestShard);
      const shardBytes = digests[0]?.length ?? 0;
      builder.addSegment(segment.index, { salt, shardLength: shardBytes, shardIds: digests.map((digest) => digest.id) });
      return { shardBytes, shardIds: digests.map((digest) => toHex(digest.id)) };
    });
    expect(made).toEqual(vector.segments);

    const signed = builder.signRoster();
    expect({ roster: toHex(signed.rosterBytes), rosterId: toHex(signed.rosterId), signature: toHex(signed.signature) }).toEqual({
      roster: vector.roster,
      rosterId: vector.rosterId,
      signature: vector.signature,
    });
    const entries = [
      { path: 'notes/größe.txt', bytes: 1500, mode: 0o644, offset: 0, sha256: sha256(plain.subarray(0, 1500)) },
      { path: 'notes/plan.md', bytes: 1000, mode: 0o600, offset: 1500, sha256: sha256(plain.subarray(1500)) },
    ];
    const hints = [{ nodeId: bytes(vector.accessProof.host) as NodeId, record: Uint8Array.of(1, 2, 3) }];
    expect(Buffer.from(encodeManifest(builder.build(signed, entries, hints))).toString('utf8')).toBe(vector.manifest);
  });

  it('is read, and names the file', () => {
    const parsed = parseManifest(verifier, utf8Bytes(vector.manifest));
    expect(parsed.ok && manifestName(parsed.value)).toBe('notes');
    expect(toHex(makeFileId(owner.publicKey, keys.fileNonce))).toBe(vector.fileId);
    expect(toHex(builder.fileId)).toBe(vector.fileId);
    expect(toHex(builder.accessKey)).toBe(vector.accessKey);
  });

  it('gives the same proof of access', () => {
    const { binding, prover, host, proof } = vector.accessProof;
    const claim = {
      fileId: bytes(vector.fileId) as FileId,
      binding: bytes(binding),
      prover: bytes(prover) as NodeId,
      host: bytes(host) as NodeId,
    };
    expect(toHex(signAccessProof(keys.accessSeed, claim))).toBe(proof);
    expect(checkAccessProof(verifier, bytes(vector.accessKey), claim, bytes(proof))).toBe(true);
  });
});
