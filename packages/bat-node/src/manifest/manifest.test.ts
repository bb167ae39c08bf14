import {
  createCrypto,
  encodeCbor,
  equalBytes,
  KiB,
  keyPairFromSeed,
  type NodeId,
  sha256,
  signFor,
  toBase64Url,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ShardId } from '../ids.ts';
import { segmentCount, segmentPlainBytes, shardLength } from '../pipeline/segment-layout.ts';
import { type Manifest, type ManifestEntry, makeFileId, manifestName, shardIdAt, shardIdsOf, verifyCapabilityOf } from './manifest.ts';
import { drawSalt, ManifestBuilder } from './manifest-builder.ts';
import { encodeManifest, encodeVerifyCapability, parseManifest, parseVerifyCapability } from './manifest-codec.ts';
import { decodeRoster, encodeRoster, openRoster } from './roster-codec.ts';

const { verifier } = createCrypto();
const { entropy } = createSystemRuntime();
const owner = keyPairFromSeed(sha256(utf8Bytes('owner')));

const entryOf = (path: string, bytes: number, offset = 0): ManifestEntry => ({
  path,
  bytes,
  mode: 0o644,
  offset,
  sha256: sha256(utf8Bytes(path)),
});

interface Making {
  readonly entries?: readonly ManifestEntry[];
  readonly requiredShards?: number;
  readonly totalShards?: number;
  readonly segmentSizeBytes?: number;
}

function makeManifest(making: Making = {}): Manifest {
  const { entries = [entryOf('example.txt', 2500)], requiredShards = 2, totalShards = 5, segmentSizeBytes = KiB } = making;
  const keys = { fileNonce: entropy.bytes(32), fileKey: entropy.bytes(32), accessSeed: entropy.bytes(32) };
  const builder = new ManifestBuilder(owner, { keys, scheme: { requiredShards, totalShards }, segmentSizeBytes });
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  for (let i = 0; i < segmentCount(total, segmentSizeBytes); i++) {
    builder.addSegment(i, {
      salt: drawSalt(entropy),
      shardLength: shardLength(segmentPlainBytes(total, segmentSizeBytes, i), requiredShards),
      shardIds: Array.from({ length: totalShards }, (_, j) => sha256(utf8Bytes(`${i} ${j}`)) as ShardId),
    });
  }
  const hints = [{ nodeId: sha256(utf8Bytes('host')) as NodeId, record: Uint8Array.of(1, 2, 3) }];
  return builder.build(builder.signRoster(), entries, hints);
}

type Json = Record<string, any>;
const jsonOf = (manifest: Manifest): Json => JSON.parse(Buffer.from(encodeManifest(manifest)).toString('utf8')) as Json;
const parseJson = (json: unknown) => parseManifest(verifier, utf8Bytes(typeof json === 'string' ? json : JSON.stringify(json)));
/** The answer to a valid manifest after one change. */
const changed = (change: (json: Json) => void) => {
  const json = jsonOf(makeManifest());
  change(json);
  return parseJson(json);
};

