import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { keyPairFromSeed } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { certificateDer, certificateKey, createCertificate } from './certificate.ts';

const keyPair = keyPairFromSeed(new Uint8Array(32).fill(9));

describe('the certificate of a node', () => {
  it('carries the raw key, is signed by it, and is valid from 1970 to 9999', () => {
    const certificate = new X509Certificate(createCertificate(keyPair).certificatePem);
    expect(certificateKey(certificate)).toEqual(keyPair.publicKey);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(new Date(certificate.validFrom).getTime()).toBe(0);
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(9999);
  });

  it('is the same bytes for the same key, and well-formed for every first byte of the node id', () => {
    expect(certificateDer(keyPair)).toEqual(certificateDer(keyPair));
    for (let seed = 0; seed < 64; seed++) {
      const other = keyPairFromSeed(new Uint8Array(32).fill(seed));
      const certificate = new X509Certificate(Buffer.from(certificateDer(other)));
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(certificate.serialNumber).toHaveLength(32);
    }
  });

  it('is not signed by another key', () => {
    const bent = certificateDer(keyPair);
    bent[bent.length - 1] = (bent.at(-1) as number) ^ 1;
    const certificate = new X509Certificate(Buffer.from(bent));
    expect(certificate.verify(certificate.publicKey)).toBe(false);
    expect(generateKeyPairSync('ed25519').publicKey.equals(certificate.publicKey)).toBe(false);
  });
});
