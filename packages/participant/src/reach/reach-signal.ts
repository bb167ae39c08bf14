// pure: the signals of a meeting: a call and its answer, signed and bound to both ids; brokers see them and can not change them.
import type { IceCandidate, IceDescription } from '@batchain/bat-node';
import {
  type Address,
  addressShape,
  boolean,
  bytesOf,
  type Codec,
  type Extensions,
  equalBytes,
  extensionsOf,
  fail,
  idOf,
  listOf,
  makeCodec,
  NAT_MAPPINGS,
  NO_EXTENSIONS,
  type NodeId,
  nodeIdFromPublicKey,
  nullable,
  ok,
  type Result,
  recordOf,
  Seal,
  type Shape,
  type Signer,
  textOf,
  type Unsealed,
  uintOf,
  type Verifier,
  wordOf,
} from '@batchain/shared';
import { type MeetingFacts, NAT_FILTERINGS, type RelayHint } from './reach-types.ts';

/** What a broker passes on: one datagram holds it with all that goes around it. */
export const SIGNAL_BYTES_MAX = 900;
export const CALL_ID_BYTES = 16;
export const MEETING_NONCE_BYTES = 16;
const BAT_ADDRESSES_MAX = 4;
const RELAYS_MAX = 2;
/** RFC 8839 section 5.4: at least 4 and 22 characters; what the library makes is as short. */
const UFRAG_LENGTH_MAX = 16;
const PASSWORD_LENGTH_MAX = 48;
export const ICE_CANDIDATES_MAX = 8;

export interface ReachSignal {
  readonly kind: 'call' | 'answer';
  /** Random, drawn by the caller; the answer repeats it. */
  readonly callId: Uint8Array;
  /** Raw public key of the sender. */
  readonly from: Uint8Array;
  /** For whom it is. */
  readonly to: NodeId;
  /** Rises with each call of the sender: max(previous + 1, wall-clock ms). A lower one is a replay. */
  readonly sequence: number;
  readonly nonce: Uint8Array;
  readonly facts: MeetingFacts;
}

const candidateShape: Shape<IceCandidate> = recordOf({ kind: wordOf(['host', 'reflexive'] as const), address: addressShape });
export const iceShape: Shape<IceDescription> = recordOf({
  ufrag: textOf(UFRAG_LENGTH_MAX),
  password: textOf(PASSWORD_LENGTH_MAX),
  fingerprint: bytesOf(32),
  candidates: listOf(candidateShape, ICE_CANDIDATES_MAX),
});
const relayShape: Shape<RelayHint> = recordOf({ nodeId: idOf<NodeId>(), bat: addressShape });

interface WireSignal {
  readonly kind: ReachSignal['kind'];
  readonly callId: Uint8Array;
  readonly from: Uint8Array;
  readonly to: NodeId;
  readonly sequence: number;
  readonly nonce: Uint8Array;
  readonly batAddresses: readonly Address[];
  readonly isBatReachable: boolean;
  readonly external: Address | null;
  readonly mapping: MeetingFacts['mapping'];
  readonly filtering: MeetingFacts['filtering'];
  readonly keepsPorts: boolean;
  readonly hasUdp: boolean;
  readonly tcpPort: number;
  readonly ice: IceDescription | null;
  readonly relays: readonly RelayHint[];
  readonly extensions: Extensions;
}

const signalBodyCodec: Codec<WireSignal> = makeCodec(
  'reach-signal',
  SIGNAL_BYTES_MAX,
  recordOf({
    kind: wordOf(['call', 'answer'] as const),
    callId: bytesOf(CALL_ID_BYTES),
    from: bytesOf(32),
    to: idOf<NodeId>(),
    sequence: uintOf(),
    nonce: bytesOf(MEETING_NONCE_BYTES),
    batAddresses: listOf(addressShape, BAT_ADDRESSES_MAX),
    isBatReachable: boolean,
    external: nullable(addressShape),
    mapping: wordOf(NAT_MAPPINGS),
    filtering: wordOf(NAT_FILTERINGS),
    keepsPorts: boolean,
    hasUdp: boolean,
    tcpPort: uintOf(0xffff),
    ice: nullable(iceShape),
    relays: listOf(relayShape, RELAYS_MAX),
    extensions: extensionsOf([], 128),
  }),
);

/** What the body of every signal names, of whatever kind it is. */
interface SignalEnds {
  readonly from: Uint8Array;
  readonly to: NodeId;
}

export function makeSignalSeal<B extends SignalEnds>(bodyCodec: Codec<B>): Seal<B> {
  return new Seal({
    purpose: 'reach-signal',
    name: 'signed-reach-signal',
    bytesMax: SIGNAL_BYTES_MAX,
    bodyCodec,
    signerOf: ({ from }) => from,
  });
}

export const signalSeal: Seal<WireSignal> = makeSignalSeal(signalBodyCodec);

function bodyOf({ facts, ...rest }: ReachSignal): WireSignal {
  return {
    ...rest,
    batAddresses: facts.batAddresses.slice(0, BAT_ADDRESSES_MAX),
    isBatReachable: facts.isBatReachable,
    external: facts.external ?? null,
    mapping: facts.mapping,
    filtering: facts.filtering,
    keepsPorts: facts.keepsPorts,
    hasUdp: facts.hasUdp,
    tcpPort: facts.tcpPort,
    ice: facts.ice ?? null,
    relays: facts.relays.slice(0, RELAYS_MAX),
    extensions: NO_EXTENSIONS,
  };
}

/** Whose signal it is said to be, and for whom it has to be. */
export interface SignalExpectation {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** What is wrong with who sent a signal, and for whom; undefined when it is as expected, and signed. */
export function faultOfEnds<B extends SignalEnds>(
  seal: Seal<B>,
  verifier: Verifier,
  unsealed: Unsealed<B>,
  expected: SignalExpectation,
): 'wrong-identity' | 'bad-signature' | undefined {
  const { from, to } = unsealed.body;
  if (!equalBytes(to, expected.to) || !equalBytes(nodeIdFromPublicKey(from), expected.from)) return 'wrong-identity';
  return seal.isSigned(verifier, unsealed) ? undefined : 'bad-signature';
}

/** As it travels. */
export function signSignal(signer: Signer, signal: ReachSignal): Uint8Array {
  return signalSeal.seal(signer, bodyOf(signal));
}

/** Decodes a signal and checks that the node `from` signed it for the node `to`; never throws. */
export function openSignal(
  verifier: Verifier,
  bytes: Uint8Array,
  expected: SignalExpectation,
): Result<ReachSignal, 'malformed' | 'wrong-identity' | 'bad-signature'> {
  const unsealed = signalSeal.unseal(bytes);
  if (!unsealed.ok) return fail('malformed', unsealed.detail);
  const fault = faultOfEnds(signalSeal, verifier, unsealed.value, expected);
  if (fault !== undefined) return fail(fault);
  const { kind, callId, from, to, sequence, nonce, external, ice, extensions: _none, ...facts } = unsealed.value.body;
  return ok({
    kind,
    callId,
    from,
    to,
    sequence,
    nonce,
    facts: { ...facts, external: external ?? undefined, ice: ice ?? undefined },
  });
}
