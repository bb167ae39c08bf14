import { createCrypto, keyPairFromSeed, sha256, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import type { FileId } from '../ids.ts';
import { accessKeyOf, checkAccessProof, signAccessProof } from './access-proof.ts';

const { verifier } = createCrypto();
const seed = sha256(utf8Bytes('access'));
const claim = {
  fileId: sha256(utf8Bytes('file')) as FileId,
  binding: sha256(utf8Bytes('connection')),
  prover: keyPairFromSeed(sha256(utf8Bytes('ana'))).nodeId,
  host: keyPairFromSeed(sha256(utf8Bytes('bo'))).nodeId,
};

describe('proof of access', () => {
  it('holds for this file, connection, prover and host, and for no other', () => {
    const proof = signAccessProof(seed, claim);
    const key = accessKeyOf(seed);
    expect(checkAccessProof(verifier, key, claim, proof)).toBe(true);
    const { fileId, binding, prover, host } = claim;
    for (const other of [
      { ...claim, fileId: binding as FileId },
      { ...claim, binding: fileId },
      { ...claim, prover: host },
      { ...claim, host: prover },
      { ...claim, prover: host, host: prover },
    ]) {
      expect(checkAccessProof(verifier, key, other, proof)).toBe(false);
    }
    expect(checkAccessProof(verifier, accessKeyOf(sha256(seed)), claim, proof)).toBe(false);
    expect(checkAccessProof(verifier, key, claim, new Uint8Array(64))).toBe(false);
    expect(checkAccessProof(verifier, key, claim, new Uint8Array(0))).toBe(false);
  });
});
