import { createHmac } from 'node:crypto';
import { type Address, DATAGRAM_BYTES_MAX, keyPairFromSeed, makeAddress, present, sha256, toHex, utf8Bytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTACTS_PER_REPLY_MAX, HELLO_BYTES } from '../limits.ts';
import {
  datagramKind,
  decodeChallenge,
  decodeNoSession,
  decodeProbe,
  decodeRefusal,
  echoedSessionId,
  encodeChallenge,
  encodeNoSession,
  encodeProbe,
  encodeRefusal,
  HELLO_REFUSALS,
  highestCommonVersion,
} from './envelope.ts';
import {
  canRideInHello,
  decodeHelloBody,
  decodeHelloPrefix,
  decodeWelcome,
  encodeHello,
  encodeUnsignedWelcome,
  type HelloBody,
  isOfClient,
  isOfNetwork,
  roleExtensions,
  WELCOME_REPLY_BYTES_MAX,
} from './first-exchange.ts';
import { encodeRequest, encodeResponse } from './message-codecs.ts';
import type { KadRequest } from './messages.ts';
import { networkKey } from './network.ts';
import {
  counterOfDatagram,
  openSessionDatagram,
  RESPONSE_BYTES_MAX,
  type SessionDatagram,
  sealSessionDatagram,
  sessionIdOfDatagram,
} from './session-datagram.ts';
import { deriveSessionKeys, endInKeyedHash, endsInKeyedHash, MAC_BYTES, transcriptOf } from './transcript.ts';

