// pure: what a file takes of a disk: whole blocks, so that many tiny ones do not take more than the offer (T15).
import { DISK_BLOCK_BYTES } from '../limits.ts';

export function diskBytes(length: number): number {
  return Math.ceil(length / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES;
}

/** A kept roster with its 64-byte signature; 0 stands for none. */
export function rosterDiskBytes(rosterBytes: number): number {
  return rosterBytes === 0 ? 0 : diskBytes(64 + rosterBytes);
}
