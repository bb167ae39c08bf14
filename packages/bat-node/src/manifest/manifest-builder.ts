// pure: folds what an upload produced into a signed roster and a manifest.
import { assert, NO_EXTENSIONS, present, type Random, type Signer } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import { SALT_BYTES } from '../pipeline/content-key.ts';
import type { ErasureScheme } from '../pipeline/erasure/erasure-scheme.ts';
import { accessKeyOf } from './access-proof.ts';
import { areDistinctPaths, validateEntryPath } from './entry-path.ts';
import {
  type FileSecret,
  type HostHint,
  type Manifest,
  type ManifestEntry,
  makeFileId,
  type Roster,
  type RosterSegment,
  type SignedRoster,
} from './manifest.ts';
import { brokenSize } from './manifest-codec.ts';
import { decodeRoster, signRoster } from './roster-codec.ts';

const ID_BYTES = 32;

/** What is drawn for a file before its first byte is read. */
export interface FileKeys {
  readonly fileNonce: Uint8Array;
  readonly fileKey: Uint8Array;
  /** Private half of the access key. */
  readonly accessSeed: Uint8Array;
}

/** The salt of one segment: new for every plaintext that is sealed. */
export function drawSalt(entropy: Random): Uint8Array {
  return entropy.bytes(SALT_BYTES);
}

export interface ManifestBuilderOptions {
  readonly keys: FileKeys;
  readonly scheme: ErasureScheme;
  readonly segmentSizeBytes: number;
  /** Wall clock, ms; 0 = until released. */
  readonly keepUntilMs?: number;
}

/** One segment as it was stored. */
export interface StoredSegment {
  readonly salt: Uint8Array;
  readonly shardLength: number;
  /** All n, in order of index. */
  readonly shardIds: readonly ShardId[];
}

/** Segments may come in any order. Misuse (a missing segment, sizes that do not fit) throws BAT_E_INTERNAL. */
export class ManifestBuilder {
  readonly fileId: FileId;
  /** Public half of the file's access key, for STORE orders. */
  readonly accessKey: Uint8Array;
  readonly #owner: Signer;
  readonly #options: ManifestBuilderOptions;
  readonly #segments = new Map<number, StoredSegment>();

  constructor(owner: Signer, options: ManifestBuilderOptions) {
    this.#owner = owner;
    this.#options = options;
    this.fileId = makeFileId(owner.publicKey, options.keys.fileNonce);
    this.accessKey = accessKeyOf(options.keys.accessSeed);
  }

  addSegment(index: number, segment: StoredSegment): void {
    assert(segment.shardIds.length === this.#options.scheme.totalShards, 'a segment has all its shards');
    this.#segments.set(index, segment);
  }

  /** The roster for COMMIT, signed; all segments must be there. */
  signRoster(): SignedRoster {
    const { keys, scheme, keepUntilMs = 0 } = this.#options;
    const roster: Roster = {
      fileId: this.fileId,
      ownerKey: this.#owner.publicKey,
      fileNonce: keys.fileNonce,
      scheme,
      segments: this.#ordered().map(toRosterSegment),
      accessKey: this.accessKey,
      keepUntilMs,
      extensions: NO_EXTENSIONS,
    };
    const signed = signRoster(this.#owner, roster);
    const checked = decodeRoster(signed.rosterBytes);
    assert(checked.ok, `our own roster is valid: ${checked.ok ? '' : checked.detail}`);
    return signed;
  }

  /** The manifest around a roster that signRoster gave. */
  build(signed: SignedRoster, entries: readonly ManifestEntry[], hints: readonly HostHint[]): Manifest {
    const { keys, segmentSizeBytes } = this.#options;
    const salts = this.#ordered().map((segment) => segment.salt);
    const secret: FileSecret = { fileKey: keys.fileKey, salts, segmentSizeBytes, entries };
    const broken = brokenSize(secret, signed.roster);
    assert(broken === undefined, `the sizes of the manifest fit: ${broken?.field} ${broken?.problem}`);
    const paths = entries.map((entry) => entry.path);
    assert(paths.every((path) => validateEntryPath(path).ok) && areDistinctPaths(paths), 'the names in the manifest are allowed');
    return { ...signed, accessSeed: keys.accessSeed, secret, hints };
  }

  #ordered(): StoredSegment[] {
    return Array.from({ length: this.#segments.size }, (_, i) => present(this.#segments.get(i), `segment ${i} was stored`));
  }
}

function toRosterSegment(segment: StoredSegment): RosterSegment {
  const shardIds = new Uint8Array(segment.shardIds.length * ID_BYTES);
  segment.shardIds.forEach((id, i) => {
    shardIds.set(id, i * ID_BYTES);
  });
  return { shardLength: segment.shardLength, shardIds };
}
