// pure: the KeyValueStore port: the ordered, durable table under the store's index.
import type { Result } from '@batchain/shared';

export type KeyValueChange =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

export interface KeyRange {
  /** First key. */
  readonly from: Uint8Array;
  /** First key after the range. */
  readonly to: Uint8Array;
}

/** Keys sort as bytes. Calls before `open` or after `close` throw. */
export interface KeyValueStore {
  /** `locked`: another process has it open. `corrupt`: only `destroy` helps. Rejects with other faults of the disk. */
  open(): Promise<Result<void, 'locked' | 'corrupt'>>;
  close(): Promise<void>;
  /** Removes everything; for a closed store. */
  destroy(): Promise<void>;
  /** Throws when the table can not be read. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** All or nothing, durable when it resolves. */
  write(changes: readonly KeyValueChange[]): Promise<void>;
  /** In order of the keys, as they were when the walk began. */
  entries(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]>;
}
