// pure: what this node itself publishes and keeps alive: announcements of files, and values.
import { MUTABLE_KEPT_MS, RECORD_LIFETIME_MAX_MS } from '../limits.ts';
import type { RecordKind } from './record-kind.ts';
import type { Republishable } from './republish-plan.ts';

export type OwnRecordKind = Exclude<RecordKind, 'contact'>;

export interface OwnRecord extends Republishable {
  readonly kind: OwnRecordKind;
  readonly key: Uint8Array;
  /** Of the last signed version. */
  readonly sequence: number;
  /** The owner's grant of an announcement, the bytes of a value, or null. */
  readonly payload: Uint8Array | null;
  /** The name of a mutable value, otherwise empty. */
  readonly name: Uint8Array;
  /** Withdrawn or deleted: published as such, under one sequence, until no older copy can live any more. */
  readonly isWithdrawn: boolean;
  /** Of a mutable value, when its owner chose it; undefined takes KadConfig.valueLifetimeMs. */
  readonly lifetimeMs: number | undefined;
  /** When anybody last stored it, on the monotonic clock. */
  readonly publishedMs: number | undefined;
}

/** True when every copy of what was withdrawn has ended, and of a value when none is taken any more. */
export function isLongWithdrawn({ kind, isWithdrawn, sequence }: OwnRecord, wallMs: number): boolean {
  return isWithdrawn && wallMs - sequence > (kind === 'mutable' ? MUTABLE_KEPT_MS : RECORD_LIFETIME_MAX_MS);
}

/** The next sequence: never lower than before, whatever the wall clock does. */
export function nextSequence(previous: number, wallMs: number): number {
  return Math.max(previous + 1, Math.floor(wallMs));
}
