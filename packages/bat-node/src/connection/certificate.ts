// pure: the self-signed Ed25519 certificate of a node (RFC 5280, RFC 8410), written by a minimal DER writer.
import type { KeyObject, X509Certificate } from 'node:crypto';
import { concatBytes, type KeyPair, PUBLIC_KEY_BYTES, plainBytes, toHex, uintBytes, utf8Bytes } from '@batchain/shared';

/** What TLS needs of this node. */
export interface NodeCertificate {
  readonly certificatePem: string;
  /** PKCS#8; never leaves the process. */
  readonly privateKeyPem: string;
}

/** DER tags that a certificate needs (X.690). */
const TAG = { integer: 0x02, bitString: 0x03, oid: 0x06, utf8: 0x0c, utcTime: 0x17, time: 0x18, sequence: 0x30, set: 0x31, version: 0xa0 };
/** 1.3.101.112 (RFC 8410). */
const OID_ED25519 = Uint8Array.of(0x2b, 0x65, 0x70);
/** 2.5.4.3. */
const OID_COMMON_NAME = Uint8Array.of(0x55, 0x04, 0x03);
const VERSION_3 = 2;
/** Serial bytes: enough to tell certificates apart in tools, well below the 20 that RFC 5280 allows. */
const SERIAL_BYTES = 16;
const PEM_LINE_LENGTH = 64;

/** One DER element: tag, length in the shortest form, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...content);
  if (body.length < 0x80) return concatBytes(Uint8Array.of(tag, body.length), body);
  const width = body.length < 0x100 ? 1 : body.length < 0x10000 ? 2 : 3;
  return concatBytes(Uint8Array.of(tag, 0x80 | width), uintBytes(body.length, width), body);
}

const bits = (bytes: Uint8Array): Uint8Array => der(TAG.bitString, Uint8Array.of(0), bytes);

function pem(label: string, bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  const lines = text.match(new RegExp(`.{1,${PEM_LINE_LENGTH}}`, 'g')) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * The certificate of a key pair: valid from 1970 to 9999, because expiry is no part of our trust (no clock is shared, T19):
 * only the key in it counts. The same key always gives the same bytes.
 */
export function certificateDer(keyPair: KeyPair): Uint8Array {
  const algorithm = der(TAG.sequence, der(TAG.oid, OID_ED25519));
  const serial = keyPair.nodeId.slice(0, SERIAL_BYTES);
  // A leading byte from 0x40 to 0x7f keeps the integer positive and in its shortest form.
  serial[0] = 0x40 | ((serial[0] as number) & 0x3f);
  const commonName = der(TAG.sequence, der(TAG.oid, OID_COMMON_NAME), der(TAG.utf8, utf8Bytes(toHex(keyPair.nodeId))));
  const name = der(TAG.sequence, der(TAG.set, commonName));
  const validity = der(TAG.sequence, der(TAG.utcTime, utf8Bytes('700101000000Z')), der(TAG.time, utf8Bytes('99991231235959Z')));
  const toBeSigned = der(
    TAG.sequence,
    der(TAG.version, der(TAG.integer, Uint8Array.of(VERSION_3))),
    der(TAG.integer, serial),
    algorithm,
    name,
    validity,
    name,
    der(TAG.sequence, algorithm, bits(keyPair.publicKey)),
  );
  return der(TAG.sequence, toBeSigned, algorithm, bits(keyPair.sign(toBeSigned)));
}

export function createCertificate(keyPair: KeyPair): NodeCertificate {
  return {
    certificatePem: pem('CERTIFICATE', certificateDer(keyPair)),
    privateKeyPem: keyPair.key.export({ format: 'pem', type: 'pkcs8' }) as string,
  };
}

/** The raw 32-byte Ed25519 key of a certificate; undefined for any other kind of key. */
export function certificateKey(certificate: X509Certificate): Uint8Array | undefined {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return undefined;
  }
  if (key.asymmetricKeyType !== 'ed25519') return undefined;
  return plainBytes(key.export({ format: 'der', type: 'spki' })).slice(-PUBLIC_KEY_BYTES);
}