const bytes = (label: string, length: number): Uint8Array => sha256(utf8Bytes(label)).subarray(0, length);
const longest: Address = present(makeAddress('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 65535), 'address');
const KEY = networkKey({ name: 'test' });
const keys = keyPairFromSeed(bytes('keys', 32));

const BODY: HelloBody = {
  publicKey: keys.publicKey,
  ephemeralKey: bytes('ephemeral', 32),
  nonce: bytes('nonce', 16),
  to: longest,
  cookie: bytes('cookie', 16),
  transactionId: bytes('transaction', 8),
  request: encodeRequest({ type: 'find-node', target: keys.nodeId, wantsHosts: false, page: 1023 }),
  extensions: new Map(),
};
const PREFIX = { versions: [1], sessionId: bytes('session', 8) };

describe('HELLO', () => {
  it('is 1,200 bytes, whatever it holds, and survives the way through bytes', () => {
    for (const body of [BODY, { ...BODY, cookie: new Uint8Array(0), extensions: new Map([[1, new Uint8Array(700)]]) }]) {
      const hello = encodeHello(KEY, PREFIX, body);
      expect(hello).toHaveLength(HELLO_BYTES);
      const prefix = present(decodeHelloPrefix(hello), 'prefix');
      expect(prefix).toEqual(PREFIX);
      expect(decodeHelloBody(hello, prefix)).toEqual({ ok: true, value: body });
    }
  });

  it('is refused when it is shorter than 1,200 bytes or its padding holds anything', () => {
    const hello = encodeHello(KEY, PREFIX, BODY);
    expect(decodeHelloPrefix(hello.subarray(0, 1199))).toBeUndefined();
    hello[1100] = 1;
    expect(decodeHelloBody(hello, PREFIX)).toMatchObject({ ok: false });
  });

  it('BD-59 belongs to one network: another name or secret has another key', () => {
    const hello = encodeHello(KEY, PREFIX, BODY);
    expect(isOfNetwork(KEY, hello)).toBe(true);
    expect(isOfNetwork(networkKey({ name: 'toast' }), hello)).toBe(false);
    expect(isOfNetwork(networkKey({ name: 'test', secret: utf8Bytes('secret') }), hello)).toBe(false);
  });

  it('shows its versions and session id to versions that cannot read the rest', () => {
    const hello = encodeHello(KEY, { versions: [200, 201, 255], sessionId: PREFIX.sessionId }, BODY);
    expect(decodeHelloPrefix(hello)).toEqual({ versions: [200, 201, 255], sessionId: PREFIX.sessionId });
  });

  it('carries only questions whose answer is no stored value', () => {
    const rides = (request: KadRequest): boolean => canRideInHello(request);
    expect(rides({ type: 'ping' })).toBe(true);
    expect(rides({ type: 'find-node', target: keys.nodeId, wantsHosts: false, page: 0 })).toBe(true);
    expect(rides({ type: 'get-contact', nodeId: null })).toBe(true);
    expect(rides({ type: 'get-contact', nodeId: keys.nodeId })).toBe(false);
    expect(rides({ type: 'find-node', target: keys.nodeId, wantsHosts: true, page: 0 })).toBe(false);
    expect(rides({ type: 'find-value', kind: 'provider', key: keys.nodeId, page: 0 })).toBe(false);
    expect(rides({ type: 'store', kind: 'provider', records: [] })).toBe(false);
  });
});

describe('WELCOME', () => {
  const welcomeWith = (reply: Uint8Array): Uint8Array => {
    const body = {
      publicKey: keys.publicKey,
      ephemeralKey: bytes('e', 32),
      sessionId: bytes('s', 8),
      observed: longest,
      transactionId: bytes('t', 8),
      reply,
      extensions: roleExtensions(true),
    };
    return Uint8Array.of(...encodeUnsignedWelcome(1, PREFIX.sessionId, body), ...new Uint8Array(64));
  };

  it('T6 is never longer than its HELLO, with the longest answer and addresses', () => {
    const welcome = welcomeWith(new Uint8Array(WELCOME_REPLY_BYTES_MAX));
    expect(welcome).toHaveLength(HELLO_BYTES);
    const decoded = decodeWelcome(welcome);
    expect(decoded.ok && isOfClient(decoded.value.body)).toBe(true);
  });

  it('holds 16 contacts with IPv6 addresses', () => {
    const contacts = Array.from({ length: CONTACTS_PER_REPLY_MAX }, () => ({ nodeId: keys.nodeId, address: longest }));
    const reply = encodeResponse({ type: 'nodes', contacts, records: [], pages: 1024 });
    expect(reply.length).toBeLessThanOrEqual(WELCOME_REPLY_BYTES_MAX);
    expect(decodeWelcome(welcomeWith(reply))).toMatchObject({ ok: true, value: { version: 1, body: { reply } } });
    expect(echoedSessionId(welcomeWith(reply))).toEqual(PREFIX.sessionId);
  });
});

describe('short answers outside sessions', () => {
  it('take the highest common version', () => {
    expect(highestCommonVersion([1, 2, 3], [2, 3, 4])).toBe(3);
    expect(highestCommonVersion([1], [2])).toBeUndefined();
  });

  it('T6 a probe is 10 bytes: a nonce and nothing else', () => {
    const nonce = sha256(utf8Bytes('nonce')).slice(0, 8);
    const probe = encodeProbe(nonce);
    expect([probe.length, decodeProbe(probe)]).toEqual([10, nonce]);
    for (const other of [probe.subarray(0, 9), Uint8Array.of(...probe, 0), probe.map((byte, i) => (i === 1 ? 5 : byte))]) {
      expect(decodeProbe(other)).toBeUndefined();
    }
  });

  it('survive the way through bytes and stay below 60 bytes', () => {
    const challenge = encodeChallenge(1, PREFIX.sessionId, { cookie: bytes('cookie', 16), observed: longest, extensions: new Map() });
    expect(decodeChallenge(challenge)).toMatchObject({ ok: true, value: { cookie: bytes('cookie', 16), observed: longest } });
    const refusals = HELLO_REFUSALS.map((reason) => ({ reason, versions: [1, 2, 3, 4, 5, 6, 7, 8] }));
    for (const refusal of refusals) expect(decodeRefusal(encodeRefusal(PREFIX.sessionId, refusal))).toEqual(refusal);
    expect(challenge.length).toBeLessThan(60);
  });
});

describe('session datagrams', () => {
  const datagram: SessionDatagram = {
    sessionId: PREFIX.sessionId,
    counter: 0xffff_fffe,
    role: 'response',
    transactionId: bytes('t', 8),
    proof: Uint8Array.of(...bytes('p', 32), ...bytes('q', 32)),
    acceptsProof: true,
    isClient: false,
    message: encodeResponse({ type: 'pong' }),
  };
  const key = bytes('session key', 32);

  it('survive the way through bytes, with and without a proof', () => {
    for (const each of [datagram, { ...datagram, proof: undefined, role: 'request' as const, acceptsProof: false, isClient: true }]) {
      const sealed = sealSessionDatagram(key, each);
      expect(openSessionDatagram(key, sealed)).toEqual(each);
      expect(counterOfDatagram(sealed)).toBe(each.counter);
      expect(sessionIdOfDatagram(sealed)).toBe(Buffer.from(each.sessionId).toString('hex'));
    }
  });

  it('are not opened with another key, nor with one bit changed anywhere', () => {
    const sealed = sealSessionDatagram(key, datagram);
    expect(openSessionDatagram(bytes('other key', 32), sealed)).toBeUndefined();
    for (let at = 0; at < sealed.length; at++) {
      const bent = sealed.slice();
      bent[at] = (bent[at] as number) ^ 1;
      expect(openSessionDatagram(key, bent)).toBeUndefined();
    }
  });

  it('are refused with unknown flags, even when the keyed hash is right', () => {
    const sealed = sealSessionDatagram(key, { ...datagram, proof: undefined });
    for (const flags of [0b0011, 0b10_0001, 0b1000_0000, 0b0101]) {
      const resealed = sealed.slice();
      resealed[14] = flags;
      endInKeyedHash(key, resealed);
      // 0101 is valid flags, but promises a proof that the datagram is too short for.
      expect(openSessionDatagram(key, resealed)).toBeUndefined();
    }
  });

  it('fill a datagram with the longest answer', () => {
    const sealed = sealSessionDatagram(key, { ...datagram, proof: undefined, message: new Uint8Array(RESPONSE_BYTES_MAX) });
    expect(sealed).toHaveLength(DATAGRAM_BYTES_MAX);
  });

  it('NO_SESSION repeats session id and counter, and is shorter than any session datagram', () => {
    const sealed = sealSessionDatagram(key, { ...datagram, proof: undefined, message: new Uint8Array(0) });
    const answer = encodeNoSession(sealed);
    expect(answer.length).toBeLessThan(sealed.length);
    expect(decodeNoSession(answer)).toEqual({ sessionId: PREFIX.sessionId, counter: datagram.counter });
  });
});

describe('the keyed hash', () => {
  it('is the first half of HMAC-SHA256, for every key up to a block and every length of a datagram', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.uint8Array({ minLength: MAC_BYTES, maxLength: DATAGRAM_BYTES_MAX }),
        (key, datagram) => {
          const body = datagram.subarray(0, -MAC_BYTES);
          const expected = createHmac('sha256', key).update(body).digest().subarray(0, MAC_BYTES);
          endInKeyedHash(key, datagram);
          expect(toHex(datagram.subarray(-MAC_BYTES))).toBe(toHex(expected));
          expect(endsInKeyedHash(key, datagram)).toBe(true);
        },
      ),
    );
  });

  it('is wrong in what is no datagram', () => {
    const key = bytes('key', 32);
    for (const length of [0, MAC_BYTES - 1, DATAGRAM_BYTES_MAX + 1]) expect(endsInKeyedHash(key, new Uint8Array(length))).toBe(false);
    expect(() => endInKeyedHash(key, new Uint8Array(DATAGRAM_BYTES_MAX + MAC_BYTES + 1))).toThrow(RangeError);
    expect(() => endInKeyedHash(new Uint8Array(65), new Uint8Array(100))).toThrow(RangeError);
  });
});

