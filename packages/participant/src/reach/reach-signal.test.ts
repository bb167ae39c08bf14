import { createCrypto, keyPairFromSeed } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openSignal, type ReachSignal, SIGNAL_BYTES_MAX, signSignal } from './reach-signal.ts';

const { verifier } = createCrypto();
const ana = keyPairFromSeed(new Uint8Array(32).fill(1));
const bo = keyPairFromSeed(new Uint8Array(32).fill(2));
const eve = keyPairFromSeed(new Uint8Array(32).fill(3));
const v6 = (n: number) => ({ host: `2001:db8::${n}`, port: 65_535 });

/** As much as a signal can hold. */
const FULL: ReachSignal = {
  kind: 'call',
  callId: new Uint8Array(16).fill(1),
  from: ana.publicKey,
  to: bo.nodeId,
  sequence: Number.MAX_SAFE_INTEGER,
  nonce: new Uint8Array(16).fill(2),
  facts: {
    batAddresses: [1, 2, 3, 4].map(v6),
    isBatReachable: true,
    external: v6(5),
    mapping: 'address-and-port-dependent',
    filtering: 'address-and-port-dependent',
    keepsPorts: true,
    hasUdp: true,
    tcpPort: 65_535,
    ice: {
      ufrag: 'u'.repeat(16),
      password: 'p'.repeat(48),
      fingerprint: new Uint8Array(32).fill(3),
      candidates: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ kind: 'reflexive', address: v6(n) })),
    },
    relays: [1, 2].map((n) => ({ nodeId: keyPairFromSeed(new Uint8Array(32).fill(n + 10)).nodeId, bat: v6(n) })),
  },
};

describe('a signal', () => {
  it('fits a datagram however much it holds, and comes out as it went in', () => {
    const bytes = signSignal(ana, FULL);
    expect(bytes.length).toBeLessThanOrEqual(SIGNAL_BYTES_MAX);
    expect(openSignal(verifier, bytes, { from: ana.nodeId, to: bo.nodeId })).toEqual({ ok: true, value: FULL });
    const bare: ReachSignal = {
      ...FULL,
      kind: 'answer',
      facts: { ...FULL.facts, external: undefined, ice: undefined, tcpPort: 0, batAddresses: [], relays: [] },
    };
    expect(openSignal(verifier, signSignal(ana, bare), { from: ana.nodeId, to: bo.nodeId })).toEqual({ ok: true, value: bare });
  });

  it('T8 is bound to both ids: a broker that passes it on under another name, or to another node, gets nowhere', () => {
    const bytes = signSignal(ana, FULL);
    expect(openSignal(verifier, bytes, { from: eve.nodeId, to: bo.nodeId })).toMatchObject({ reason: 'wrong-identity' });
    expect(openSignal(verifier, bytes, { from: ana.nodeId, to: eve.nodeId })).toMatchObject({ reason: 'wrong-identity' });
    const forged = signSignal(eve, FULL);
    expect(openSignal(verifier, forged, { from: ana.nodeId, to: bo.nodeId })).toMatchObject({ reason: 'bad-signature' });
  });

  it('T8 with one byte changed anywhere is refused', () => {
    const bytes = signSignal(ana, FULL);
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i] = (changed[i] as number) ^ 1;
      expect(openSignal(verifier, changed, { from: ana.nodeId, to: bo.nodeId }).ok, `byte ${i}`).toBe(false);
    }
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
        expect(openSignal(verifier, bytes, { from: ana.nodeId, to: bo.nodeId }).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
