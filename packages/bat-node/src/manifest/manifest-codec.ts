// pure: the manifest file: JSON of roster, signature, access key, secret and hints; every limit is checked before use (T11).
import {
  CONTACT_RECORD_BYTES_MAX,
  equalBytes,
  fail,
  type JsonReason,
  type JsonValue,
  type NodeId,
  ok,
  parseGuardedJson,
  type Result,
  SEED_BYTES,
  SIGNATURE_BYTES,
  toBase64Url,
  toHex,
  utf8Bytes,
  type Verifier,
} from '@batchain/shared';
import {
  ENTRIES_MAX,
  HINTS_MAX,
  MANIFEST_BYTES_MAX,
  MANIFEST_DEPTH_MAX,
  ROSTER_BYTES_MAX,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SEGMENTS_MAX,
} from '../limits.ts';
import { FILE_KEY_BYTES, SALT_BYTES } from '../pipeline/content-key.ts';
import { segmentCount, segmentPlainBytes, shardLength } from '../pipeline/segment-layout.ts';
import { accessKeyOf } from './access-proof.ts';
import { areDistinctPaths, validateEntryPath } from './entry-path.ts';
import { bytesAt, FieldError, type JsonObject, listAt, objectAt, textAt, uintAt } from './json-fields.ts';
import {
  type FileSecret,
  type HostHint,
  MANIFEST_VERSION,
  type Manifest,
  type ManifestEntry,
  type ManifestFailure,
  type Roster,
  totalBytes,
  type VerifyCapability,
} from './manifest.ts';
import { openRoster } from './roster-codec.ts';

const ID_BYTES = 32;
const MODE_MAX = 0o777;
const FILE_BYTES_MAX = SEGMENTS_MAX * SEGMENT_BYTES_MAX;
/** Six values for each entry, three for each hint, the salts, and the frame around them. */
const JSON_LIMITS = {
  bytesMax: MANIFEST_BYTES_MAX,
  depthMax: MANIFEST_DEPTH_MAX,
  valuesMax: 6 * ENTRIES_MAX + 3 * HINTS_MAX + SEGMENTS_MAX + 64,
} as const;

const MANIFEST_FIELDS = ['v', 'roster', 'signature', 'access', 'secret', 'hints'] as const;
const SECRET_FIELDS = ['rosterId', 'fileKey', 'salts', 'segmentSize', 'entries'] as const;
const ENTRY_FIELDS = ['path', 'bytes', 'mode', 'offset', 'sha256'] as const;
const HINT_FIELDS = ['host', 'record'] as const;

const JSON_PROBLEMS: Readonly<Record<JsonReason, string>> = {
  'too-long': `more than ${MANIFEST_BYTES_MAX} bytes`,
  'not-utf8': 'not UTF-8',
  'too-deep': `nested more than ${MANIFEST_DEPTH_MAX} levels`,
  'too-many-values': `more than ${JSON_LIMITS.valuesMax} values`,
  malformed: 'not JSON',
  'forbidden-key': 'a field name that is never allowed',
  'duplicate-key': 'a field stands twice',
};

function verifyFields(capability: VerifyCapability): JsonObject {
  return {
    v: MANIFEST_VERSION,
    roster: toBase64Url(capability.rosterBytes),
    signature: toBase64Url(capability.signature),
    access: toBase64Url(capability.accessSeed),
  };
}

function toFile(value: JsonValue): Uint8Array {
  return utf8Bytes(`${JSON.stringify(value, null, 2)}\n`);
}

/** The bytes of a `NAME.batchain` file. It lets its holder read the file: write it with mode 0600. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { secret, hints } = manifest;
  return toFile({
    ...verifyFields(manifest),
    secret: {
      rosterId: toBase64Url(manifest.rosterId),
      fileKey: toBase64Url(secret.fileKey),
      salts: secret.salts.map(toBase64Url),
      segmentSize: secret.segmentSizeBytes,
      entries: secret.entries.map((entry) => ({
        path: entry.path,
        bytes: entry.bytes,
        mode: entry.mode,
        offset: entry.offset,
        sha256: toBase64Url(entry.sha256),
      })),
    },
    hints: hints.map((hint) => ({
      host: toBase64Url(hint.nodeId),
      ...(hint.record === undefined ? {} : { record: toBase64Url(hint.record) }),
    })),
  });
}

/** The bytes of a verify capability: the same file without `secret` and `hints`. */
export function encodeVerifyCapability(capability: VerifyCapability): Uint8Array {
  return toFile(verifyFields(capability));
}

/** Reads a whole manifest. Never throws; the detail is one line that names the field. */
export function parseManifest(verifier: Verifier, bytes: Uint8Array): Result<Manifest, ManifestFailure> {
  return parse(bytes, (file) => {
    // The secret is judged only after the owner's signature over the sizes that it must fit.
    const capability = readVerify(verifier, file);
    const secret = readSecret(file.secret, capability);
    return { ...capability, secret, hints: readHints(file.hints) };
  });
}

/** Reads a verify capability, also out of a whole manifest, whose secret is not looked at. Never throws. */
export function parseVerifyCapability(verifier: Verifier, bytes: Uint8Array): Result<VerifyCapability, ManifestFailure> {
  return parse(bytes, (file) => readVerify(verifier, file));
}

function parse<T>(bytes: Uint8Array, read: (file: JsonObject) => T): Result<T, ManifestFailure> {
  const json = parseGuardedJson(bytes, JSON_LIMITS);
  if (!json.ok) return fail('BAT_E_MANIFEST_MALFORMED', `manifest: ${JSON_PROBLEMS[json.reason]}`);
  try {
    const version = versionOf(json.value);
    if (version > MANIFEST_VERSION) return fail('BAT_E_MANIFEST_UNSUPPORTED', `v: ${version}, we know ${MANIFEST_VERSION}`);
    return ok(read(objectAt(json.value, 'manifest', MANIFEST_FIELDS)));
  } catch (error) {
    if (error instanceof FieldError) return fail(error.code, error.message);
    throw error;
  }
}

