// pure: what a manifest is made of: roster, verify capability, secret and hints; and what follows from them.
import { type Extensions, type NodeId, sha256, utf8Bytes } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import type { ErasureScheme } from '../pipeline/erasure/erasure-scheme.ts';

/** Before everything that is hashed into a file id. */
const FILE_TAG: Uint8Array = utf8Bytes('batchain/file/1\0');
const ID_BYTES = 32;

export const MANIFEST_VERSION = 1;
/** SHA-256, 16 KiB leaves, AES-256-GCM in 64 KiB pieces, Cauchy Reed-Solomon over 0x11d. */
export const SUITE = 1;

/** Why a manifest or roster was refused; also the code of the error that a user sees. */
export type ManifestFailure = 'BAT_E_MANIFEST_MALFORMED' | 'BAT_E_MANIFEST_UNSUPPORTED' | 'BAT_E_MANIFEST_SIGNATURE';

/** The shards of one segment. */
export interface RosterSegment {
  /** Bytes of each of its shards. */
  readonly shardLength: number;
  /** All shard ids in order of index, 32 bytes each, one after the other. */
  readonly shardIds: Uint8Array;
}

/** The public half of a manifest: enough to audit, repair and renew (DF-16: the ordered list of keys and sizes). */
export interface Roster {
  readonly fileId: FileId;
  readonly ownerKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  readonly scheme: ErasureScheme;
  readonly segments: readonly RosterSegment[];
  /** Public half of the file's access key. */
  readonly accessKey: Uint8Array;
  /** Wall clock, ms, until which anybody may renew; 0 = until released. */
  readonly keepUntilMs: number;
  readonly extensions: Extensions;
}

/** A roster with the bytes that the owner signed. Made only by signRoster and openRoster. */
export interface SignedRoster {
  readonly roster: Roster;
  readonly rosterBytes: Uint8Array;
  /** SHA-256 of the roster bytes. */
  readonly rosterId: Uint8Array;
  readonly signature: Uint8Array;
}

/** Lets its holder audit and renew, not read. */
export interface VerifyCapability extends SignedRoster {
  /** Private half of the file's access key; hosts never get it. */
  readonly accessSeed: Uint8Array;
}

/** One file within the bytes that the segments hold. */
export interface ManifestEntry {
  /** Relative, checked by validateEntryPath. */
  readonly path: string;
  readonly bytes: number;
  /** Permission bits, at most 0o777. */
  readonly mode: number;
  /** Where it begins; entries follow one another without gaps. */
  readonly offset: number;
  readonly sha256: Uint8Array;
}

/** What only readers get. */
export interface FileSecret {
  readonly fileKey: Uint8Array;
  /** One for each segment. */
  readonly salts: readonly Uint8Array[];
  /** Plain bytes of every segment but the last. */
  readonly segmentSizeBytes: number;
  readonly entries: readonly ManifestEntry[];
}

/** A last known host. Unsigned: a place to ask first, nothing more. */
export interface HostHint {
  readonly nodeId: NodeId;
  /** Its contact record as it was; whoever uses it checks it. */
  readonly record: Uint8Array | undefined;
}

/** Everything needed to read a file back: the read capability. */
export interface Manifest extends VerifyCapability {
  readonly secret: FileSecret;
  readonly hints: readonly HostHint[];
}

/** SHA-256(tag, owner key, file nonce): known before the first byte, so that placement can begin (BN-11). */
export function makeFileId(ownerKey: Uint8Array, fileNonce: Uint8Array): FileId {
  return sha256(FILE_TAG, ownerKey, fileNonce) as FileId;
}

export function makeRosterId(rosterBytes: Uint8Array): Uint8Array {
  return sha256(rosterBytes);
}

/** The id of one shard; `index` below the scheme's total. */
export function shardIdAt(segment: RosterSegment, index: number): ShardId {
  return segment.shardIds.subarray(index * ID_BYTES, (index + 1) * ID_BYTES) as ShardId;
}

export function shardIdsOf(segment: RosterSegment): ShardId[] {
  return Array.from({ length: segment.shardIds.length / ID_BYTES }, (_, index) => shardIdAt(segment, index));
}

/** Plain bytes of all entries. */
export function totalBytes(entries: readonly ManifestEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

/** The name of the file, or of the folder that holds all of it; the first entry's own when there is no one folder. */
export function manifestName(manifest: Manifest): string {
  const [first = ''] = manifest.secret.entries.map((entry) => entry.path);
  if (manifest.secret.entries.length === 1) return first.slice(first.lastIndexOf('/') + 1);
  const folder = first.slice(0, first.indexOf('/') + 1);
  const isOneFolder = folder !== '' && manifest.secret.entries.every((entry) => entry.path.startsWith(folder));
  return isOneFolder ? folder.slice(0, -1) : first.slice(first.lastIndexOf('/') + 1);
}

/** The manifest without what a reader needs: for auditors and repairers. */
export function verifyCapabilityOf(manifest: VerifyCapability): VerifyCapability {
  const { roster, rosterBytes, rosterId, signature, accessSeed } = manifest;
  return { roster, rosterBytes, rosterId, signature, accessSeed };
}
