// pure: room for rosters that are being received: each may take 12 MiB, and anybody with one shard here may send one.
import { ROSTERS_IN_WORK_BYTES_MAX } from '../limits.ts';

export class RosterDesk {
  #takenBytes = 0;

  /** False when too many are in work; otherwise to be followed by `give`. */
  take(bytes: number): boolean {
    if (this.#takenBytes + bytes > ROSTERS_IN_WORK_BYTES_MAX) return false;
    this.#takenBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}
