import { describe, expect, it } from 'vitest';
import { bytesOf, makeCodec, recordOf, uintOf } from '../codec/codec.ts';
import { createCrypto, keyPairFromSeed } from './key-pair.ts';
import { Seal } from './seal.ts';
import type { SigningPurpose } from './signed.ts';

const BODY_BYTES_MAX = 200;
const bodyCodec = makeCodec('test-body', BODY_BYTES_MAX, recordOf({ by: bytesOf(32), value: uintOf() }));
const sealFor = (purpose: SigningPurpose) =>
  new Seal({ purpose, name: 'test-record', bytesMax: BODY_BYTES_MAX, bodyCodec, signerOf: ({ by }) => by });

const { verifier } = createCrypto();
const own = keyPairFromSeed(new Uint8Array(32).fill(1));
const other = keyPairFromSeed(new Uint8Array(32).fill(2));
const seal = sealFor('roster');
const record = seal.seal(own, { by: own.publicKey, value: 7 });

describe('Seal', () => {
  it('opens what the one whom the body names has sealed, and nothing that another did', () => {
    expect(seal.open(verifier, record)).toEqual({ ok: true, value: { by: own.publicKey, value: 7 } });
    expect(seal.open(verifier, seal.seal(other, { by: own.publicKey, value: 7 }))).toEqual({ ok: false, reason: 'bad-signature' });
  });

  it('opens nothing that was sealed for another purpose', () => {
    expect(sealFor('access-proof').open(verifier, record)).toEqual({ ok: false, reason: 'bad-signature' });
  });

  it('opens no record with a changed byte, and throws at none', () => {
    for (let at = 0; at < record.length; at++) {
      const changed = record.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(seal.open(verifier, changed).ok, `byte ${at}`).toBe(false);
    }
  });

  it('decodes without proof, for whoever looks at the body first', () => {
    const unsealed = seal.unseal(seal.seal(other, { by: own.publicKey, value: 7 }));
    expect(unsealed.ok && unsealed.value.body.value).toBe(7);
    expect(unsealed.ok && seal.isSigned(verifier, unsealed.value)).toBe(false);
  });

  it('decodes nothing that is longer than it may be', () => {
    expect(seal.unseal(new Uint8Array(BODY_BYTES_MAX + 1))).toMatchObject({ ok: false });
  });
});
