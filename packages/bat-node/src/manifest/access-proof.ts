// pure: proof of a file's access key on one connection: what hosts ask for before they serve a shard (T1).
import { assert, concatBytes, keyPairFromSeed, type NodeId, signFor, type Verifier, verifyFor } from '@batchain/shared';
import type { FileId } from '../ids.ts';

/** Who proves what to whom, and on which connection: a proof is of use nowhere else. */
export interface AccessClaim {
  readonly fileId: FileId;
  /** The 32 bytes that only the two ends of this connection know. */
  readonly binding: Uint8Array;
  readonly prover: NodeId;
  readonly host: NodeId;
}

/** Four parts of 32 bytes each, so none can run into the next. */
function claimBytes(claim: AccessClaim): Uint8Array {
  const parts = [claim.fileId, claim.binding, claim.prover, claim.host];
  assert(
    parts.every((part) => part.length === 32),
    'the parts of an access claim have 32 bytes',
  );
  return concatBytes(...parts);
}

/** The raw public half of an access key. */
export function accessKeyOf(accessSeed: Uint8Array): Uint8Array {
  return keyPairFromSeed(accessSeed).publicKey;
}

/** 64-byte signature by the private half of the file's access key. */
export function signAccessProof(accessSeed: Uint8Array, claim: AccessClaim): Uint8Array {
  return signFor(keyPairFromSeed(accessSeed), 'access-proof', claimBytes(claim));
}

/** True when the holder of the file's access key made this proof for this claim. */
export function checkAccessProof(verifier: Verifier, accessKey: Uint8Array, claim: AccessClaim, proof: Uint8Array): boolean {
  return verifyFor(verifier, 'access-proof', accessKey, claimBytes(claim), proof);
}
