// pure: the read capability of one file as compact bytes, for records that have no room for a manifest file; docs/spec/manifest.md.
import {
  bytesOf,
  concatBytes,
  decodeCbor,
  type Extensions,
  encodeCbor,
  equalBytes,
  extensionsOf,
  fail,
  listOf,
  NO_EXTENSIONS,
  type NodeId,
  ok,
  type Result,
  recordOf,
  SEED_BYTES,
  type Shape,
  ShapeError,
  SIGNATURE_BYTES,
  uintOf,
  type Verifier,
} from '@batchain/shared';
import { CAPABILITY_BYTES_MAX, CAPABILITY_HINTS_MAX, SEGMENT_BYTES_MAX, SEGMENTS_MAX } from '../limits.ts';
import { FILE_KEY_BYTES, SALT_BYTES } from '../pipeline/content-key.ts';
import { accessKeyOf } from './access-proof.ts';
import type { FileSecret, HostHint, Manifest, ManifestFailure } from './manifest.ts';
import { brokenSize } from './manifest-codec.ts';
import { openRoster } from './roster-codec.ts';

const CAPABILITY_VERSION = 1;
/** Whoever reads by capability chooses the name of what comes out. */
const ENTRY_NAME = 'value';
const ENTRY_MODE = 0o600;

interface WireCapability {
  readonly version: number;
  readonly roster: Uint8Array;
  readonly signature: Uint8Array;
  readonly accessSeed: Uint8Array;
  readonly fileKey: Uint8Array;
  readonly salts: Uint8Array;
  readonly segmentSizeBytes: number;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  readonly hosts: readonly Uint8Array[];
  readonly extensions: Extensions;
}

/** The order of these fields is the order on the wire. */
const shape: Shape<WireCapability> = recordOf({
  version: uintOf(CAPABILITY_VERSION, CAPABILITY_VERSION),
  roster: bytesOf(1, CAPABILITY_BYTES_MAX),
  signature: bytesOf(SIGNATURE_BYTES),
  accessSeed: bytesOf(SEED_BYTES),
  fileKey: bytesOf(FILE_KEY_BYTES),
  salts: bytesOf(SALT_BYTES, SEGMENTS_MAX * SALT_BYTES),
  segmentSizeBytes: uintOf(SEGMENT_BYTES_MAX),
  bytes: uintOf(SEGMENTS_MAX * SEGMENT_BYTES_MAX),
  sha256: bytesOf(32),
  hosts: listOf(bytesOf(32), CAPABILITY_HINTS_MAX),
  extensions: extensionsOf(),
});

/** Of a manifest of one file; its name stays out. Hosts that are hinted are named by id, the first CAPABILITY_HINTS_MAX of them. */
export function encodeCapability(manifest: Manifest): Result<Uint8Array, 'several-files' | 'too-long'> {
  const { secret, rosterBytes, signature, accessSeed, hints } = manifest;
  const [entry, ...others] = secret.entries;
  if (entry === undefined || others.length > 0) return fail('several-files');
  const bytes = encodeCbor(
    shape.toCbor({
      version: CAPABILITY_VERSION,
      roster: rosterBytes,
      signature,
      accessSeed,
      fileKey: secret.fileKey,
      salts: concatBytes(...secret.salts),
      segmentSizeBytes: secret.segmentSizeBytes,
      bytes: entry.bytes,
      sha256: entry.sha256,
      hosts: hints.slice(0, CAPABILITY_HINTS_MAX).map(({ nodeId }) => nodeId),
      extensions: NO_EXTENSIONS,
    }),
  );
  return bytes.length <= CAPABILITY_BYTES_MAX ? ok(bytes) : fail('too-long', `${bytes.length} bytes, at most ${CAPABILITY_BYTES_MAX}`);
}

/** The manifest that the capability stands for, checked like one from a file. Never throws. */
export function decodeCapability(verifier: Verifier, bytes: Uint8Array): Result<Manifest, ManifestFailure> {
  const decoded = decodeCbor(bytes, CAPABILITY_BYTES_MAX);
  if (!decoded.ok) return malformed(decoded.detail ?? decoded.reason);
  const version = Array.isArray(decoded.value) ? (decoded.value as readonly unknown[])[0] : undefined;
  if (typeof version === 'number' && version > CAPABILITY_VERSION)
    return fail('BAT_E_MANIFEST_UNSUPPORTED', `capability: version ${version}, we know ${CAPABILITY_VERSION}`);
  let wire: WireCapability;
  try {
    wire = shape.fromCbor(decoded.value, 'capability');
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return error.reason === 'unsupported-extension' ? fail('BAT_E_MANIFEST_UNSUPPORTED', error.message) : malformed(error.message);
  }
  const opened = openRoster(verifier, wire.roster, wire.signature);
  if (!opened.ok) return opened;
  if (!equalBytes(accessKeyOf(wire.accessSeed), opened.value.roster.accessKey))
    return fail('BAT_E_MANIFEST_SIGNATURE', 'access: not the private half of the access key in the roster');
  const secret = secretOf(wire);
  if (secret === undefined) return malformed('salts: no whole number of them');
  const broken = brokenSize(secret, opened.value.roster);
  if (broken !== undefined) return malformed(`${broken.field}: ${broken.problem}`);
  return ok({ ...opened.value, accessSeed: wire.accessSeed, secret, hints: hintsOf(wire.hosts) });
}

function secretOf({ salts, fileKey, segmentSizeBytes, bytes, sha256 }: WireCapability): FileSecret | undefined {
  if (salts.length % SALT_BYTES !== 0) return undefined;
  const count = salts.length / SALT_BYTES;
  return {
    fileKey,
    salts: Array.from({ length: count }, (_, i) => salts.slice(i * SALT_BYTES, (i + 1) * SALT_BYTES)),
    segmentSizeBytes,
    entries: [{ path: ENTRY_NAME, bytes, mode: ENTRY_MODE, offset: 0, sha256 }],
  };
}

function hintsOf(hosts: readonly Uint8Array[]): readonly HostHint[] {
  return [...new Map(hosts.map((host) => [host.join(), { nodeId: host as NodeId, record: undefined }])).values()];
}

const malformed = (detail: string) => fail('BAT_E_MANIFEST_MALFORMED' as const, `capability: ${detail}`);
