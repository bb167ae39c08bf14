import { describe, expect, it } from 'vitest';
import { utf8Bytes } from '../core/bytes.ts';
import { createCrypto, keyPairFromSeed } from '../identity/key-pair.ts';
import { signFor, verifyFor } from '../identity/signed.ts';
import type { Crypto, Signer } from '../identity/signer.ts';
import { SimRandom } from './prng.ts';
import { createSimCrypto } from './sim-signer.ts';

const random = SimRandom.fromSeed('signer');
const simCrypto = createSimCrypto(random.fork('crypto'));
const body = utf8Bytes('a contact record');

describe.each<[string, Crypto, (seed: Uint8Array) => Signer]>([
  ['simulated', simCrypto, simCrypto.signerFromSeed],
  ['Ed25519 and X25519', createCrypto(), keyPairFromSeed],
])('cryptography: %s', (_name, crypto, signerFromSeed) => {
  const ana = signerFromSeed(random.bytes(32));
  const bo = signerFromSeed(random.bytes(32));

  it('accepts what was signed and refuses every changed bit of bytes, signature and key', () => {
    const signature = ana.sign(body);
    expect([ana.publicKey.length, signature.length, ana.nodeId.length]).toEqual([32, 64, 32]);
    expect(crypto.verifier.verify(ana.publicKey, body, signature)).toBe(true);
    const bent = (bytes: Uint8Array, bit: number): Uint8Array => bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    for (let bit = 0; bit < 8 * body.length; bit++) expect(crypto.verifier.verify(ana.publicKey, bent(body, bit), signature)).toBe(false);
    for (let bit = 0; bit < 8 * 64; bit++) expect(crypto.verifier.verify(ana.publicKey, body, bent(signature, bit))).toBe(false);
    for (let bit = 0; bit < 8 * 32; bit++) expect(crypto.verifier.verify(bent(ana.publicKey, bit), body, signature)).toBe(false);
  });

  it('refuses the key of another, another purpose, and malformed sizes', () => {
    const signature = signFor(ana, 'contact-record', body);
    expect(verifyFor(crypto.verifier, 'contact-record', ana.publicKey, body, signature)).toBe(true);
    expect(verifyFor(crypto.verifier, 'contact-record', bo.publicKey, body, signature)).toBe(false);
    expect(verifyFor(crypto.verifier, 'roster', ana.publicKey, body, signature)).toBe(false);
    for (const size of [0, 31, 33]) expect(crypto.verifier.verify(new Uint8Array(size), body, signature)).toBe(false);
    for (const size of [0, 63, 65]) expect(crypto.verifier.verify(ana.publicKey, body, new Uint8Array(size))).toBe(false);
  });

  it('derives the same key from the same seed, and another from another', () => {
    const seed = random.bytes(32);
    expect(signerFromSeed(seed).publicKey).toEqual(signerFromSeed(seed).publicKey);
    expect(ana.publicKey).not.toEqual(bo.publicKey);
    expect(ana.sign(body)).toEqual(ana.sign(body));
  });

  it('agrees on one secret between two, and on another one with anybody else', () => {
    const [one, two, three] = [crypto.agreement.generate(random), crypto.agreement.generate(random), crypto.agreement.generate(random)];
    const shared = one.agree(two.publicKey);
    expect(shared).toHaveLength(32);
    expect(two.agree(one.publicKey)).toEqual(shared);
    expect(three.agree(one.publicKey)).not.toEqual(shared);
    expect(three.agree(two.publicKey)).not.toEqual(shared);
    expect([one.agree(new Uint8Array(31)), one.agree(new Uint8Array(32))]).toEqual([undefined, undefined]);
  });
});

describe('SimCrypto', () => {
  it('keeps simulations apart: a signature of one is worthless in another', () => {
    const seed = random.bytes(32);
    const other = createSimCrypto(random.fork('another'));
    const signer = simCrypto.signerFromSeed(seed);
    expect(other.signerFromSeed(seed).publicKey).not.toEqual(signer.publicKey);
    expect(other.verifier.verify(signer.publicKey, body, signer.sign(body))).toBe(false);
  });
});
