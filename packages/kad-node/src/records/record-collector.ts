// pure: gathers the records of many answers: checks each once, keeps the newest per publisher (T5: no early stop, no blind trust).
import { equalBytes, type Verifier } from '@batchain/shared';
import { RECORD_SEQUENCE_AGE_MAX_MS } from '../limits.ts';
import { checkRecord } from './check-record.ts';
import type { RecordFacts, RecordKind } from './record-kind.ts';
import type { PassedRecord } from './record-store.ts';

export interface RecordCollectorOptions {
  readonly kind: RecordKind;
  /** Records of other keys are junk; undefined takes any key. */
  readonly key: Uint8Array | undefined;
  /** Distinct records that are checked at most. */
  readonly recordsMax: number;
  /** Records of a lower sequence are left out without being junk; see oldestSequence. */
  readonly sequenceMin?: number;
  /** Others are left out without being junk. */
  readonly isWanted?: (facts: RecordFacts) => boolean;
}

/** A gathered record, and how old it was in the answer that brought it. */
export interface CollectedRecord extends RecordFacts {
  readonly ageMs: number;
}

export interface TakeOutcome {
  /** Records not seen before that passed the check. */
  readonly fresh: number;
  /** Records that failed it. */
  readonly junk: number;
}

const NOBODY = new Uint8Array(32);
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/**
 * A version of a value that no store would take any more is not believed either: its deletion may be forgotten, and whoever kept it
 * can show it with any age (T19).
 */
export function oldestSequence(kind: RecordKind, wallMs: number): number {
  return kind === 'mutable' ? Math.max(0, wallMs - RECORD_SEQUENCE_AGE_MAX_MS) : 0;
}

export class RecordCollector {
  readonly #verifier: Verifier;
  readonly #options: RecordCollectorOptions;
  /** Every record seen, by its bytes; false when it failed its check. */
  readonly #seen = new Map<string, boolean>();
  readonly #newest = new Map<string, CollectedRecord>();

  constructor(verifier: Verifier, options: RecordCollectorOptions) {
    this.#verifier = verifier;
    this.#options = options;
  }

  take(records: readonly PassedRecord[]): TakeOutcome {
    let fresh = 0;
    let junk = 0;
    for (const record of records) {
      const name = textOf(record.bytes);
      const known = this.#seen.get(name);
      if (known !== undefined) {
        if (!known) junk++;
        continue;
      }
      if (this.#seen.size >= this.#options.recordsMax) break;
      const isGood = this.#check(record);
      this.#seen.set(name, isGood);
      if (isGood) fresh++;
      else junk++;
    }
    return { fresh, junk };
  }

  /** The newest of each publisher, withdrawn ones too, in the order they came. */
  newest(): CollectedRecord[] {
    return [...this.#newest.values()];
  }

  /** The newest of each publisher that are neither withdrawn nor past their lifetime. */
  living(): CollectedRecord[] {
    return this.newest().filter((record) => !record.isWithdrawal && record.ageMs < record.lifetimeMs);
  }

  #check(record: PassedRecord): boolean {
    const { kind, key, sequenceMin = 0, isWanted } = this.#options;
    const checked = checkRecord(this.#verifier, kind, record.bytes, NOBODY);
    if (!checked.ok || (key !== undefined && !equalBytes(checked.value.key, key))) return false;
    if (checked.value.sequence < sequenceMin) return true;
    if (isWanted !== undefined && !isWanted(checked.value)) return true;
    const name = textOf(checked.value.publisher);
    const known = this.#newest.get(name);
    if (known === undefined || known.sequence < checked.value.sequence) this.#newest.set(name, { ...checked.value, ageMs: record.ageMs });
    return true;
  }
}
