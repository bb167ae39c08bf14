// pure: the ErasureCode port and the kernel below it, so that a faster kernel can take over without a change above.
import type { ErasureScheme } from './erasure-scheme.ts';

/** A shard to rebuild, and where its bytes go. */
export interface WantedShard {
  readonly index: number;
  readonly into: Uint8Array;
}

/** Turns parts into shards and back. Deterministic: a rebuilt shard is byte-identical. All buffers are of one length. */
export interface ErasureCode {
  /** Fills the parity shards (indexes k..n-1) from the k data shards. */
  encode(data: readonly Uint8Array[], parity: readonly Uint8Array[]): void;
  /**
   * Rebuilds the wanted shards, data or parity, from any k of those given (undefined = missing). Throws BAT_E_INTERNAL
   * with fewer than k: callers count first.
   */
  reconstruct(scheme: ErasureScheme, shards: readonly (Uint8Array | undefined)[], wanted: readonly WantedShard[]): void;
}

/** The inner loop of coding. */
export interface CodingKernel {
  readonly name: string;
  /** Sets outputs[r] to the sum over c of coefficients[r * inputs.length + c] x inputs[c] in GF(2^8), polynomial 0x11d. */
  combine(coefficients: Uint8Array, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void;
}
