// pure: HELLO, the first frame of each side: versions, proof of the network, limits, observed address.
import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  type Address,
  addressShape,
  boolean,
  bytesOf,
  type Codec,
  type Extensions,
  extensionsOf,
  fail,
  listOf,
  makeCodec,
  type NodeId,
  nullable,
  ok,
  plainBytes,
  type Result,
  recordOf,
  uintOf,
} from '@batchain/shared';
import { HELLO_BYTES_MAX } from '../limits.ts';

/** Versions of the bat wire that this code speaks, highest first. */
export const WIRE_VERSIONS: readonly number[] = [1];
const VERSIONS_MAX = 16;
const STREAMS_MAX = 1024;

/** This shape never changes, whatever the versions; what is new goes into the extensions. */
export interface Hello {
  readonly versions: readonly number[];
  /** HMAC-SHA-256(network key, binding, node id of the sender). */
  readonly proof: Uint8Array;
  readonly shardBytesMax: number;
  readonly relays: boolean;
  /** Streams that the receiver of this HELLO may have open at one time. */
  readonly streamsMax: number;
  /** Where the receiver was seen. */
  readonly observedAddress: Address | null;
  readonly extensions: Extensions;
}

export const helloCodec: Codec<Hello> = makeCodec(
  'hello',
  HELLO_BYTES_MAX,
  recordOf({
    versions: listOf(uintOf(0xffff), VERSIONS_MAX),
    proof: bytesOf(32),
    shardBytesMax: uintOf(),
    relays: boolean,
    streamsMax: uintOf(STREAMS_MAX, 1),
    observedAddress: nullable(addressShape),
    extensions: extensionsOf([], 128),
  }),
);

/** Shows that the sender knows the network's key, on this connection only (BD-59). */
export function networkProof(networkKey: Uint8Array, binding: Uint8Array, sender: NodeId): Uint8Array {
  return plainBytes(createHmac('sha256', networkKey).update(binding).update(sender).digest());
}

export interface HelloFacts {
  readonly networkKey: Uint8Array;
  readonly binding: Uint8Array;
  /** Proved by the connection. */
  readonly sender: NodeId;
  readonly versions: readonly number[];
}

export type HelloFailure = 'protocol-error' | 'wrong-network' | 'unsupported-version' | 'unsupported-extension';

/** Checks a peer's HELLO; the value has the highest common version. Network first: others learn nothing more. */
export function judgeHello(bytes: Uint8Array, facts: HelloFacts): Result<Hello & { readonly version: number }, HelloFailure> {
  const hello = helloCodec.decode(bytes);
  if (!hello.ok) return fail(hello.reason === 'unsupported-extension' ? 'unsupported-extension' : 'protocol-error', hello.detail);
  const expected = networkProof(facts.networkKey, facts.binding, facts.sender);
  if (!timingSafeEqual(hello.value.proof, expected)) return fail('wrong-network');
  const common = facts.versions.filter((version) => hello.value.versions.includes(version));
  if (common.length === 0) return fail('unsupported-version', `ours ${facts.versions.join(',')}, theirs ${hello.value.versions.join(',')}`);
  return ok({ ...hello.value, version: Math.max(...common) });
}
