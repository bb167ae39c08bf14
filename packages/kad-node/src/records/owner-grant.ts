// pure: a file owner's signed word that a host keeps shards of the file; such provider records go first when a store is full.
import {
  bytesOf,
  type Codec,
  deriveFileId,
  equalBytes,
  makeCodec,
  type NodeId,
  recordOf,
  SIGNATURE_BYTES,
  type Signer,
  signFor,
  type Verifier,
  verifyFor,
} from '@batchain/shared';
import { GRANT_BYTES_MAX } from '../limits.ts';

interface Grant {
  readonly ownerPublicKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  readonly signature: Uint8Array;
}

const grantCodec: Codec<Grant> = makeCodec(
  'owner-grant',
  GRANT_BYTES_MAX,
  recordOf({ ownerPublicKey: bytesOf(32), fileNonce: bytesOf(32), signature: bytesOf(SIGNATURE_BYTES) }),
);

/** What the owner signs: the host's id, then the file id. */
function grantBody(fileId: Uint8Array, hostId: NodeId): Uint8Array {
  const body = new Uint8Array(64);
  body.set(hostId, 0);
  body.set(fileId, 32);
  return body;
}

/** The grant that lets `hostId` announce the signer's file with this nonce ahead of strangers. */
export function signOwnerGrant(owner: Signer, fileNonce: Uint8Array, hostId: NodeId): Uint8Array {
  const fileId = deriveFileId(owner.publicKey, fileNonce);
  return grantCodec.encode({
    ownerPublicKey: owner.publicKey,
    fileNonce,
    signature: signFor(owner, 'provider-grant', grantBody(fileId, hostId)),
  });
}

/** True when the owner of `fileId` granted it to this very host. */
export function isOwnerGrant(verifier: Verifier, grant: Uint8Array, fileId: Uint8Array, hostId: NodeId): boolean {
  const decoded = grantCodec.decode(grant);
  if (!decoded.ok) return false;
  const { ownerPublicKey, fileNonce, signature } = decoded.value;
  if (!equalBytes(deriveFileId(ownerPublicKey, fileNonce), fileId)) return false;
  return verifyFor(verifier, 'provider-grant', ownerPublicKey, grantBody(fileId, hostId), signature);
}
