// pure: HELLO and WELCOME, the first exchange that proves both ids and opens a session.
import {
  type Address,
  addressShape,
  bytesOf,
  type Codec,
  DATAGRAM_BYTES_MAX,
  type Extensions,
  extensionsOf,
  fail,
  makeCodec,
  NO_EXTENSIONS,
  ok,
  PUBLIC_KEY_BYTES,
  type Result,
  recordOf,
  SIGNATURE_BYTES,
  uintBytes,
} from '@batchain/shared';
import { HELLO_BYTES, VERSIONS_MAX } from '../limits.ts';
import {
  COOKIE_BYTES,
  DATAGRAM_KINDS,
  DATAGRAM_MAGIC,
  datagramKind,
  ECHO_BYTES,
  echoHead,
  SESSION_ID_BYTES,
  TRANSACTION_ID_BYTES,
} from './envelope.ts';
import type { KadRequest } from './messages.ts';
import { endInKeyedHash, endsInKeyedHash, MAC_BYTES } from './transcript.ts';

export const NONCE_BYTES = 16;

/** In a HELLO and in a WELCOME: the sender is a client, not to be entered in tables. Odd: who does not know it may ignore it. */
const CLIENT_EXTENSION = 1;
const NOTHING = new Uint8Array(0);

/** The extensions of a HELLO or WELCOME. */
export function roleExtensions(isClient: boolean): Extensions {
  return isClient ? new Map([[CLIENT_EXTENSION, NOTHING]]) : NO_EXTENSIONS;
}

export function isOfClient(body: { readonly extensions: Extensions }): boolean {
  return body.extensions.has(CLIENT_EXTENSION);
}

// HELLO: magic, kind, count, versions, session id, body length, body, zeros up to 1,184, network hash.

/** The part whose place never changes, so that any two versions can at least refuse one another by name. */
export interface HelloPrefix {
  readonly versions: readonly number[];
  /** The asker's id of the session to be; answers outside the session echo it. */
  readonly sessionId: Uint8Array;
}

export interface HelloBody {
  readonly publicKey: Uint8Array;
  readonly ephemeralKey: Uint8Array;
  readonly nonce: Uint8Array;
  /** Where the asker sends this HELLO. */
  readonly to: Address;
  /** Empty, or what a CHALLENGE gave. */
  readonly cookie: Uint8Array;
  readonly transactionId: Uint8Array;
  /** The first request. */
  readonly request: Uint8Array;
  readonly extensions: Extensions;
}

const helloBodyCodec: Codec<HelloBody> = makeCodec(
  'hello',
  HELLO_BYTES,
  recordOf({
    publicKey: bytesOf(PUBLIC_KEY_BYTES),
    ephemeralKey: bytesOf(PUBLIC_KEY_BYTES),
    nonce: bytesOf(NONCE_BYTES),
    to: addressShape,
    cookie: bytesOf(0, COOKIE_BYTES),
    transactionId: bytesOf(TRANSACTION_ID_BYTES),
    request: bytesOf(1, HELLO_BYTES),
    extensions: extensionsOf(),
  }),
);

/** A whole HELLO: exactly 1,200 bytes, keyed with the network. */
export function encodeHello(networkKey: Uint8Array, prefix: HelloPrefix, body: HelloBody): Uint8Array {
  const hello = new Uint8Array(HELLO_BYTES);
  const bodyBytes = helloBodyCodec.encode(body);
  const sessionIdAt = 3 + prefix.versions.length;
  const bodyAt = sessionIdAt + SESSION_ID_BYTES + 2;
  hello.set([DATAGRAM_MAGIC, DATAGRAM_KINDS.hello, prefix.versions.length, ...prefix.versions]);
  hello.set(prefix.sessionId, sessionIdAt);
  hello.set(uintBytes(bodyBytes.length, 2), bodyAt - 2);
  hello.set(bodyBytes, bodyAt);
  endInKeyedHash(networkKey, hello);
  return hello;
}

/** Undefined for a datagram that is no HELLO of any version. */
export function decodeHelloPrefix(hello: Uint8Array): HelloPrefix | undefined {
  const count = hello[2] ?? 0;
  if (hello.length !== HELLO_BYTES || datagramKind(hello) !== 'hello' || count < 1 || count > VERSIONS_MAX) return undefined;
  const sessionIdAt = 3 + count;
  return { versions: [...hello.subarray(3, sessionIdAt)], sessionId: hello.subarray(sessionIdAt, sessionIdAt + SESSION_ID_BYTES) };
}

