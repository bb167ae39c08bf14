// pure: systematic Reed-Solomon (Cauchy rows, as Intel ISA-L) over any coding kernel; for k = 1 every shard is the data itself.
import { assert, present } from '@batchain/shared';
import type { CodingKernel, ErasureCode, WantedShard } from './erasure-code.ts';
import { checkScheme, type ErasureScheme } from './erasure-scheme.ts';
import { cauchyGenerator, invertMatrix, multiplyMatrix } from './matrix.ts';

export class ReedSolomon implements ErasureCode {
  readonly #kernel: CodingKernel;

  constructor(kernel: CodingKernel) {
    this.#kernel = kernel;
  }

  encode(data: readonly Uint8Array[], parity: readonly Uint8Array[]): void {
    const requiredShards = data.length;
    const totalShards = requiredShards + parity.length;
    assertShards({ requiredShards, totalShards }, [...data, ...parity]);
    if (parity.length === 0) return;
    if (requiredShards === 1) {
      for (const shard of parity) shard.set(present(data[0], 'the data shard'));
      return;
    }
    const rows = cauchyGenerator(requiredShards, totalShards).subarray(requiredShards * requiredShards);
    this.#kernel.combine(rows, data, parity);
  }

  reconstruct(scheme: ErasureScheme, shards: readonly (Uint8Array | undefined)[], wanted: readonly WantedShard[]): void {
    const { requiredShards, totalShards } = scheme;
    const sources: { readonly index: number; readonly bytes: Uint8Array }[] = [];
    // Data shards come first: a row of the identity costs nothing to invert.
    for (let index = 0; index < totalShards && sources.length < requiredShards; index++) {
      const bytes = shards[index];
      if (bytes !== undefined) sources.push({ index, bytes });
    }
    assert(sources.length === requiredShards, `${requiredShards} shards are there to rebuild from`);
    const inputs = sources.map((source) => source.bytes);
    assertShards(scheme, [...inputs, ...wanted.map((want) => want.into)]);
    if (wanted.length === 0) return;
    if (requiredShards === 1) {
      for (const want of wanted) want.into.set(present(inputs[0], 'a copy'));
      return;
    }
    const generator = cauchyGenerator(requiredShards, totalShards);
    const rowsOf = (indexes: readonly number[]): Uint8Array => {
      const rows = new Uint8Array(indexes.length * requiredShards);
      indexes.forEach((index, i) => {
        rows.set(generator.subarray(index * requiredShards, (index + 1) * requiredShards), i * requiredShards);
      });
      return rows;
    };
    const inverse = invertMatrix(rowsOf(sources.map((source) => source.index)), requiredShards);
    const rows = multiplyMatrix(rowsOf(wanted.map((want) => want.index)), inverse, requiredShards);
    this.#kernel.combine(
      rows,
      inputs,
      wanted.map((want) => want.into),
    );
  }
}

function assertShards(scheme: ErasureScheme, shards: readonly Uint8Array[]): void {
  assert(checkScheme(scheme).ok, 'the erasure scheme is valid');
  const length = shards[0]?.length ?? 0;
  assert(
    shards.every((shard) => shard.length === length),
    'all shards of a segment are of one length',
  );
}
