// pure: the roster as deterministic CBOR: coded, signed, opened, checked.
import {
  bytesOf,
  type CborValue,
  decodeCbor,
  type Extensions,
  encodeCbor,
  equalBytes,
  extensionsOf,
  fail,
  listOf,
  ok,
  type Result,
  recordOf,
  type Shape,
  ShapeError,
  type Signer,
  signFor,
  uintOf,
  type Verifier,
  verifyFor,
} from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { ROSTER_BYTES_MAX, SEGMENTS_MAX, SHARD_BYTES_MAX, SHARDS_MAX, TOTAL_SHARDS_MAX } from '../limits.ts';
import { checkScheme } from '../pipeline/erasure/erasure-scheme.ts';
import { isShardLength } from '../pipeline/shard.ts';
import { MANIFEST_VERSION, type ManifestFailure, makeFileId, makeRosterId, type Roster, type SignedRoster, SUITE } from './manifest.ts';

const ID_BYTES = 32;
const ROSTER_DEPTH_MAX = 4;
/** Heads of CBOR items in the largest roster: fields, extensions, and a pair with its two parts for each segment. */
const ROSTER_ITEMS_MAX = 64 + 3 * SEGMENTS_MAX;

interface WireRoster {
  readonly version: number;
  readonly suite: number;
  readonly fileId: Uint8Array;
  readonly ownerKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  readonly requiredShards: number;
  readonly totalShards: number;
  readonly segments: readonly { readonly shardLength: number; readonly shardIds: Uint8Array }[];
  readonly accessKey: Uint8Array;
  readonly keepUntilMs: number;
  readonly extensions: Extensions;
}

/** The order of these fields is the order on the wire. */
const rosterShape: Shape<WireRoster> = recordOf({
  version: uintOf(MANIFEST_VERSION, MANIFEST_VERSION),
  suite: uintOf(SUITE, SUITE),
  fileId: bytesOf(ID_BYTES),
  ownerKey: bytesOf(32),
  fileNonce: bytesOf(32),
  requiredShards: uintOf(TOTAL_SHARDS_MAX, 1),
  totalShards: uintOf(TOTAL_SHARDS_MAX, 1),
  segments: listOf(
    recordOf({ shardLength: uintOf(SHARD_BYTES_MAX, 1), shardIds: bytesOf(ID_BYTES, TOTAL_SHARDS_MAX * ID_BYTES) }),
    SEGMENTS_MAX,
  ),
  accessKey: bytesOf(32),
  keepUntilMs: uintOf(),
  extensions: extensionsOf(),
});

const malformed = (detail: string) => fail('BAT_E_MANIFEST_MALFORMED' as const, detail);

export function encodeRoster(roster: Roster): Uint8Array {
  const { scheme, ...rest } = roster;
  return encodeCbor(rosterShape.toCbor({ ...rest, ...scheme, version: MANIFEST_VERSION, suite: SUITE }));
}

export function signRoster(owner: Signer, roster: Roster): SignedRoster {
  const rosterBytes = encodeRoster(roster);
  return { roster, rosterBytes, rosterId: makeRosterId(rosterBytes), signature: signFor(owner, 'roster', rosterBytes) };
}

/** Decodes a roster and checks everything but its signature. Never throws. */
export function decodeRoster(bytes: Uint8Array): Result<Roster, ManifestFailure> {
  const roster = decodeForm(bytes);
  return roster.ok ? checkCanonical(roster.value, bytes) : roster;
}

function checkCanonical(roster: Roster, bytes: Uint8Array): Result<Roster, ManifestFailure> {
  return equalBytes(encodeRoster(roster), bytes) ? ok(roster) : malformed('roster: not in canonical form');
}