/** True when the sender knows our network's name and secret. */
export function isOfNetwork(networkKey: Uint8Array, hello: Uint8Array): boolean {
  return endsInKeyedHash(networkKey, hello);
}

/** The body of a HELLO whose prefix was decoded. Never throws. */
export function decodeHelloBody(hello: Uint8Array, prefix: HelloPrefix): Result<HelloBody> {
  const bodyAt = 3 + prefix.versions.length + SESSION_ID_BYTES + 2;
  const length = ((hello[bodyAt - 2] as number) << 8) | (hello[bodyAt - 1] as number);
  const endAt = bodyAt + length;
  if (endAt > HELLO_BYTES - MAC_BYTES) return fail('malformed', 'body length');
  if (hello.subarray(endAt, HELLO_BYTES - MAC_BYTES).some((byte) => byte !== 0)) return fail('malformed', 'padding');
  return helloBodyCodec.decode(hello.subarray(bodyAt, endAt));
}

// WELCOME: magic, kind, version, the asker's session id, body, signature over the transcript.

export interface WelcomeBody {
  readonly publicKey: Uint8Array;
  readonly ephemeralKey: Uint8Array;
  /** The answerer's id of the session. */
  readonly sessionId: Uint8Array;
  /** The asker's address as the answerer saw it. */
  readonly observed: Address;
  readonly transactionId: Uint8Array;
  /** The answer to the first request. */
  readonly reply: Uint8Array;
  readonly extensions: Extensions;
}

export interface Welcome {
  readonly version: number;
  readonly body: WelcomeBody;
  /** All of it but the signature, for the transcript. */
  readonly unsigned: Uint8Array;
  readonly signature: Uint8Array;
}

const welcomeBodyCodec: Codec<WelcomeBody> = makeCodec(
  'welcome',
  DATAGRAM_BYTES_MAX,
  recordOf({
    publicKey: bytesOf(PUBLIC_KEY_BYTES),
    ephemeralKey: bytesOf(PUBLIC_KEY_BYTES),
    sessionId: bytesOf(SESSION_ID_BYTES),
    observed: addressShape,
    transactionId: bytesOf(TRANSACTION_ID_BYTES),
    reply: bytesOf(1, DATAGRAM_BYTES_MAX),
    extensions: extensionsOf(),
  }),
);

/** Room for the answer in a WELCOME whose other fields are as long as they can be. */
export const WELCOME_REPLY_BYTES_MAX: number = DATAGRAM_BYTES_MAX - SIGNATURE_BYTES - ECHO_BYTES - 112;

/**
 * What may be asked in a HELLO: its answer goes to an address that nobody has proved, so it holds no stored values (T6)
 * and always fits in a WELCOME. Other requests follow in the session.
 */
export function canRideInHello(request: KadRequest): boolean {
  switch (request.type) {
    case 'ping':
      return true;
    case 'find-node':
      return !request.wantsHosts;
    case 'get-contact':
      return request.nodeId === null;
    default:
      return false;
  }
}

/** A WELCOME without its signature; append the 64 bytes. */
export function encodeUnsignedWelcome(version: number, askerSessionId: Uint8Array, body: WelcomeBody): Uint8Array {
  const bodyBytes = welcomeBodyCodec.encode(body);
  const bytes = echoHead(DATAGRAM_KINDS.welcome, version, askerSessionId, bodyBytes.length);
  bytes.set(bodyBytes, ECHO_BYTES);
  return bytes;
}

/** Never throws. The signature is not checked here. */
export function decodeWelcome(bytes: Uint8Array): Result<Welcome> {
  const signatureAt = bytes.length - SIGNATURE_BYTES;
  if (datagramKind(bytes) !== 'welcome' || signatureAt <= ECHO_BYTES) return fail('malformed');
  const body = welcomeBodyCodec.decode(bytes.subarray(ECHO_BYTES, signatureAt));
  if (!body.ok) return body;
  return ok({
    version: bytes[2] as number,
    body: body.value,
    unsigned: bytes.subarray(0, signatureAt),
    signature: bytes.subarray(signatureAt),
  });
}
