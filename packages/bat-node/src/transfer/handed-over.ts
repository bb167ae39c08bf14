// pure: who handed which shard to this host a short while ago: he may see it proved, though he has no access to the file (ADR 0013).
import { toHex } from '@batchain/shared';
import { HANDED_MAX, HANDED_MS } from '../limits.ts';
import type { ShardRef } from '../ports.ts';
import { RecentMap } from '../tunnel/recent-map.ts';

const keyOf = (peer: Uint8Array, { fileId, segment, index }: ShardRef): string => `${toHex(peer)}/${toHex(fileId)}/${segment}/${index}`;

export class HandedOver {
  readonly #sinceMs = new RecentMap<number>(HANDED_MAX);

  /** Times are of the monotonic clock. */
  note(peer: Uint8Array, ref: ShardRef, nowMs: number): void {
    this.#sinceMs.set(keyOf(peer, ref), nowMs);
  }

  isFrom(peer: Uint8Array, ref: ShardRef, nowMs: number): boolean {
    const sinceMs = this.#sinceMs.get(keyOf(peer, ref));
    return sinceMs !== undefined && nowMs - sinceMs < HANDED_MS;
  }
}