describe('manifests', () => {
  it('BD-58 DF-16 BN-25 name every part of a file in order, and come back from their bytes as they were', () => {
    const manifest = makeManifest({ entries: [entryOf('d/a.txt', 1025), entryOf('d/empty', 0, 1025), entryOf('d/ü.pdf', 4000, 1025)] });
    const parsed = parseManifest(verifier, encodeManifest(manifest));
    expect(parsed).toEqual({ ok: true, value: manifest });
    expect(manifest.roster.segments.map((segment) => segment.shardLength)).toEqual([576, 576, 576, 576, 512]);
    const [first] = manifest.roster.segments;
    expect(first && shardIdsOf(first).map(toHex)).toEqual([0, 1, 2, 3, 4].map((j) => toHex(sha256(utf8Bytes(`0 ${j}`)))));
    expect(first && toHex(shardIdAt(first, 4))).toBe(toHex(sha256(utf8Bytes('0 4'))));
    expect(manifestName(manifest)).toBe('d');
  });

  it('have one empty segment for an empty file', () => {
    const manifest = makeManifest({ entries: [entryOf('empty', 0)] });
    expect(manifest.roster.segments.map((segment) => segment.shardLength)).toEqual([64]);
    expect(parseManifest(verifier, encodeManifest(manifest)).ok).toBe(true);
    expect(manifestName(manifest)).toBe('empty');
  });

  it('show nothing of names, lengths and keys in the half that hosts get', () => {
    const manifest = makeManifest({ entries: [entryOf('planted-name.txt', 2501)] });
    const text = Buffer.from(manifest.rosterBytes).toString('latin1');
    expect(text).not.toContain('planted-name');
    for (const secret of [manifest.secret.fileKey, manifest.accessSeed, ...manifest.secret.salts]) {
      expect(text).not.toContain(Buffer.from(secret).toString('latin1'));
    }
    const other = makeManifest({ entries: [entryOf('planted-name.txt', 2499)] });
    expect(other.roster.segments.map((segment) => segment.shardLength)).toEqual(
      manifest.roster.segments.map((segment) => segment.shardLength),
    );
  });

  it('split into a capability that verifies but does not read', () => {
    const manifest = makeManifest();
    const capability = verifyCapabilityOf(manifest);
    const bytes = encodeVerifyCapability(capability);
    expect(Buffer.from(bytes).toString('utf8')).not.toContain(toBase64Url(manifest.secret.fileKey));
    expect(parseVerifyCapability(verifier, bytes)).toEqual({ ok: true, value: capability });
    expect(parseVerifyCapability(verifier, encodeManifest(manifest))).toEqual({ ok: true, value: capability });
    expect(parseManifest(verifier, bytes)).toMatchObject({
      ok: false,
      reason: 'BAT_E_MANIFEST_MALFORMED',
      detail: 'secret: not an object',
    });
    expect(openRoster(verifier, manifest.rosterBytes, manifest.signature)).toMatchObject({ ok: true, value: { roster: manifest.roster } });
  });

  it('bind the file id to its owner', () => {
    const { roster } = makeManifest();
    expect(equalBytes(roster.fileId, makeFileId(owner.publicKey, roster.fileNonce))).toBe(true);
    expect(equalBytes(roster.fileId, makeFileId(sha256(owner.publicKey), roster.fileNonce))).toBe(false);
  });

  it('may carry members that a reader is free to ignore, and no other unknown ones', () => {
    expect(changed((json) => (json['x-note'] = 'for people')).ok).toBe(true);
    expect(changed((json) => (json.secret.entries[0]['x-mtime'] = 1)).ok).toBe(true);
    expect(changed((json) => (json.kdf = { memory: 16 * 2 ** 30, rounds: 2 ** 31 }))).toMatchObject({
      ok: false,
      reason: 'BAT_E_MANIFEST_UNSUPPORTED',
      detail: 'manifest: unknown field kdf',
    });
    expect(changed((json) => (json.secret.compression = 'brotli'))).toMatchObject({ reason: 'BAT_E_MANIFEST_UNSUPPORTED' });
  });
});

