// pure: where what lies in the table of values: one letter for the kind of row, then its key.
import type { KeyRange } from '@batchain/bat-node';
import { concatBytes, utf8Bytes } from '@batchain/shared';

const LETTERS = { network: 'n', piece: 'p', released: 'r', local: 'l' } as const;
export type RowKind = keyof typeof LETTERS;

/** The key of a row: of a value by the text of its key, of a piece by its hash. */
export function rowKey(kind: RowKind, key: string | Uint8Array): Uint8Array {
  return concatBytes(utf8Bytes(LETTERS[kind]), typeof key === 'string' ? utf8Bytes(key) : key);
}

/** All rows of a kind whose key begins with `prefix`. */
export function rowsOf(kind: RowKind, prefix = ''): KeyRange {
  const from = rowKey(kind, prefix);
  // Neither UTF-8 nor a letter above ends in 0xff, so the last byte can be raised.
  const to = from.slice();
  to[to.length - 1] = (to.at(-1) as number) + 1;
  return { from, to };
}

export const keyOfRow = (row: Uint8Array): Uint8Array => row.slice(1);
