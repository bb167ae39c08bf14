import {
  type ContactInput,
  concatBytes,
  createCrypto,
  deriveFileId,
  hour,
  keyPairFromSeed,
  type Signer,
  sha256,
  signContact,
  uintBytes,
  utf8Bytes,
} from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RECORD_BYTES_MAX } from '../limits.ts';
import { checkRecord } from './check-record.ts';
import { immutableKey, isImmutableValue, mutableKey, openMutableValue, signMutableValue } from './mutable-value.ts';
import { nextSequence } from './own-record.ts';
import { isOwnerGrant, signOwnerGrant } from './owner-grant.ts';
import { openProviderRecord, signProviderRecord } from './provider-record.ts';
import { RECORD_KINDS } from './record-kind.ts';
import { RecordStore } from './record-store.ts';

const { verifier } = createCrypto();
const keyOf = (n: number): Signer => keyPairFromSeed(sha256(uintBytes(n, 4)));
const host = keyOf(1);
const owner = keyOf(2);
const nonce = sha256(utf8Bytes('nonce'));
const fileId = deriveFileId(owner.publicKey, nonce);
const storedBy = keyOf(9).nodeId;

const contactInput: ContactInput = {
  sequence: 7,
  kadAddresses: [{ host: '192.0.2.1', port: 4870 }],
  batAddresses: [{ host: '192.0.2.1', port: 4880 }],
  brokers: [],
  flags: { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
  natMapping: 'none',
};

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

describe('provider records', () => {
  it('DF-01 BN-21 say which host keeps shards of which file, signed by the host', () => {
    const record = signProviderRecord(host, { fileId, sequence: 5, lifetimeMs: 48 * hour });
    const opened = openProviderRecord(verifier, record.bytes);
    expect(opened).toEqual({ ok: true, value: record });
    expect(record.hostId).toEqual(host.nodeId);
    expect(record.bytes.length).toBeLessThan(180);
  });

  it('T3 refuses a record that anything was changed in', () => {
    const { bytes } = signProviderRecord(host, { fileId, sequence: 5, lifetimeMs: 48 * hour });
    for (let at = 0; at < bytes.length; at++) expect(openProviderRecord(verifier, flipped(bytes, at)).ok, `byte ${at}`).toBe(false);
  });

  it('refuses lifetimes of more than 48 hours', () => {
    const { bytes } = signProviderRecord(host, { fileId, sequence: 5, lifetimeMs: 48 * hour + 1 });
    expect(openProviderRecord(verifier, bytes)).toMatchObject({ ok: false, reason: 'malformed' });
  });

  it('carry a grant that only the owner of the file can give, for one host', () => {
    const grant = signOwnerGrant(owner, nonce, host.nodeId);
    expect(isOwnerGrant(verifier, grant, fileId, host.nodeId)).toBe(true);
    expect(isOwnerGrant(verifier, grant, fileId, keyOf(3).nodeId), 'another host').toBe(false);
    expect(isOwnerGrant(verifier, grant, sha256(fileId), host.nodeId), 'another file').toBe(false);
    expect(isOwnerGrant(verifier, signOwnerGrant(keyOf(3), nonce, host.nodeId), fileId, host.nodeId), 'another owner').toBe(false);
    expect(isOwnerGrant(verifier, utf8Bytes('junk'), fileId, host.nodeId)).toBe(false);
    const { bytes } = signProviderRecord(host, { fileId, sequence: 1, lifetimeMs: hour, grant });
    expect(checkRecord(verifier, 'provider', bytes, storedBy)).toMatchObject({ ok: true, value: { hasGrant: true } });
    const stranger = signProviderRecord(keyOf(3), { fileId, sequence: 1, lifetimeMs: hour, grant });
    expect(checkRecord(verifier, 'provider', stranger.bytes, storedBy)).toMatchObject({ ok: true, value: { hasGrant: false } });
    expect(() => signProviderRecord(host, { fileId, sequence: 1, lifetimeMs: hour, grant: new Uint8Array(300) })).toThrow(RangeError);
  });
});

describe('values', () => {
  it('DF-10 DF-15 an immutable value is keyed by the SHA-256 of its bytes', () => {
    const value = utf8Bytes('a chunk');
    expect(immutableKey(value)).toEqual(sha256(value));
    expect(isImmutableValue(sha256(value), value)).toBe(true);
    expect(isImmutableValue(sha256(value), utf8Bytes('another'))).toBe(false);
    expect(isImmutableValue(sha256(new Uint8Array(897)), new Uint8Array(897))).toBe(false);
    expect(isImmutableValue(sha256(new Uint8Array()), new Uint8Array())).toBe(false);
  });

  it('a mutable value belongs to whoever signed it, under a name', () => {
    const name = utf8Bytes('colour');
    const value = signMutableValue(owner, { name, sequence: 3, lifetimeMs: hour, value: utf8Bytes('blue') });
    expect(openMutableValue(verifier, value.bytes)).toEqual({ ok: true, value });
    expect(value.key).toEqual(mutableKey(owner.publicKey, name));
    expect(mutableKey(owner.publicKey, utf8Bytes('other'))).not.toEqual(value.key);
    expect(mutableKey(host.publicKey, name)).not.toEqual(value.key);
    for (let at = 0; at < value.bytes.length; at++) expect(openMutableValue(verifier, flipped(value.bytes, at)).ok).toBe(false);
  });

  it('the largest mutable value fits in a record', () => {
    const input = { name: new Uint8Array(32), sequence: Number.MAX_SAFE_INTEGER, lifetimeMs: 48 * hour, value: new Uint8Array(896) };
    const { bytes } = signMutableValue(owner, input);
    expect(bytes.length).toBeLessThanOrEqual(RECORD_BYTES_MAX);
    expect(openMutableValue(verifier, bytes).ok).toBe(true);
  });

  it('a tombstone stands for 48 hours, however short the value was to live', () => {
    const { bytes } = signMutableValue(owner, { name: new Uint8Array(), sequence: 4, lifetimeMs: 1, value: null });
    expect(checkRecord(verifier, 'mutable', bytes, storedBy)).toMatchObject({
      ok: true,
      value: { isWithdrawal: true, lifetimeMs: 48 * hour, publisher: owner.nodeId },
    });
  });
});

describe('checking records from outside', () => {
  it('knows whom each kind belongs to', () => {
    const contact = signContact(host, contactInput);
    expect(checkRecord(verifier, 'contact', contact.bytes, storedBy)).toMatchObject({
      ok: true,
      value: { key: host.nodeId, publisher: host.nodeId, isHost: true, sequence: 7 },
    });
    const leaving = signContact(host, { ...contactInput, flags: { ...contactInput.flags, isLeaving: true } });
    expect(checkRecord(verifier, 'contact', leaving.bytes, storedBy)).toMatchObject({ ok: true, value: { isHost: false } });
    expect(checkRecord(verifier, 'contact', flipped(contact.bytes, 60), storedBy).ok).toBe(false);
    const value = utf8Bytes('v');
    expect(checkRecord(verifier, 'immutable', value, storedBy)).toMatchObject({
      ok: true,
      value: { key: sha256(value), publisher: storedBy, sequence: 0 },
    });
    expect(checkRecord(verifier, 'immutable', new Uint8Array(), storedBy)).toMatchObject({ ok: false, reason: 'malformed' });
  });

  it('T3 DF-18 answers any bytes with a result, never with an exception', () => {
    const samples = [
      signProviderRecord(host, { fileId, sequence: 5, lifetimeMs: hour }).bytes,
      signMutableValue(owner, { name: utf8Bytes('n'), sequence: 5, lifetimeMs: hour, value: utf8Bytes('v') }).bytes,
      signContact(host, contactInput).bytes,
    ];
    const damaged = fc
      .tuple(fc.constantFrom(...samples), fc.nat(400), fc.uint8Array({ maxLength: 8 }), fc.nat(20))
      .map(([bytes, at, insert, cut]) => concatBytes(bytes.subarray(0, at), insert, bytes.subarray(at + cut)));
    const junk = fc.oneof(fc.uint8Array({ maxLength: 300 }), damaged);
    fc.assert(
      fc.property(junk, fc.constantFrom(...RECORD_KINDS), (bytes, kind) => {
        expect(typeof checkRecord(verifier, kind, bytes, storedBy).ok).toBe('boolean');
      }),
      { numRuns: 3000 },
    );
  });
});

it('T19 a deleted version does not come back, whatever age a former keeper of it gives it', () => {
  const store = new RecordStore(owner.nodeId);
  const name = utf8Bytes('colour');
  const startMs = 1_700_000_000_000;
  const at = (hours: number) => ({ monotonicMs: hours * hour, wallMs: startMs + hours * hour });
  const put = (sequence: number, value: Uint8Array | null, ageMs: number, hours: number): string => {
    const { bytes } = signMutableValue(owner, { name, sequence, lifetimeMs: 48 * hour, value });
    const checked = checkRecord(verifier, 'mutable', bytes, host.nodeId);
    return checked.ok ? store.put(checked.value, ageMs, at(hours)) : checked.reason;
  };
  expect(put(startMs, utf8Bytes('red'), 0, 0)).toBe('stored');
  expect(put(startMs + hour, null, 0, 1)).toBe('stored');
  for (const hours of [2, 48, 50, 72, 96.9]) {
    store.expire(at(hours).monotonicMs);
    expect(put(startMs, utf8Bytes('red'), 0, hours), `${hours} h later`).toMatch(/superseded|too-old/);
  }
  expect(store.expire(at(97.1).monotonicMs), 'the deletion itself ends').toBe(1);
  expect(put(startMs, utf8Bytes('red'), 0, 97.1)).toBe('too-old');
});

describe('sequences', () => {
  it('grow even when the wall clock goes back', () => {
    expect(nextSequence(0, 1000.7)).toBe(1000);
    expect(nextSequence(5000, 1000)).toBe(5001);
  });
});