describe('a forged or mixed-up manifest', () => {
  it('is refused when one bit of the roster or its signature differs', () => {
    const manifest = makeManifest();
    fc.assert(
      fc.property(fc.nat({ max: manifest.rosterBytes.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const bent = manifest.rosterBytes.slice();
        bent[at] = (bent[at] as number) ^ (1 << bit);
        expect(openRoster(verifier, bent, manifest.signature).ok).toBe(false);
      }),
    );
    expect(changed((json) => (json.signature = toBase64Url(new Uint8Array(64))))).toMatchObject({ reason: 'BAT_E_MANIFEST_SIGNATURE' });
  });

  it('is refused when its access key or its secret belong to another roster', () => {
    const other = jsonOf(makeManifest());
    expect(changed((json) => (json.access = other.access))).toMatchObject({
      reason: 'BAT_E_MANIFEST_SIGNATURE',
      detail: 'access: not the private half of the access key in the roster',
    });
    expect(changed((json) => (json.secret = other.secret))).toMatchObject({
      reason: 'BAT_E_MANIFEST_SIGNATURE',
      detail: 'secret.rosterId: the secret of another roster',
    });
  });

  it('is refused when the roster was signed for another purpose', () => {
    const manifest = makeManifest();
    const signature = signFor(owner, 'storage-receipt', manifest.rosterBytes);
    expect(openRoster(verifier, manifest.rosterBytes, signature)).toMatchObject({ reason: 'BAT_E_MANIFEST_SIGNATURE' });
  });
});

describe('hostile manifests, list of twenty, 1: names', () => {
  it.each(['../../x', '/etc/passwd', '..\\..\\x', 'a\0b', 'a\u202eb', 'CON', 'x'.repeat(300), '.', ''])('refuses the name %j', (path) => {
    const startedAt = performance.now();
    const result = changed((json) => (json.secret.entries[0].path = path));
    expect(result).toMatchObject({ ok: false, reason: 'BAT_E_MANIFEST_MALFORMED' });
    expect(result.ok ? '' : result.detail).toMatch(/^secret\.entries\[0\]\.path: [ -~]+$/);
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});

describe('hostile manifests, list of twenty, 3: numbers', () => {
  const rosterWith = (change: (fields: any[]) => void) => {
    const { roster } = makeManifest();
    const segments = roster.segments.map((segment) => [segment.shardLength, segment.shardIds]);
    const { requiredShards, totalShards } = roster.scheme;
    const fields: any[] = [
      1,
      1,
      roster.fileId,
      roster.ownerKey,
      roster.fileNonce,
      requiredShards,
      totalShards,
      segments,
      roster.accessKey,
      0,
      new Map(),
    ];
    expect(equalBytes(encodeCbor(fields), encodeRoster(roster))).toBe(true);
    change(fields);
    const bytes = encodeCbor(fields);
    return openRoster(verifier, bytes, signFor(owner, 'roster', bytes));
  };

  it.each([
    ['k = 0', 5, 0],
    ['k > n', 5, 6],
    ['n = 65,535', 6, 65_535],
    ['n = 257', 6, 257],
    ['k negative', 5, -1],
    ['k = 2^53 + 2', 5, 2 ** 53 + 2],
    ['n NaN', 6, Number.NaN],
    ['k a float', 5, 1.5],
    ['n a text', 6, '5'],
    ['keep until negative', 9, -1],
    ['version 0', 0, 0],
    ['suite 0', 1, 0],
    ['no segment', 7, []],
    ['segments no list', 7, 1],
    ['an extra field', 11, 1],
  ])('refuses a signed roster with %s', (_, field, value) => {
    expect(rosterWith((fields) => (fields[field] = value))).toMatchObject({ ok: false, reason: 'BAT_E_MANIFEST_MALFORMED' });
  });

  it.each([
    ['no bytes', 0],
    ['bytes that are no multiple of 64', 577],
    ['more than any segment can have', 64 * 1024 * 1024 + 16 * 1024 + 64],
    ['a size unlike the others', 640],
    ['2^53', 2 ** 53],
  ])('refuses a signed roster with shards of %s', (_, length) => {
    expect(rosterWith((fields) => (fields[7][1][0] = length))).toMatchObject({ ok: false, reason: 'BAT_E_MANIFEST_MALFORMED' });
  });

  it('refuses shard ids that do not fit n, a foreign file id, a later version, suite or critical extension', () => {
    expect(rosterWith((fields) => (fields[7][0][1] = new Uint8Array(4 * 32)))).toMatchObject({
      detail: 'roster.segments[0].shardIds: not 5 ids',
    });
    expect(rosterWith((fields) => (fields[2] = new Uint8Array(32)))).toMatchObject({ reason: 'BAT_E_MANIFEST_MALFORMED' });
    expect(rosterWith((fields) => (fields[0] = 2))).toMatchObject({
      reason: 'BAT_E_MANIFEST_UNSUPPORTED',
      detail: 'roster.version: 2, we know 1',
    });
    expect(rosterWith((fields) => (fields[1] = 2))).toMatchObject({ reason: 'BAT_E_MANIFEST_UNSUPPORTED' });
    expect(rosterWith((fields) => (fields[10] = new Map([[2, new Uint8Array(1)]])))).toMatchObject({
      reason: 'BAT_E_MANIFEST_UNSUPPORTED',
    });
    expect(rosterWith((fields) => (fields[10] = new Map([[3, new Uint8Array(1)]]))).ok).toBe(true);
  });

  it('refuses a roster that is coded in another than the one canonical way', () => {
    const { roster } = makeManifest();
    const canonical = encodeRoster(roster);
    const unsorted = canonical.slice(0, -1);
    const bytes = new Uint8Array([...unsorted, 0xa2, 0x05, 0x40, 0x03, 0x40]);
    expect(decodeRoster(bytes)).toMatchObject({ reason: 'BAT_E_MANIFEST_MALFORMED' });
    expect(decodeRoster(new Uint8Array([...unsorted, 0xa2, 0x03, 0x40, 0x05, 0x40])).ok).toBe(true);
    expect(decodeRoster(new Uint8Array([...canonical, 0]))).toMatchObject({ reason: 'BAT_E_MANIFEST_MALFORMED' });
  });

  it.each([
    ['secret.segmentSize', (json: Json) => (json.secret.segmentSize = 0)],
    ['secret.segmentSize', (json: Json) => (json.secret.segmentSize = 2 ** 53)],
    ['secret.entries', (json: Json) => (json.secret.segmentSize = 2048)],
    ['secret.entries[0].bytes', (json: Json) => (json.secret.entries[0].bytes = -1)],
    ['secret.entries[0].bytes', (json: Json) => (json.secret.entries[0].bytes = 1.5)],
    ['secret.entries[0].bytes', (json: Json) => (json.secret.entries[0].bytes = '2500')],
    ['secret.entries[0].bytes', (json: Json) => (json.secret.entries[0].bytes = 2 ** 53 + 2)],
    ['secret.entries', (json: Json) => (json.secret.entries[0].bytes = 100)],
    ['secret.entries', (json: Json) => (json.secret.entries[0].bytes = 2600)],
    ['secret.entries[0].offset', (json: Json) => (json.secret.entries[0].offset = 1)],
    ['secret.entries[0].mode', (json: Json) => (json.secret.entries[0].mode = 0o4755)],
    ['secret.entries[0].sha256', (json: Json) => (json.secret.entries[0].sha256 = 'AA')],
    ['secret.entries', (json: Json) => (json.secret.entries = [])],
    ['secret.entries', (json: Json) => (json.secret.entries = {})],
    ['secret.entries', (json: Json) => json.secret.entries.push({ ...json.secret.entries[0], offset: 2500, bytes: 0 })],
    ['secret.salts', (json: Json) => json.secret.salts.pop()],
    ['secret.salts[1]', (json: Json) => (json.secret.salts[1] = 'AAAA')],
    ['secret.salts[0]', (json: Json) => (json.secret.salts[0] = `${json.secret.salts[0]}=`)],
    ['secret.fileKey', (json: Json) => (json.secret.fileKey = null)],
    ['hints[1].host', (json: Json) => json.hints.push(json.hints[0])],
    ['hints[0].record', (json: Json) => (json.hints[0].record = 'A'.repeat(1000))],
    ['hints', (json: Json) => (json.hints = new Array(1025).fill(json.hints[0]))],
    ['roster', (json: Json) => (json.roster = '')],
    ['roster', (json: Json) => (json.roster = '*')],
    ['access', (json: Json) => delete json.access],
    ['v', (json: Json) => (json.v = 0)],
    ['v', (json: Json) => (json.v = '1')],
  ])('refuses a manifest that lies about %s, naming it in one line', (field, change) => {
    const result = changed(change);
    expect(result).toMatchObject({ ok: false, reason: 'BAT_E_MANIFEST_MALFORMED' });
    const detail = result.ok ? '' : (result.detail ?? '');
    expect(detail.startsWith(`${field}:`)).toBe(true);
    expect(detail).toMatch(/^[ -~]{1,200}$/);
  });

  it('names a later version before it judges the rest', () => {
    expect(parseJson({ v: 2, other: [] })).toMatchObject({ reason: 'BAT_E_MANIFEST_UNSUPPORTED', detail: 'v: 2, we know 1' });
    for (const text of ['null', '[]', '7', '"x"', '{}', '']) expect(parseJson(text)).toMatchObject({ reason: 'BAT_E_MANIFEST_MALFORMED' });
  });
});

describe('any bytes at all', () => {
  it('are answered with a value or a reason, never thrown at', () => {
    const good = encodeManifest(makeManifest());
    const cut = fc.nat({ max: good.length - 1 }).map((end) => good.subarray(0, end));
    const bent = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })).map(([at, value]) => {
      const bytes = good.slice();
      bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 500 }), cut, bent), (bytes) => {
        const result = parseManifest(verifier, bytes);
        if (!result.ok) expect(result.reason).toMatch(/^BAT_E_MANIFEST_/);
      }),
      { numRuns: 400 },
    );
    const { rosterBytes } = makeManifest();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: rosterBytes.length - 1 }), (noise, at) => {
        expect(decodeRoster(noise).ok).toBe(false);
        const mixed = rosterBytes.slice();
        mixed.set(noise.subarray(0, mixed.length - at), at);
        const result = decodeRoster(mixed);
        if (result.ok) expect(equalBytes(encodeRoster(result.value), mixed)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});
