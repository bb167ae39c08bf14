// pure: the Random port, used for choices (`random`) and for secrets (`entropy`).

export interface Random {
  /** Uniform integer from 0 to 2^32 - 1. */
  u32(): number;
  /** Uniform integer from 0 to n - 1, for n from 1 to 2^32. Unbiased. */
  below(n: number): number;
  bytes(length: number): Uint8Array;
  /** A shuffled copy. */
  shuffle<T>(list: readonly T[]): T[];
  /** An independent stream, named so that adding one does not shift the others. */
  fork(label: string): Random;
}
