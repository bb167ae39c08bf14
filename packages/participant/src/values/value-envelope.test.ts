// Envelopes: what is written is read again, and nothing else is.
import { compareBytes, concatBytes, encodeCbor, sha256, utf8Bytes, VALUE_BYTES_MAX } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bodyBytes,
  decodeEnvelope,
  encodeByHash,
  encodeEnvelope,
  envelopeKey,
  fitsRecord,
  openByHash,
  openEnvelope,
  type ValueBody,
  type ValueEnvelope,
} from './value-envelope.ts';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const body: fc.Arbitrary<ValueBody> = fc.oneof(
  fc.record({ form: fc.constant('inline' as const), data: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({
    form: fc.constant('pieces' as const),
    bytes: fc.integer({ min: 1, max: 65_536 }),
    pieceBytes: fc.integer({ min: 64, max: 896 }),
    root: hash,
  }),
  fc.record({ form: fc.constant('file' as const), bytes: fc.nat(), capability: fc.uint8Array({ minLength: 1, maxLength: 500 }) }),
  fc.record({
    form: fc.constant('file-in-pieces' as const),
    bytes: fc.nat(),
    capabilityBytes: fc.integer({ min: 1, max: 524_288 }),
    root: hash,
  }),
);
const envelope: fc.Arbitrary<ValueEnvelope> = fc.record({
  type: fc.constantFrom('json' as const, 'bytes' as const),
  key: fc.string({ maxLength: 40, unit: 'grapheme' }).map(envelopeKey),
  sequence: fc.maxSafeNat(),
  expiresMs: fc.maxSafeNat(),
  body,
});

describe('the envelope of a value', () => {
  it('SH-10 comes back as it was written', () => {
    fc.assert(
      fc.property(envelope, (value) => {
        const bytes = encodeEnvelope(value);
        const decoded = decodeEnvelope(bytes);
        if (bytes.length <= VALUE_BYTES_MAX) expect(decoded).toEqual({ ok: true, value });
        else expect(decoded.ok).toBe(false);
      }),
    );
  });

  it('refuses bent bytes, or reads them as what would be written so; it never throws', () => {
    fc.assert(
      fc.property(envelope, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, at, byte) => {
        const bytes = encodeEnvelope(value);
        bytes[at % bytes.length] = byte;
        const decoded = decodeEnvelope(bytes);
        if (decoded.ok) expect(compareBytes(encodeEnvelope(decoded.value), bytes)).toBe(0);
        else expect(decoded.reason.length).toBeGreaterThan(3);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => void decodeEnvelope(bytes)));
  });

  it('refuses lengths that no tree has, other versions, unknown forms and critical extensions, and says which', () => {
    const frame = (parts: { version?: number; body?: readonly unknown[]; extensions?: Map<number, Uint8Array> }): Uint8Array =>
      encodeCbor([parts.version ?? 1, 1, 'k', 1, 0, (parts.body ?? [0, Uint8Array.of(1)]) as never, parts.extensions ?? new Map()]);
    expect(decodeEnvelope(frame({})).ok).toBe(true);
    const reasonOf = (bytes: Uint8Array): string => {
      const decoded = decodeEnvelope(bytes);
      return decoded.ok ? 'read' : decoded.reason;
    };
    const root = new Uint8Array(32);
    expect(reasonOf(frame({ version: 2 }))).toContain('version');
    expect(reasonOf(frame({ body: [7, root] }))).toContain('unsupported-version');
    expect(reasonOf(frame({ body: [1, 65_536, 1, root] }))).toContain('pieces of 1 bytes');
    expect(reasonOf(frame({ body: [1, 65_537, 896, root] }))).toContain('bytes');
    expect(reasonOf(frame({ body: [1, 0, 896, root] }))).toContain('bytes');
    expect(reasonOf(frame({ body: [3, 1, 524_289, root] }))).toContain('capabilityBytes');
    expect(reasonOf(frame({ extensions: new Map([[2, root]]) }))).toContain('unsupported-extension');
    expect(reasonOf(frame({ extensions: new Map([[3, root]]) }))).toBe('read');
  });

  it('counts for its own key only, whether that stands in it whole or as its hash', () => {
    for (const key of ['a', 'x'.repeat(128), 'x'.repeat(129), 'ü'.repeat(512)]) {
      const bytes = encodeEnvelope({
        type: 'json',
        key: envelopeKey(key),
        sequence: 5,
        expiresMs: 0,
        body: { form: 'inline', data: utf8Bytes('1') },
      });
      expect(fitsRecord(bytes)).toBe(true);
      expect(openEnvelope(bytes, key).ok).toBe(true);
      expect(openEnvelope(bytes, `${key.slice(0, -1)}y`)).toMatchObject({ ok: false, reason: 'it names another key' });
    }
  });

  it('DF-15 bytes by their hash lie as they are where they fit, and can not pretend to be an envelope', () => {
    const inline = (data: Uint8Array): ValueBody => ({ form: 'inline', data });
    const plain = utf8Bytes('some bytes');
    expect(encodeByHash(inline(plain))).toEqual(plain);
    const tagged = encodeByHash({ form: 'pieces', bytes: 5000, pieceBytes: 256, root: sha256(plain) });
    expect(openByHash(tagged)).toMatchObject({ ok: true, value: { body: { form: 'pieces', bytes: 5000 } } });
    // Who stores the bytes of a root as a value gets these bytes back, not what they point to.
    const wrapped = encodeByHash(inline(tagged));
    expect(wrapped).not.toEqual(tagged);
    expect(openByHash(wrapped)).toMatchObject({ ok: true, value: { body: { form: 'inline', data: tagged } } });
    expect(openByHash(concatBytes(tagged, Uint8Array.of(0))).ok).toBe(false);
    expect(openByHash(encodeByHash(inline(new Uint8Array())))).toMatchObject({ ok: true, value: { body: inline(new Uint8Array()) } });
    expect(bodyBytes(inline(plain))).toBe(10);
  });
});
