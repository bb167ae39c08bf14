// pure: the digest of a byte range of a kept value, so that a copy can be compared without being sent (BD-45).
import { sha256, type Verifier } from '@batchain/shared';
import { openMutableValue } from './mutable-value.ts';
import type { StoredRecord } from './record-store.ts';

export interface ByteRange {
  readonly offset: number;
  /** null: to the end. */
  readonly length: number | null;
}

export type ValueDigest =
  | { readonly outcome: 'done'; readonly digest: Uint8Array; readonly bytes: number; readonly sequence: number }
  | { readonly outcome: 'out-of-range'; readonly digest: null; readonly bytes: number; readonly sequence: number }
  | { readonly outcome: 'not-held'; readonly digest: null; readonly bytes: 0; readonly sequence: 0 };

export const NOT_HELD: ValueDigest = { outcome: 'not-held', digest: null, bytes: 0, sequence: 0 };
/** For records whose signature was checked when they came in. */
const TRUSTING: Verifier = { verify: () => true };

/** The value of an immutable or mutable record; undefined for a deletion, and for one that has ended. */
function openValue(record: StoredRecord, nowMs: number): Uint8Array | undefined {
  if (nowMs - record.receivedMs >= record.lifetimeMs) return undefined;
  if (record.kind === 'immutable') return record.bytes;
  const opened = openMutableValue(TRUSTING, record.bytes);
  return opened.ok ? (opened.value.value ?? undefined) : undefined;
}

export function digestOf(record: StoredRecord | undefined, range: ByteRange, nowMs: number): ValueDigest {
  const value = record === undefined ? undefined : openValue(record, nowMs);
  if (record === undefined || value === undefined) return NOT_HELD;
  const facts = { bytes: value.length, sequence: record.sequence };
  const end = range.length === null ? Math.max(range.offset, value.length) : range.offset + range.length;
  if (end > value.length) return { outcome: 'out-of-range', digest: null, ...facts };
  return { outcome: 'done', digest: sha256(value.subarray(range.offset, end)), ...facts };
}
