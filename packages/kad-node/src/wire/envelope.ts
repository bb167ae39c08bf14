// pure: the kinds of Kad datagram, version negotiation, and the short answers outside sessions; docs/spec/kad-wire.md draws them.
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
  type Result,
  recordOf,
} from '@batchain/shared';
import { VERSIONS_MAX } from '../limits.ts';

/** Never 0-3 or 20-79, so that STUN and DTLS can share the port (RFC 7983). */
export const DATAGRAM_MAGIC = 0xbc;
export const DATAGRAM_KINDS = { hello: 1, welcome: 2, challenge: 3, session: 4, noSession: 5, refusal: 6, probe: 7 } as const;
export type DatagramKind = keyof typeof DATAGRAM_KINDS;

/** Versions that we speak, the highest last. */
export const VERSIONS: readonly number[] = [1];
export const SESSION_ID_BYTES = 8;
export const COOKIE_BYTES = 16;
/** 64 random bits in every request, mirrored by its answer (DF-03, DF-06). */
export const TRANSACTION_ID_BYTES = 8;

/** Names one dial-back: enough that nobody off the path guesses it within its few seconds. */
export const PROBE_NONCE_BYTES = 8;

const KINDS_BY_NUMBER = new Map(Object.entries(DATAGRAM_KINDS).map(([kind, number]) => [number as number, kind as DatagramKind]));

/** What a datagram claims to be; undefined when it is none of ours. */
export function datagramKind(bytes: Uint8Array): DatagramKind | undefined {
  return bytes[0] === DATAGRAM_MAGIC && bytes.length <= DATAGRAM_BYTES_MAX ? KINDS_BY_NUMBER.get(bytes[1] ?? 0) : undefined;
}

/** The highest version in both lists; undefined when there is none. */
export function highestCommonVersion(ours: readonly number[], theirs: readonly number[]): number | undefined {
  const common = ours.filter((version) => theirs.includes(version));
  return common.length === 0 ? undefined : Math.max(...common);
}

/** The length of what echoHead makes. */
export const ECHO_BYTES: number = 3 + SESSION_ID_BYTES;

/** Magic, kind, one byte, the asker's session id: how WELCOME, CHALLENGE and refusals begin. */
export function echoHead(kind: number, byte: number, askerSessionId: Uint8Array, rest: number): Uint8Array {
  const bytes = new Uint8Array(ECHO_BYTES + rest);
  bytes.set([DATAGRAM_MAGIC, kind, byte]);
  bytes.set(askerSessionId, 3);
  return bytes;
}

/** The asker's session id in a WELCOME, CHALLENGE or refusal; undefined when too short. */
export function echoedSessionId(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length < ECHO_BYTES ? undefined : bytes.subarray(3, ECHO_BYTES);
}

// CHALLENGE: magic, kind, version, the asker's session id, body.

export interface ChallengeBody {
  readonly cookie: Uint8Array;
  readonly observed: Address;
  readonly extensions: Extensions;
}

const challengeCodec: Codec<ChallengeBody> = makeCodec(
  'challenge',
  128,
  recordOf({ cookie: bytesOf(COOKIE_BYTES), observed: addressShape, extensions: extensionsOf() }),
);

export function encodeChallenge(version: number, askerSessionId: Uint8Array, body: ChallengeBody): Uint8Array {
  const bodyBytes = challengeCodec.encode(body);
  const bytes = echoHead(DATAGRAM_KINDS.challenge, version, askerSessionId, bodyBytes.length);
  bytes.set(bodyBytes, ECHO_BYTES);
  return bytes;
}

/** Never throws. */
export function decodeChallenge(bytes: Uint8Array): Result<ChallengeBody> {
  if (datagramKind(bytes) !== 'challenge' || bytes.length < ECHO_BYTES) return fail('malformed');
  return challengeCodec.decode(bytes.subarray(ECHO_BYTES));
}

// Refusal of a HELLO: magic, kind, reason, the asker's session id, count, the refuser's versions.

export const HELLO_REFUSALS = ['unsupported-version', 'wrong-network', 'own-key'] as const;
export type HelloRefusalReason = (typeof HELLO_REFUSALS)[number];

export interface HelloRefusal {
  readonly reason: HelloRefusalReason;
  readonly versions: readonly number[];
}

export function encodeRefusal(askerSessionId: Uint8Array, refusal: HelloRefusal): Uint8Array {
  const bytes = echoHead(DATAGRAM_KINDS.refusal, HELLO_REFUSALS.indexOf(refusal.reason), askerSessionId, 1 + refusal.versions.length);
  bytes.set([refusal.versions.length, ...refusal.versions], ECHO_BYTES);
  return bytes;
}

export function decodeRefusal(bytes: Uint8Array): HelloRefusal | undefined {
  const reason = HELLO_REFUSALS[bytes[2] ?? HELLO_REFUSALS.length];
  const count = bytes[ECHO_BYTES] ?? 0;
  if (datagramKind(bytes) !== 'refusal' || reason === undefined || count > VERSIONS_MAX) return undefined;
  if (bytes.length !== ECHO_BYTES + 1 + count) return undefined;
  return { reason, versions: [...bytes.subarray(ECHO_BYTES + 1)] };
}

// NO_SESSION: magic, kind, the session id and the counter of the datagram that it answers.

export interface NoSession {
  readonly sessionId: Uint8Array;
  readonly counter: number;
}

const NO_SESSION_BYTES: number = 2 + SESSION_ID_BYTES + 4;

/** The answer to a session datagram that names no session of ours: its own bytes 2 to 13 behind another kind. */
export function encodeNoSession(unknown: Uint8Array): Uint8Array {
  const bytes = unknown.slice(0, NO_SESSION_BYTES);
  bytes[1] = DATAGRAM_KINDS.noSession;
  return bytes;
}

export function decodeNoSession(bytes: Uint8Array): NoSession | undefined {
  if (bytes.length !== NO_SESSION_BYTES || datagramKind(bytes) !== 'noSession') return undefined;
  const counterAt = 2 + SESSION_ID_BYTES;
  return { sessionId: bytes.subarray(2, counterAt), counter: new DataView(bytes.buffer, bytes.byteOffset).getUint32(counterAt) };
}

// PROBE: magic, kind, the nonce of the dial-back that it belongs to. Says nothing else, and is not answered.

const PROBE_BYTES: number = 2 + PROBE_NONCE_BYTES;

export function encodeProbe(nonce: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PROBE_BYTES);
  bytes.set([DATAGRAM_MAGIC, DATAGRAM_KINDS.probe]);
  bytes.set(nonce, 2);
  return bytes;
}

/** The nonce; undefined when it is no probe. */
export function decodeProbe(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === PROBE_BYTES && datagramKind(bytes) === 'probe' ? bytes.subarray(2) : undefined;
}
