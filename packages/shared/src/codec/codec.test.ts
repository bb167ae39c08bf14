import { describe, expect, it } from 'vitest';
import { present } from '../core/assert.ts';
import { openContactRecord, signContact } from '../identity/contact.ts';
import { createCrypto, keyPairFromSeed } from '../identity/key-pair.ts';
import { makeAddress } from '../net/address.ts';
import { decodeCbor } from './cbor.ts';

describe('contact records', () => {
  it('survives the way through bytes and is refused when one bit differs', () => {
    const signer = keyPairFromSeed(new Uint8Array(32).fill(7));
    const record = signContact(signer, {
      sequence: 1,
      kadAddresses: [present(makeAddress('2001:db8::1', 4870), 'address')],
      batAddresses: [present(makeAddress('192.0.2.1', 4880), 'address')],
      brokers: [],
      flags: { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
      natMapping: 'none',
    });
    const { verifier } = createCrypto();
    const opened = openContactRecord(verifier, record.bytes);
    expect(opened).toMatchObject({ ok: true, value: { contact: record.contact } });
    for (let at = 0; at < record.bytes.length; at++) {
      const bent = record.bytes.slice();
      bent[at] = (bent[at] as number) ^ 1;
      expect(openContactRecord(verifier, bent).ok).toBe(false);
    }
  });
});

describe('hostile CBOR', () => {
  it('refuses deep nesting before decoding', () => {
    expect(decodeCbor(new Uint8Array(100_000).fill(0x81), 200_000)).toMatchObject({ ok: false, reason: 'too-deep' });
  });
});
