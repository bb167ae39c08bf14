import { createCrypto, hour, keyPairFromSeed, sha256, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { checkRecord } from './check-record.ts';
import { signMutableValue } from './mutable-value.ts';
import type { StoredRecord } from './record-store.ts';
import { digestOf, NOT_HELD } from './value-digest.ts';

const { verifier } = createCrypto();
const owner = keyPairFromSeed(sha256(utf8Bytes('owner')));
const VALUE = utf8Bytes('the quick brown fox');

function stored(kind: 'immutable' | 'mutable', bytes: Uint8Array): StoredRecord {
  const checked = checkRecord(verifier, kind, bytes, owner.nodeId);
  if (!checked.ok) throw new Error(checked.reason);
  return { ...checked.value, receivedMs: 0, storedMs: 0 };
}
const mutable = (value: Uint8Array | null): StoredRecord =>
  stored('mutable', signMutableValue(owner, { name: utf8Bytes('n'), sequence: 7, lifetimeMs: hour, value }).bytes);

describe('digestOf', () => {
  it('BD-45 is the SHA-256 of the range of the value, not of its record', () => {
    const whole = { offset: 0, length: null };
    expect(digestOf(stored('immutable', VALUE), whole, 0)).toEqual({ outcome: 'done', digest: sha256(VALUE), bytes: 19, sequence: 0 });
    expect(digestOf(mutable(VALUE), whole, 0)).toEqual({ outcome: 'done', digest: sha256(VALUE), bytes: 19, sequence: 7 });
    expect(digestOf(mutable(VALUE), { offset: 4, length: 5 }, 0).digest).toEqual(sha256(utf8Bytes('quick')));
    expect(digestOf(mutable(VALUE), { offset: 16, length: null }, 0).digest).toEqual(sha256(utf8Bytes('fox')));
    expect(digestOf(mutable(VALUE), { offset: 19, length: 0 }, 0).digest).toEqual(sha256(new Uint8Array()));
  });

  it('says how long the value is when the range is not within it', () => {
    for (const range of [
      { offset: 0, length: 20 },
      { offset: 20, length: null },
      { offset: 20, length: 0 },
      { offset: Number.MAX_SAFE_INTEGER, length: Number.MAX_SAFE_INTEGER },
    ]) {
      expect(digestOf(mutable(VALUE), range, 0)).toEqual({ outcome: 'out-of-range', digest: null, bytes: 19, sequence: 7 });
    }
  });

  it('is of nothing that was deleted or has ended', () => {
    const whole = { offset: 0, length: null };
    expect(digestOf(undefined, whole, 0)).toEqual(NOT_HELD);
    expect(digestOf(mutable(null), whole, 0)).toEqual(NOT_HELD);
    expect(digestOf(mutable(VALUE), whole, hour)).toEqual(NOT_HELD);
  });
});
