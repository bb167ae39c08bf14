// driven: what TLS 1.3 is told about our certificate, and what it proved about the peer's key and the connection.
import { constants } from 'node:crypto';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { type KeyPair, nodeIdFromPublicKey, type PeerIdentity } from '@batchain/shared';
import { certificateKey, createCertificate } from './certificate.ts';

/** RFC 5705 and RFC 8446 section 7.5; labels that begin so need no registration. */
const BINDING_LABEL = 'EXPERIMENTAL-batchain/1/binding';
const BINDING_BYTES = 32;

/** Options that both ends share; `requestCert` is read by servers only. */
export type TlsIdentityOptions = Pick<
  TlsOptions,
  'cert' | 'key' | 'minVersion' | 'sigalgs' | 'requestCert' | 'rejectUnauthorized' | 'secureOptions'
>;

/**
 * TLS options of a node. No certificate authority is asked: `rejectUnauthorized: false` also means that
 * `checkServerIdentity` is never called, so each end must call `provedPeer` once the handshake is done. The
 * handshake itself proves that the peer holds the private key of its certificate.
 */
export function tlsIdentityOptions(keyPair: KeyPair): TlsIdentityOptions {
  const { certificatePem, privateKeyPem } = createCertificate(keyPair);
  return {
    cert: certificatePem,
    key: privateKeyPem,
    minVersion: 'TLSv1.3',
    sigalgs: 'ed25519',
    requestCert: true,
    rejectUnauthorized: false,
    // A resumed session would show no certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** Who the other end of a finished handshake is; undefined without an Ed25519 certificate or for a resumed session. */
export function provedPeer(socket: TLSSocket): PeerIdentity | undefined {
  if (socket.isSessionReused()) return undefined;
  const certificate = socket.getPeerX509Certificate();
  const publicKey = certificate === undefined ? undefined : certificateKey(certificate);
  return publicKey === undefined ? undefined : { publicKey, nodeId: nodeIdFromPublicKey(publicKey) };
}

/** 32 bytes that only the two ends of this TLS connection can compute. */
export function bindingOf(socket: TLSSocket): Uint8Array {
  return new Uint8Array(socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0)));
}
