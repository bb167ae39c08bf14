// pure: all that this node publishes and keeps alive, by kind and key.
import { toHex } from '@batchain/shared';
import { OWN_RECORDS_MAX } from '../limits.ts';
import type { SavedOwnRecord } from './kad-state.ts';
import { isLongWithdrawn, type OwnRecord, type OwnRecordKind } from './own-record.ts';
import { planRepublish, type RepublishPlanOptions } from './republish-plan.ts';

export class OwnRecords {
  readonly #records = new Map<string, OwnRecord>();

  get size(): number {
    return this.#records.size;
  }

  get isFull(): boolean {
    return this.#records.size >= OWN_RECORDS_MAX;
  }

  get(kind: OwnRecordKind, key: Uint8Array): OwnRecord | undefined {
    return this.#records.get(kind + toHex(key));
  }

  set(record: OwnRecord): void {
    this.#records.set(record.kind + toHex(record.key), record);
  }

  delete(record: OwnRecord): void {
    const name = record.kind + toHex(record.key);
    if (this.#records.get(name) === record) this.#records.delete(name);
  }

  all(): IterableIterator<OwnRecord> {
    return this.#records.values();
  }

  /** Forgets what was withdrawn so long ago that nothing is left of it. */
  dropLongWithdrawn(wallMs: number): void {
    for (const record of this.#records.values()) if (isLongWithdrawn(record, wallMs)) this.delete(record);
  }

  /** When full: forgets a withdrawal that somebody has stored already, the longest known first. */
  makeRoom(): void {
    if (!this.isFull) return;
    for (const record of this.#records.values()) {
      if (!record.isWithdrawn || record.publishedMs === undefined) continue;
      this.delete(record);
      return;
    }
  }

  /** Keys of the records of one kind that are in force. */
  keysOf(kind: OwnRecordKind): Uint8Array[] {
    return [...this.#records.values()].filter((record) => record.kind === kind && !record.isWithdrawn).map(({ key }) => key);
  }

  due(nowMs: number, options: RepublishPlanOptions): OwnRecord[] {
    return planRepublish(this.#records.values(), nowMs, options);
  }

  *save(nowMs: number): IterableIterator<SavedOwnRecord> {
    for (const { publishedMs, lifetimeMs = null, ...record } of this.#records.values()) {
      yield { ...record, lifetimeMs, publishedAgoMs: publishedMs === undefined ? null : Math.max(0, Math.floor(nowMs - publishedMs)) };
    }
  }

  /** Takes a saved record in, `sinceSavedMs` after it was saved. */
  restore(saved: SavedOwnRecord, nowMs: number, sinceSavedMs: number): void {
    if (saved.kind === 'contact' || this.isFull) return;
    const { publishedAgoMs, kind, lifetimeMs, ...rest } = saved;
    this.set({
      ...rest,
      kind,
      lifetimeMs: lifetimeMs ?? undefined,
      publishedMs: publishedAgoMs === null ? undefined : nowMs - sinceSavedMs - publishedAgoMs,
    });
  }
}