function decodeForm(bytes: Uint8Array): Result<Roster, ManifestFailure> {
  if (bytes.length > ROSTER_BYTES_MAX) return malformed(`roster: ${bytes.length} bytes, at most ${ROSTER_BYTES_MAX}`);
  if (!hasFewItems(bytes, ROSTER_ITEMS_MAX)) return malformed(`roster: more than ${ROSTER_ITEMS_MAX} items`);
  const decoded = decodeCbor(bytes, ROSTER_BYTES_MAX, ROSTER_DEPTH_MAX);
  if (!decoded.ok) return malformed(`roster: ${decoded.detail ?? decoded.reason}`);
  const unsupported = unsupportedPart(decoded.value);
  if (unsupported !== undefined) return fail('BAT_E_MANIFEST_UNSUPPORTED', unsupported);
  try {
    const { version, suite, requiredShards, totalShards, fileId, ...rest } = rosterShape.fromCbor(decoded.value, 'roster');
    const roster: Roster = { ...rest, fileId: fileId as FileId, scheme: { requiredShards, totalShards } };
    const broken = brokenRule(roster);
    return broken === undefined ? ok(roster) : malformed(`roster.${broken}`);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return error.reason === 'unsupported-extension' ? fail('BAT_E_MANIFEST_UNSUPPORTED', error.message) : malformed(error.message);
  }
}

/** Opens a roster from outside: form, invariants, then the owner's signature over these very bytes. */
export function openRoster(verifier: Verifier, rosterBytes: Uint8Array, signature: Uint8Array): Result<SignedRoster, ManifestFailure> {
  const work = openingRoster(verifier, rosterBytes, signature);
  for (let step = work.next(); ; step = work.next()) if (step.done === true) return step.value;
}

/** The same in steps: each takes some 20 ms for the largest roster, and who serves others has better things to do between them. */
export function* openingRoster(
  verifier: Verifier,
  rosterBytes: Uint8Array,
  signature: Uint8Array,
): Generator<undefined, Result<SignedRoster, ManifestFailure>> {
  const form = decodeForm(rosterBytes);
  if (!form.ok) return form;
  yield;
  const roster = checkCanonical(form.value, rosterBytes);
  if (!roster.ok) return roster;
  yield;
  if (!verifyFor(verifier, 'roster', roster.value.ownerKey, rosterBytes, signature)) {
    return fail('BAT_E_MANIFEST_SIGNATURE', 'signature: not that of the owner over this roster');
  }
  yield;
  return ok({ roster: roster.value, rosterBytes, rosterId: makeRosterId(rosterBytes), signature });
}

/** A version or suite above ours is named before the rest is judged, whose form it may have changed. */
function unsupportedPart(value: CborValue): string | undefined {
  if (!Array.isArray(value)) return undefined;
  const [version, suite] = value as readonly CborValue[];
  if (typeof version === 'number' && version > MANIFEST_VERSION) return `roster.version: ${version}, we know ${MANIFEST_VERSION}`;
  if (version === MANIFEST_VERSION && typeof suite === 'number' && suite > SUITE) return `roster.suite: ${suite}, we know ${SUITE}`;
  return undefined;
}

function brokenRule(roster: Roster): string | undefined {
  const { scheme, segments } = roster;
  const checked = checkScheme(scheme);
  if (!checked.ok) return `k, n: ${checked.detail}`;
  if (segments.length === 0) return 'segments: none';
  if (segments.length * scheme.totalShards > SHARDS_MAX) return `segments: more than ${SHARDS_MAX} shards`;
  if (!equalBytes(makeFileId(roster.ownerKey, roster.fileNonce), roster.fileId)) return 'fileId: does not follow from owner key and nonce';
  const full = segments[0]?.shardLength ?? 0;
  for (const [i, segment] of segments.entries()) {
    if (!isShardLength(segment.shardLength)) return `segments[${i}].shardLength: ${segment.shardLength}`;
    if (segment.shardIds.length !== scheme.totalShards * ID_BYTES) return `segments[${i}].shardIds: not ${scheme.totalShards} ids`;
    const isLast = i === segments.length - 1;
    if (isLast ? segment.shardLength > full : segment.shardLength !== full)
      return `segments[${i}].shardLength: only the last may be shorter`;
  }
  return undefined;
}

/** One pass over the heads: a roster that would make the decoder build millions of small values is refused before. */
function hasFewItems(bytes: Uint8Array, itemsMax: number): boolean {
  let items = 0;
  let at = 0;
  while (at < bytes.length) {
    if (++items > itemsMax) return false;
    const head = bytes[at] as number;
    const info = head & 31;
    const width = info < 24 ? 0 : info < 28 ? 2 ** (info - 24) : 0;
    let argument = width === 0 ? info : 0;
    for (let i = 1; i <= width; i++) argument = argument * 256 + (bytes[at + i] ?? 0);
    const isText = head >> 5 === 2 || head >> 5 === 3;
    at += 1 + width + (isText ? argument : 0);
  }
  return true;
}
