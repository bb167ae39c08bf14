import { readFileSync } from 'node:fs';
import { createCrypto, fromHex, toHex, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { decodeCapability, encodeCapability } from '../../packages/bat-node/src/manifest/capability-codec.ts';
import { totalBytes } from '../../packages/bat-node/src/manifest/manifest.ts';
import { parseManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { buildTree } from '../../packages/participant/src/values/piece-tree.ts';
import {
  encodeByHash,
  encodeEnvelope,
  envelopeKey,
  openByHash,
  openEnvelope,
  type ValueBody,
} from '../../packages/participant/src/values/value-envelope.ts';
import { kadNameOf } from '../../packages/participant/src/values/value-key.ts';

type BodyVector = Record<string, string | number> & { readonly form: string };

interface ValueVectors {
  readonly names: readonly { readonly key: string; readonly name: string }[];
  readonly envelopes: readonly {
    readonly what: string;
    readonly type: 'json' | 'bytes';
    readonly key: string;
    readonly sequence: number;
    readonly expiresMs: number;
    readonly body: BodyVector;
    readonly bytes: string;
  }[];
  readonly trees: readonly {
    readonly bytes: number;
    readonly pieceBytes: number;
    readonly root: string;
    readonly levels: readonly number[];
    readonly indexes: readonly string[];
  }[];
  readonly byHash: readonly { readonly what: string; readonly body: BodyVector; readonly record: string; readonly key: string }[];
  readonly capability: { readonly bytes: string };
}

const readVectors = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../docs/spec/vectors/${name}`, import.meta.url), 'utf8')) as T;
const vectors = readVectors<ValueVectors>('values.json');
const bytes = (hex: string): Uint8Array => fromHex(hex) as Uint8Array;

/** The formula that the vector file states. */
function data(length: number): Uint8Array {
  let x = 1;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

/** Texts of the vector's body are bytes in hex. */
function bodyOf(vector: BodyVector): ValueBody {
  const fields = Object.entries(vector).map(([name, value]) => [name, typeof value === 'string' && name !== 'form' ? bytes(value) : value]);
  return Object.fromEntries(fields) as ValueBody;
}

describe('vectors of values by key', () => {
  it('names in the hash table are those of the spec', () => {
    for (const { key, name } of vectors.names) expect(kadNameOf(key)).toBe(name);
  });

  it('envelopes are written and read to the byte', () => {
    for (const { what, bytes: hex, body, key, type, sequence, expiresMs } of vectors.envelopes) {
      const envelope = { type, key: envelopeKey(key), sequence, expiresMs, body: bodyOf(body) };
      expect(toHex(encodeEnvelope(envelope)), what).toBe(hex);
      expect(openEnvelope(bytes(hex), key), what).toEqual({ ok: true, value: envelope });
    }
  });

  it('trees of pieces have the same levels, index pieces and root', () => {
    for (const { bytes: length, pieceBytes, root, levels, indexes } of vectors.trees) {
      const built = buildTree(data(length), pieceBytes);
      if (!built.ok) throw new Error(built.reason);
      expect(toHex(built.value.root)).toBe(root);
      expect(built.value.shape.levels).toEqual(levels);
      const { pieces } = built.value;
      expect(pieces.slice(pieces.length - indexes.length).map((piece) => toHex(piece.bytes))).toEqual(indexes);
      expect(toHex(pieces[0]?.bytes ?? data(0))).toBe(toHex(data(length).slice(0, pieceBytes)));
    }
  });

  it('records by hash are those of the spec', () => {
    for (const { what, body, record } of vectors.byHash) {
      expect(toHex(encodeByHash(bodyOf(body))), what).toBe(record);
      expect(openByHash(bytes(record)), what).toMatchObject({ ok: true, value: { body: bodyOf(body) } });
    }
  });

  it('the read capability of the manifest vector is the same, and opens to that manifest', () => {
    const { verifier } = createCrypto();
    const parsed = parseManifest(verifier, utf8Bytes(readVectors<{ manifest: string }>('manifest.json').manifest));
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(encodeCapability(parsed.value)).toMatchObject({ ok: false, reason: 'several-files' });
    const { entries } = parsed.value.secret;
    const whole = { ...(entries[0] as (typeof entries)[number]), bytes: totalBytes(entries) };
    const encoded = encodeCapability({ ...parsed.value, secret: { ...parsed.value.secret, entries: [whole] } });
    expect(encoded.ok && toHex(encoded.value)).toBe(vectors.capability.bytes);
    const decoded = decodeCapability(verifier, bytes(vectors.capability.bytes));
    if (!decoded.ok) throw new Error(decoded.detail);
    const { secret, rosterId, accessSeed } = decoded.value;
    expect([rosterId, accessSeed, secret.fileKey]).toEqual([parsed.value.rosterId, parsed.value.accessSeed, parsed.value.secret.fileKey]);
    expect(secret.entries[0]?.sha256).toEqual(parsed.value.secret.entries[0]?.sha256);
  });

  it('a capability that was altered in any byte opens to nothing, or to the same file', () => {
    const { verifier } = createCrypto();
    const whole = bytes(vectors.capability.bytes);
    const right = decodeCapability(verifier, whole);
    if (!right.ok) throw new Error(right.detail);
    for (let at = 0; at < whole.length; at += 3) {
      const bent = whole.slice();
      bent[at] = (bent[at] as number) ^ 1;
      const decoded = decodeCapability(verifier, bent);
      if (decoded.ok)
        expect(toHex(decoded.value.rosterId)).toBe(toHex((decodeCapability(verifier, whole) as typeof decoded).value.rosterId));
      expect(decodeCapability(verifier, whole.subarray(0, at)).ok).toBe(false);
    }
  });
});
