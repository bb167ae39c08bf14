// The golden vectors of docs/spec/reach.md: call, answer and both steps of a hand punch, signed with keys from labels.
import { readFileSync } from 'node:fs';
import { createCrypto, type KeyPair, keyPairFromSeed, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { openPunch, type PunchSignal, signPunch } from '../../packages/participant/src/reach/punch-signal.ts';
import { openSignal, type ReachSignal, signSignal } from '../../packages/participant/src/reach/reach-signal.ts';

const FILE = '../../docs/spec/vectors/reach.json';
const draw = (label: string, length = 32): Uint8Array => sha256(utf8Bytes(label)).slice(0, length);
const keys = (label: string): KeyPair => keyPairFromSeed(draw(label));
const [caller, called] = [keys('caller'), keys('called')];
const at = (host: string, port: number) => ({ host, port });
const ice = {
  ufrag: 'Ab1+',
  password: 'abcdefghijklmnopqrstuv',
  fingerprint: draw('certificate'),
  candidates: [
    { kind: 'host' as const, address: at('192.168.1.10', 50_001) },
    { kind: 'reflexive' as const, address: at('203.0.113.7', 50_002) },
  ],
};

const CALL: ReachSignal = {
  kind: 'call',
  callId: draw('call id', 16),
  from: caller.publicKey,
  to: called.nodeId,
  sequence: 1_795_000_000_000,
  nonce: draw('nonce of the caller', 16),
  facts: {
    batAddresses: [at('192.168.1.10', 4880)],
    isBatReachable: false,
    external: at('203.0.113.7', 4870),
    mapping: 'endpoint-independent',
    filtering: 'address-and-port-dependent',
    keepsPorts: true,
    hasUdp: true,
    tcpPort: 40_000,
    ice,
    relays: [{ nodeId: keys('relay').nodeId, bat: at('198.51.100.20', 443) }],
  },
};
const ANSWER: ReachSignal = {
  ...CALL,
  kind: 'answer',
  from: called.publicKey,
  to: caller.nodeId,
  nonce: draw('nonce of the called', 16),
  facts: { ...CALL.facts, batAddresses: [], external: undefined, hasUdp: false, tcpPort: 0, ice: undefined, relays: [] },
};
const FACTS: PunchSignal = {
  callId: CALL.callId,
  from: caller.publicKey,
  to: called.nodeId,
  content: {
    step: 'facts',
    facts: {
      mapping: 'address-and-port-dependent',
      filtering: 'unknown',
      preservesPort: false,
      portDelta: -2,
      observed: [[at('203.0.113.7', 40_001), at('203.0.113.7', 40_002)], []],
    },
  },
};
const CHANNEL: PunchSignal = { ...FACTS, content: { step: 'channel', ice } };

const made: Readonly<Record<string, string>> = {
  call: toHex(signSignal(caller, CALL)),
  answer: toHex(signSignal(called, ANSWER)),
  facts: toHex(signPunch(caller, FACTS)),
  channel: toHex(signPunch(caller, CHANNEL)),
};
const recorded = JSON.parse(readFileSync(new URL(FILE, import.meta.url), 'utf8')) as Readonly<Record<string, string>>;
const bytesOf = (name: string): Uint8Array => Uint8Array.from(Buffer.from(recorded[name] ?? '', 'hex'));
const { verifier } = createCrypto();
const toCalled = { from: caller.nodeId, to: called.nodeId };
const toCaller = { from: called.nodeId, to: caller.nodeId };

describe('the golden vectors of reach', () => {
  it('are what the code makes', () => {
    expect(made).toEqual(recorded);
  });

  it('are read back', () => {
    expect(openSignal(verifier, bytesOf('call'), toCalled)).toEqual({ ok: true, value: CALL });
    expect(openSignal(verifier, bytesOf('answer'), toCaller)).toEqual({ ok: true, value: ANSWER });
    expect(openPunch(verifier, bytesOf('facts'), toCalled)).toEqual({ ok: true, value: FACTS });
    expect(openPunch(verifier, bytesOf('channel'), toCalled)).toEqual({ ok: true, value: CHANNEL });
  });

  it('T8 count for nobody else, and not for something else', () => {
    for (const name of ['facts', 'channel']) {
      expect(openPunch(verifier, bytesOf(name), toCaller)).toMatchObject({ reason: 'wrong-identity' });
      expect(openSignal(verifier, bytesOf(name), toCalled)).toMatchObject({ reason: 'malformed' });
      const bent = bytesOf(name);
      bent[bent.length - 1] = (bent.at(-1) as number) ^ 1;
      expect(openPunch(verifier, bent, toCalled)).toMatchObject({ reason: 'bad-signature' });
    }
    expect(openPunch(verifier, bytesOf('call'), toCalled)).toMatchObject({ reason: 'malformed' });
  });
});