/** Judged before all other fields, which a later version may have changed. */
function versionOf(value: JsonValue): number {
  const version = value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject).v : undefined;
  if (uintAt(version, 'v', Number.MAX_SAFE_INTEGER) < 1) throw new FieldError('v', 'not a version');
  return version as number;
}

function readVerify(verifier: Verifier, file: JsonObject): VerifyCapability {
  const signature = bytesAt(file.signature, 'signature', SIGNATURE_BYTES);
  const accessSeed = bytesAt(file.access, 'access', SEED_BYTES);
  const opened = openRoster(verifier, bytesAt(file.roster, 'roster', 1, ROSTER_BYTES_MAX), signature);
  if (!opened.ok) throw new FieldError('manifest', opened.detail ?? 'roster', opened.reason);
  if (!equalBytes(accessKeyOf(accessSeed), opened.value.roster.accessKey)) {
    throw new FieldError('access', 'not the private half of the access key in the roster', 'BAT_E_MANIFEST_SIGNATURE');
  }
  return { ...opened.value, accessSeed };
}

function readSecret(value: JsonValue | undefined, capability: VerifyCapability): FileSecret {
  const secret = objectAt(value, 'secret', SECRET_FIELDS);
  if (!equalBytes(bytesAt(secret.rosterId, 'secret.rosterId', ID_BYTES), capability.rosterId)) {
    throw new FieldError('secret.rosterId', 'the secret of another roster', 'BAT_E_MANIFEST_SIGNATURE');
  }
  const salts = listAt(secret.salts, 'secret.salts', SEGMENTS_MAX).map((salt, i) => bytesAt(salt, `secret.salts[${i}]`, SALT_BYTES));
  const read: FileSecret = {
    fileKey: bytesAt(secret.fileKey, 'secret.fileKey', FILE_KEY_BYTES),
    salts,
    segmentSizeBytes: uintAt(secret.segmentSize, 'secret.segmentSize', SEGMENT_BYTES_MAX),
    entries: readEntries(secret.entries),
  };
  const broken = brokenSize(read, capability.roster);
  if (broken !== undefined) throw new FieldError(`secret.${broken.field}`, broken.problem);
  return read;
}

function readEntries(value: JsonValue | undefined): ManifestEntry[] {
  let offset = 0;
  const entries = listAt(value, 'secret.entries', ENTRIES_MAX).map((item, i) => {
    const at = `secret.entries[${i}]`;
    const fields = objectAt(item, at, ENTRY_FIELDS);
    const path = textAt(fields.path, `${at}.path`);
    const checked = validateEntryPath(path);
    if (!checked.ok) throw new FieldError(`${at}.path`, checked.detail ?? checked.reason);
    const bytes = uintAt(fields.bytes, `${at}.bytes`, FILE_BYTES_MAX);
    if (uintAt(fields.offset, `${at}.offset`, FILE_BYTES_MAX) !== offset)
      throw new FieldError(`${at}.offset`, 'not where the entry before ends');
    offset += bytes;
    return {
      path,
      bytes,
      mode: uintAt(fields.mode, `${at}.mode`, MODE_MAX),
      offset: offset - bytes,
      sha256: bytesAt(fields.sha256, `${at}.sha256`, ID_BYTES),
    };
  });
  if (entries.length === 0) throw new FieldError('secret.entries', 'none');
  if (!areDistinctPaths(entries.map((entry) => entry.path))) throw new FieldError('secret.entries', 'two entries want the same place');
  return entries;
}

/** The sizes of entries, segments and shards must fit to the byte; undefined when they do. */
export function brokenSize(secret: FileSecret, roster: Roster): { readonly field: string; readonly problem: string } | undefined {
  const { segmentSizeBytes, salts } = secret;
  const { segments, scheme } = roster;
  if (segmentSizeBytes < SEGMENT_BYTES_MIN) return { field: 'segmentSize', problem: `below ${SEGMENT_BYTES_MIN} bytes` };
  if (salts.length !== segments.length) return { field: 'salts', problem: `${salts.length} for ${segments.length} segments` };
  const total = totalBytes(secret.entries);
  if (segmentCount(total, segmentSizeBytes) !== segments.length) {
    return { field: 'entries', problem: `${total} bytes do not make ${segments.length} segments` };
  }
  for (const [i, segment] of segments.entries()) {
    const expected = shardLength(segmentPlainBytes(total, segmentSizeBytes, i), scheme.requiredShards);
    if (segment.shardLength !== expected) {
      return { field: 'entries', problem: `segment ${i} would have shards of ${expected} bytes, not ${segment.shardLength}` };
    }
  }
  return undefined;
}

function readHints(value: JsonValue | undefined): HostHint[] {
  const seen = new Set<string>();
  return listAt(value, 'hints', HINTS_MAX).map((item, i) => {
    const at = `hints[${i}]`;
    const fields = objectAt(item, at, HINT_FIELDS);
    const nodeId = bytesAt(fields.host, `${at}.host`, ID_BYTES) as NodeId;
    const key = toHex(nodeId);
    if (seen.has(key)) throw new FieldError(`${at}.host`, 'a host stands twice');
    seen.add(key);
    const record = fields.record === undefined ? undefined : bytesAt(fields.record, `${at}.record`, 1, CONTACT_RECORD_BYTES_MAX);
    return { nodeId, record };
  });
}
