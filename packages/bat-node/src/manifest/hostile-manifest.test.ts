import { createCrypto, fromHex, KiB, keyPairFromSeed, MiB, sha256, toBase64Url, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import type { ShardId } from '../ids.ts';
import { ENTRIES_MAX, MANIFEST_BYTES_MAX } from '../limits.ts';
import { segmentPlainBytes, shardLength } from '../pipeline/segment-layout.ts';
import type { ManifestEntry } from './manifest.ts';
import { ManifestBuilder } from './manifest-builder.ts';
import { encodeManifest, parseManifest } from './manifest-codec.ts';

const { verifier } = createCrypto();
const bytes32 = new Uint8Array(32).fill(7);

/** A valid manifest of so many segments of 1 KiB, shards and entries. */
function manifestOf(segments: number, totalShards: number, entryCount: number): Uint8Array {
  const scheme = { requiredShards: 20, totalShards };
  const keys = { fileNonce: bytes32, fileKey: bytes32, accessSeed: bytes32 };
  const builder = new ManifestBuilder(keyPairFromSeed(bytes32), { keys, scheme, segmentSizeBytes: KiB });
  const total = segments * KiB;
  for (let i = 0; i < segments; i++) {
    const shardIds = Array.from({ length: totalShards }, () => bytes32 as ShardId);
    builder.addSegment(i, { salt: sha256(utf8Bytes(`${i}`)), shardLength: shardLength(segmentPlainBytes(total, KiB, i), 20), shardIds });
  }
  const entries: ManifestEntry[] = Array.from({ length: entryCount }, (_, i) => {
    const isLast = i === entryCount - 1;
    return { path: `folder/file ü ${i}.txt`, bytes: isLast ? total - (entryCount - 1) : 1, mode: 0o644, offset: i, sha256: bytes32 };
  });
  return encodeManifest(builder.build(builder.signRoster(), entries, []));
}

const small = JSON.parse(Buffer.from(manifestOf(2, 24, 1)).toString('utf8')) as Record<string, unknown>;
const withRoster = (roster: Uint8Array): Uint8Array => utf8Bytes(JSON.stringify({ ...small, roster: toBase64Url(roster) }));
const filled = (text: string): Uint8Array => utf8Bytes(text.repeat(Math.floor(MANIFEST_BYTES_MAX / text.length)));
const rosterBytes = 11 * MiB;

const HOSTILE: Readonly<Record<string, () => Uint8Array>> = {
  '10 MB of [': () => new Uint8Array(10_000_000).fill(0x5b),
  '16 MiB of ]': () => filled(']'),
  '16 MiB of spaces': () => filled(' '),
  '16 MiB of quotes': () => filled('"'),
  '16 MiB of backslashes': () => filled('\\'),
  '16 MiB of one number': () => filled('1'),
  '8 million numbers': () => filled('0,'),
  'an object of a million keys': () => utf8Bytes(`{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":1`).join(',')}}`),
  'as many ignorable members as the scan lets pass': () =>
    utf8Bytes(`{"v":1,${Array.from({ length: 60_000 }, (_, i) => `"x-${i}":{}`).join(',')}}`),
  'a text of 16 MiB': () => utf8Bytes(`{"v":1,"roster":"${'A'.repeat(MANIFEST_BYTES_MAX - 30)}"}`),
  'a text of 16 MiB beside a wide character': () => utf8Bytes(`{"v":1,"x-":"€","roster":"${'A'.repeat(MANIFEST_BYTES_MAX - 50)}"}`),
  'a text of escapes': () => utf8Bytes(`{"v":1,"x-":"${'\\u0041'.repeat(2_700_000)}"}`),
  'a roster of 11 million zeros': () => withRoster(new Uint8Array(rosterBytes)),
  'a roster of 11 million nested lists': () => withRoster(new Uint8Array(rosterBytes).fill(0x81)),
  'a roster of one list of 11 million numbers': () => {
    const roster = new Uint8Array(rosterBytes);
    roster[0] = 0x9a;
    new DataView(roster.buffer).setUint32(1, rosterBytes - 5);
    return withRoster(roster);
  },
  'a roster that claims 2^48 items': () => withRoster(fromHex('9b0000ffffffffffff') as Uint8Array),
  'a roster that claims 2^48 pairs': () => withRoster(fromHex('bb0000ffffffffffff') as Uint8Array),
  'a roster that claims 2^63 bytes': () => withRoster(fromHex('5b7fffffffffffffff') as Uint8Array),
  'a byte more than 16 MiB': () => new Uint8Array(MANIFEST_BYTES_MAX + 1).fill(0x20),
};

/** Parses three times and takes the best, in processor time, because others use the machine too. */
function measure(input: Uint8Array) {
  const attempts = [0, 1, 2].map(() => {
    const before = process.memoryUsage();
    const startedAt = process.cpuUsage();
    const result = parseManifest(verifier, input);
    const used = process.cpuUsage(startedAt);
    const ms = (used.user + used.system) / 1000;
    const after = process.memoryUsage();
    return { result, ms, heldBytes: after.heapUsed + after.external - before.heapUsed - before.external };
  });
  const { result } = attempts[0] as (typeof attempts)[0];
  return {
    isOk: result.ok,
    reason: result.ok ? '' : result.reason,
    ms: Math.min(...attempts.map((attempt) => attempt.ms)),
    heldBytes: Math.min(...attempts.map((attempt) => attempt.heldBytes)),
  };
}

describe('hostile manifests, list of twenty, 4', () => {
  it.each(Object.keys(HOSTILE))(
    '%s: refused within 200 ms and 64 MiB',
    (name) => {
      const input = (HOSTILE[name] as () => Uint8Array)();
      const { reason, ms, heldBytes } = measure(input);
      expect(reason).toBe('BAT_E_MANIFEST_MALFORMED');
      expect(ms).toBeLessThan(200);
      expect(heldBytes).toBeLessThan(64 * MiB);
    },
    30_000,
  );

  it.each(['{"v":1,"v":1}', '{"v":1,"x-a":{"b":1,"b":2}}', '{"v":1,"x-a":[{"b":1,"\\u0062":2}]}'])(
    'refuses a key that stands twice: %s',
    (text) => {
      expect(parseManifest(verifier, utf8Bytes(text))).toMatchObject({ ok: false, detail: 'manifest: a field stands twice' });
    },
  );

  it.each(['__proto__', 'constructor', 'prototype', '\\u005f_proto__'])(
    'refuses the key %s anywhere, and leaves prototypes clean',
    (key) => {
      for (const text of [`{"v":1,"${key}":{"polluted":1}}`, `{"v":1,"x-a":[{"${key}":{"polluted":1}}]}`]) {
        expect(parseManifest(verifier, utf8Bytes(text))).toMatchObject({
          ok: false,
          detail: 'manifest: a field name that is never allowed',
        });
      }
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );
});

describe('hostile manifests, list of twenty, 5', () => {
  it('has no key derivation to be asked for: such a field is refused unread', () => {
    for (const kdf of [{ memory: 2 ** 34 }, { rounds: 2 ** 31 }, 'scrypt']) {
      const { reason, ms } = measure(utf8Bytes(JSON.stringify({ ...small, kdf })));
      expect(reason).toBe('BAT_E_MANIFEST_UNSUPPORTED');
      expect(ms).toBeLessThan(100);
    }
  });
});

describe('the largest manifests that are allowed', () => {
  it('are read in time that a daemon can spare', () => {
    for (const input of [manifestOf(1024, 256, 1), manifestOf(4096, 64, 1000), manifestOf(64, 24, ENTRIES_MAX)]) {
      const { isOk, ms, heldBytes } = measure(input);
      expect(isOk).toBe(true);
      expect(ms).toBeLessThan(1000);
      expect(heldBytes).toBeLessThan(96 * MiB);
    }
  }, 30_000);
});