describe('session keys', () => {
  it('differ per direction, and with anything in the transcript', () => {
    const secret = bytes('shared secret', 32);
    const hello = encodeHello(KEY, PREFIX, BODY);
    const transcripts = [
      transcriptOf(KEY, hello, bytes('welcome', 32)),
      transcriptOf(KEY, hello, bytes('other welcome', 32)),
      transcriptOf(networkKey({ name: 'test', secret: utf8Bytes('secret') }), hello, bytes('welcome', 32)),
      transcriptOf(KEY, encodeHello(KEY, PREFIX, { ...BODY, nonce: bytes('n', 16) }), bytes('welcome', 32)),
    ];
    const all = transcripts.flatMap((transcript) => Object.values(deriveSessionKeys(secret, transcript)));
    expect(new Set(all.map((each: Uint8Array) => Buffer.from(each).toString('hex'))).size).toBe(8);
  });
});

describe('DF-07 decoders of datagrams', () => {
  const hello = encodeHello(KEY, PREFIX, BODY);
  const samples = [
    hello,
    encodeChallenge(1, PREFIX.sessionId, { cookie: bytes('cookie', 16), observed: longest, extensions: new Map() }),
    encodeRefusal(PREFIX.sessionId, { reason: 'wrong-network', versions: [1] }),
    encodeNoSession(hello),
    hello.subarray(0, 300),
  ];

  const decodeAll = (input: Uint8Array): void => {
    datagramKind(input);
    const prefix = decodeHelloPrefix(input);
    if (prefix !== undefined) decodeHelloBody(input, prefix);
    decodeWelcome(input);
    decodeChallenge(input);
    decodeRefusal(input);
    decodeNoSession(input);
    echoedSessionId(input);
    if (sessionIdOfDatagram(input) !== undefined) openSessionDatagram(KEY, input);
  };

  it('are total: 100,000 inputs, random and bent, throw nothing', () => {
    const bent = fc
      .tuple(fc.constantFrom(...samples), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(1200))
      .map(([sample, changes, length]) => {
        const result = sample.slice(0, Math.max(1, length));
        for (const [at, value] of changes) result[at % result.length] = value;
        return result;
      });
    const headed = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.uint8Array({ maxLength: 100 }));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), decodeAll), { numRuns: 30_000 });
    fc.assert(
      fc.property(headed, ([kind, rest]) => decodeAll(Uint8Array.of(0xbc, kind, ...rest))),
      { numRuns: 40_000 },
    );
    fc.assert(fc.property(bent, decodeAll), { numRuns: 30_000 });
  }, 30_000);
});
