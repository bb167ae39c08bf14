// driven: what a failed disk call means for a store, and whether the store may go on writing.
import type { StoreRefusal } from '../ports.ts';
import { errnoOf, isDiskFull } from './file-system.ts';

/** A failed disk call on the way of a store. */
export class DiskFault extends Error {
  readonly refusal: StoreRefusal;
  /**
   * True when nobody knows any more what is on the disk: after a failed sync the system may drop the pages and report
   * the next sync as fine (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
   */
  readonly isFatal: boolean;

  constructor(cause: unknown, isSync: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'DiskFault';
    const isReadOnly = errnoOf(cause) === 'EROFS';
    this.refusal = isDiskFull(cause) ? 'disk-full' : isReadOnly ? 'read-only' : 'io-error';
    this.isFatal = isReadOnly || (isSync && this.refusal === 'io-error');
  }
}

/** The fault itself, or the error as one. */
export function faultOf(error: unknown, isSync = false): DiskFault {
  return error instanceof DiskFault ? error : new DiskFault(error, isSync);
}

/** Marks a rejection of a sync as one, so that the store stops writing. */
export async function synced<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw faultOf(error, true);
  }
}
