import { readFileSync } from 'node:fs';
import { present, sha256, toHex } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { ReedSolomon } from '../../packages/bat-node/src/pipeline/erasure/reed-solomon.ts';
import { createSimdKernel } from '../../packages/bat-node/src/pipeline/erasure/simd-kernel.ts';
import { tableKernel } from '../../packages/bat-node/src/pipeline/erasure/table-kernel.ts';

interface ErasureCase {
  readonly requiredShards: number;
  readonly totalShards: number;
  readonly shardBytes: number;
  readonly parity: readonly { readonly index: number; readonly first32: string; readonly sha256: string }[];
}

const vectors = JSON.parse(readFileSync(new URL('../../docs/spec/vectors/erasure.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly ErasureCase[];
};

/** The formula that the vector file states. */
function dataShard(index: number, length: number): Uint8Array {
  let x = index + 1;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

const kernels = [tableKernel, present(createSimdKernel(), 'the engine has vector instructions')];

describe.each(kernels)('parity made by Intel ISA-L, kernel $name', (kernel) => {
  it.each(vectors.cases)('is equal for $requiredShards of $totalShards', ({ requiredShards, totalShards, shardBytes, parity }) => {
    const data = Array.from({ length: requiredShards }, (_, j) => dataShard(j, shardBytes));
    const shards = Array.from({ length: totalShards - requiredShards }, () => new Uint8Array(shardBytes));
    new ReedSolomon(kernel).encode(data, shards);
    const made = shards.map((shard, i) => ({
      index: requiredShards + i,
      first32: toHex(shard.subarray(0, 32)),
      sha256: toHex(sha256(shard)),
    }));
    expect(made).toEqual(parity);
  });
});
