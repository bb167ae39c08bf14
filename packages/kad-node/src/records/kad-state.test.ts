import { type CborValue, encodeCbor, hour, type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { RECORD_BYTES_MAX, STATE_PART_BYTES_MAX, STATE_ROWS_MAX } from '../limits.ts';
import { decodeStatePart, encodeState, encodeStatePart, type KadState } from './kad-state.ts';
import { MemoryKadStateStore } from './memory-kad-state-store.ts';

const id = (n: number): NodeId => sha256(uintBytes(n, 8)) as NodeId;

const STATE: KadState = {
  head: { nodeId: id(0), savedMs: 1_700_000_000_000, contactSequence: 12 },
  peers: [{ nodeId: id(1), address: { host: '192.0.2.7', port: 4870 }, seenMs: 5 }],
  own: [
    {
      kind: 'provider',
      key: id(2),
      sequence: 9,
      payload: null,
      name: new Uint8Array(),
      isWithdrawn: false,
      lifetimeMs: 3 * hour,
      publishedAgoMs: null,
    },
  ],
  records: Array.from({ length: 600 }, (_, n) => ({
    kind: 'immutable' as const,
    ageMs: n,
    publisher: id(3),
    hasGrant: false,
    bytes: new Uint8Array(100),
  })),
};

describe('saved state', () => {
  it('BN-49 comes back as it was saved, in parts that are quickly coded', async () => {
    const store = new MemoryKadStateStore();
    await store.save(encodeState(STATE));
    const parts: Uint8Array[] = [];
    for await (const part of store.load()) parts.push(part);
    const decoded = parts.map((part) => {
      expect(part.length).toBeLessThanOrEqual(STATE_PART_BYTES_MAX);
      const result = decodeStatePart(part);
      if (!result.ok) throw new Error(result.reason);
      return result.value;
    });
    expect(decoded.map((part) => part.type)).toEqual(['head', 'peers', 'own', 'records', 'records', 'records']);
    expect(decoded[0]).toEqual({ type: 'head', head: STATE.head });
    expect(decoded[1]).toEqual({ type: 'peers', peers: STATE.peers });
    expect(decoded[2]).toEqual({ type: 'own', own: STATE.own });
    expect(decoded.flatMap((part) => (part.type === 'records' ? part.records : []))).toEqual(STATE.records);
  });

  it('reads the own records of the version before: withdrawals came without a sequence of their own', () => {
    const row = (isWithdrawn: boolean): CborValue => [0, id(2), 9, null, new Uint8Array(), isWithdrawn, null];
    const decoded = decodeStatePart(encodeCbor([1, 2, [row(false), row(true)]]));
    expect(decoded).toMatchObject({ ok: true, value: { type: 'own', own: [{ sequence: 9, lifetimeMs: null }, { sequence: 10 }] } });
  });

  it('keeps a part of the longest rows within its limit', () => {
    const row = { kind: 'mutable' as const, ageMs: 48 * hour, publisher: id(3), hasGrant: true, bytes: new Uint8Array(RECORD_BYTES_MAX) };
    const parts = [...encodeState({ ...STATE, records: Array.from({ length: STATE_ROWS_MAX }, () => row) })];
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(STATE_PART_BYTES_MAX);
    expect(decodeStatePart(parts.at(-1) as Uint8Array).ok).toBe(true);
  });

  it('tells what is wrong with a damaged part instead of throwing', () => {
    const part = encodeStatePart({ type: 'head', head: STATE.head });
    expect(decodeStatePart(part.subarray(0, 20)).ok).toBe(false);
    expect(decodeStatePart(Uint8Array.of(0x83, 9, 0, 0x80))).toMatchObject({ ok: false, reason: 'unsupported-version' });
    expect(decodeStatePart(Uint8Array.of(0x83, 1, 9, 0x80))).toMatchObject({ ok: false, reason: 'malformed' });
    expect(decodeStatePart(Uint8Array.of(0x01)).ok).toBe(false);
    for (let at = 0; at < part.length; at++) {
      const damaged = new Uint8Array(part);
      damaged[at] = (damaged[at] as number) ^ 0xff;
      expect(typeof decodeStatePart(damaged).ok).toBe('boolean');
    }
  });
});
