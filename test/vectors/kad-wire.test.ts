// The golden vectors of docs/spec/kad-wire.md. Everything in them follows from labels: 32 bytes are SHA-256(label), shorter ones its beginning.
import { readFileSync } from 'node:fs';
import {
  type Address,
  createCrypto,
  keyPairFromSeed,
  makeAddress,
  type NodeId,
  present,
  type Random,
  sha256,
  signFor,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import {
  decodeChallenge,
  decodeNoSession,
  decodeProbe,
  decodeRefusal,
  encodeChallenge,
  encodeNoSession,
  encodeProbe,
  encodeRefusal,
} from '../../packages/kad-node/src/wire/envelope.ts';
import {
  decodeHelloBody,
  decodeHelloPrefix,
  decodeWelcome,
  encodeHello,
  encodeUnsignedWelcome,
  isOfNetwork,
} from '../../packages/kad-node/src/wire/first-exchange.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../packages/kad-node/src/wire/message-codecs.ts';
import {
  DIAL_BACK_ANSWERS,
  DIAL_BACK_OUTCOMES,
  type KadRequest,
  type KadResponse,
  PROBE_ANSWERS,
} from '../../packages/kad-node/src/wire/messages.ts';
import { networkKey } from '../../packages/kad-node/src/wire/network.ts';
import { openSessionDatagram, type SessionDatagram, sealSessionDatagram } from '../../packages/kad-node/src/wire/session-datagram.ts';
import { AddressTokens } from '../../packages/kad-node/src/wire/tokens.ts';
import { deriveSessionKeys, transcriptOf } from '../../packages/kad-node/src/wire/transcript.ts';

const FILE = '../../docs/spec/vectors/kad-wire.json';

const draw = (label: string, length = 32): Uint8Array => sha256(utf8Bytes(label)).slice(0, length);
const address = (host: string, port: number): Address => present(makeAddress(host, port), host);
/** Gives the bytes of one label: what a test needs of entropy. */
const entropyOf = (label: string): Random => ({ bytes: (length: number) => draw(label, length) }) as Random;

/** Values as JSON has them: bytes as hex, maps as lists, nothing undefined. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Map) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([name, item]) => [name, plain(item)]));
}

const key = draw('key');
const contacts = [
  { nodeId: draw('contact 1') as NodeId, address: address('192.0.2.1', 4870) },
  { nodeId: draw('contact 2') as NodeId, address: address('2001:db8::2', 65535) },
];
const record = { bytes: draw('record', 24), ageMs: 3_600_000 };

const REQUESTS: readonly KadRequest[] = [
  { type: 'ping' },
  { type: 'find-node', target: key, wantsHosts: false, page: 0 },
  { type: 'find-node', target: key, wantsHosts: true, page: 24 },
  { type: 'find-value', kind: 'provider', key, page: 0 },
  { type: 'find-value', kind: 'contact', key, page: 1 },
  { type: 'find-value', kind: 'immutable', key, page: 2 },
  { type: 'find-value', kind: 'mutable', key, page: 1023 },
  { type: 'store', kind: 'provider', records: [record, { bytes: draw('record 2', 8), ageMs: 0 }] },
  { type: 'get-contact', nodeId: null },
  { type: 'get-contact', nodeId: draw('node') as NodeId },
  { type: 'introduce', target: draw('target') as NodeId, signal: draw('signal', 24) },
  { type: 'signal', from: draw('asker') as NodeId, address: address('203.0.113.1', 4870), signal: draw('signal', 24) },
  { type: 'dial-back', kind: 'udp', port: 0, nonce: draw('nonce', 8) },
  { type: 'dial-back', kind: 'udp-other', port: 0, nonce: draw('nonce', 8) },
  { type: 'dial-back', kind: 'bat', port: 4880, nonce: draw('nonce', 8) },
  { type: 'probe', address: address('203.0.113.1', 4870), nonce: draw('nonce', 8) },
  ...DIAL_BACK_OUTCOMES.map((outcome) => ({ type: 'dial-back-result' as const, nonce: draw('nonce', 8), outcome, port: 0, address: null })),
  { type: 'dial-back-result', nonce: draw('nonce', 8), outcome: 'done', port: 50_000, address: address('203.0.113.1', 4870) },
  { type: 'dial-back-result', nonce: draw('nonce', 8), outcome: 'sent', port: 0, address: address('2001:db8::2', 65535) },
  { type: 'digest', kind: 'immutable', key, offset: 0, length: null },
  { type: 'digest', kind: 'mutable', key, offset: 16, length: 880 },
];
const RESPONSES: readonly KadResponse[] = [
  { type: 'error', code: 'malformed', detail: '' },
  { type: 'error', code: 'unsupported-verb', detail: 'verb 6' },
  { type: 'error', code: 'unsupported-extension', detail: '' },
  { type: 'error', code: 'rate-limited', detail: '' },
  { type: 'error', code: 'not-proved', detail: '' },
  { type: 'error', code: 'internal', detail: '' },
  { type: 'pong' },
  { type: 'nodes', contacts, records: [], pages: 1 },
  { type: 'nodes', contacts: [], records: [record], pages: 1024 },
  { type: 'values', records: [record], holders: [record], contacts, pages: 2 },
  { type: 'stored', outcomes: ['stored', 'malformed', 'bad-signature', 'too-old', 'superseded', 'full', 'not-near'] },
  { type: 'stored', outcomes: ['unsupported-kind', 'not-proved', 'leaving'] },
  { type: 'contact', record: null },
  { type: 'contact', record },
  { type: 'introduced', outcome: 'passed' },
  { type: 'introduced', outcome: 'not-here' },
  { type: 'introduced', outcome: 'busy' },
  { type: 'signal-taken' },
  ...DIAL_BACK_ANSWERS.map((outcome) => ({ type: 'dialling-back' as const, outcome })),
  ...PROBE_ANSWERS.map((outcome) => ({ type: 'probed' as const, outcome })),
  { type: 'result-taken' },
  { type: 'digested', outcome: 'done', digest: draw('digest'), bytes: 896, sequence: 1_798_761_600_000 },
  { type: 'digested', outcome: 'not-held', digest: null, bytes: 0, sequence: 0 },
  { type: 'digested', outcome: 'out-of-range', digest: null, bytes: 896, sequence: 0 },
  { type: 'digested', outcome: 'unsupported-kind', digest: null, bytes: 0, sequence: 0 },
];

function makeFirstExchange(network: { readonly name: string; readonly secret?: Uint8Array }) {
  const crypto = createCrypto();
  const [asker, answerer] = [keyPairFromSeed(draw('asker')), keyPairFromSeed(draw('answerer'))];
  const askerEphemeral = crypto.agreement.generate(entropyOf('asker ephemeral'));
  const answererEphemeral = crypto.agreement.generate(entropyOf('answerer ephemeral'));
  const netKey = networkKey(network);
  const askerSessionId = draw('asker session id', 8);
  const transactionId = draw('transaction id', 8);
  const hello = encodeHello(
    netKey,
    { versions: [1], sessionId: askerSessionId },
    {
      publicKey: asker.publicKey,
      ephemeralKey: askerEphemeral.publicKey,
      nonce: draw('nonce', 16),
      to: address('198.51.100.2', 4870),
      cookie: draw('cookie', 16),
      transactionId,
      request: encodeRequest({ type: 'ping' }),
      extensions: new Map(),
    },
  );
  const unsigned = encodeUnsignedWelcome(1, askerSessionId, {
    publicKey: answerer.publicKey,
    ephemeralKey: answererEphemeral.publicKey,
    sessionId: draw('answerer session id', 8),
    observed: address('203.0.113.1', 4870),
    transactionId,
    reply: encodeResponse({ type: 'pong' }),
    extensions: new Map(),
  });
  const transcript = transcriptOf(netKey, hello, unsigned);
  const welcome = Uint8Array.of(...unsigned, ...signFor(answerer, 'kad-welcome', transcript));
  const sharedSecret = present(askerEphemeral.agree(answererEphemeral.publicKey), 'secret');
  const sessionKeys = deriveSessionKeys(sharedSecret, transcript);
  const proof = signFor(asker, 'kad-hello', transcript);
  return { network, networkKey: netKey, hello, welcome, sharedSecret, transcript, sessionKeys, proof };
}

const exchanges = [
  makeFirstExchange({ name: 'batchain' }),
  makeFirstExchange({ name: 'batchain', secret: utf8Bytes('sixteen bytes or more') }),
];
const opened = present(exchanges[0], 'exchange');

const SESSION_DATAGRAMS: readonly (SessionDatagram & { readonly direction: 'askerToAnswerer' | 'answererToAsker' })[] = [
  {
    direction: 'askerToAnswerer',
    sessionId: draw('answerer session id', 8),
    counter: 0,
    role: 'introduction',
    transactionId: draw('transaction 0', 8),
    proof: opened.proof,
    acceptsProof: false,
    isClient: false,
    message: new Uint8Array(0),
  },
  {
    direction: 'askerToAnswerer',
    sessionId: draw('answerer session id', 8),
    counter: 1,
    role: 'request',
    transactionId: draw('transaction 1', 8),
    proof: opened.proof,
    acceptsProof: false,
    isClient: true,
    message: encodeRequest({ type: 'find-value', kind: 'provider', key, page: 0 }),
  },
  {
    direction: 'answererToAsker',
    sessionId: draw('asker session id', 8),
    counter: 0,
    role: 'response',
    transactionId: draw('transaction 1', 8),
    proof: undefined,
    acceptsProof: true,
    isClient: false,
    message: encodeResponse({ type: 'values', records: [record], holders: [], contacts, pages: 1 }),
  },
];

const challenge = { cookie: draw('cookie', 16), observed: address('203.0.113.1', 4870), extensions: new Map<number, Uint8Array>() };
const refusals = (['unsupported-version', 'wrong-network', 'own-key'] as const).map((reason) => ({ reason, versions: [1] }));
const sealed = SESSION_DATAGRAMS.map(({ direction, ...datagram }) => sealSessionDatagram(opened.sessionKeys[direction], datagram));

const made = plain({
  about: 'Bytes are hex. Every value is SHA-256(label) or its beginning; test/vectors/kad-wire.test.ts names the labels.',
  requests: REQUESTS.map((value) => ({ value, bytes: encodeRequest(value) })),
  responses: RESPONSES.map((value) => ({ value, bytes: encodeResponse(value) })),
  firstExchanges: exchanges,
  challenge: { value: challenge, bytes: encodeChallenge(1, draw('asker session id', 8), challenge) },
  refusals: refusals.map((value) => ({ value, bytes: encodeRefusal(draw('asker session id', 8), value) })),
  sessionDatagrams: SESSION_DATAGRAMS.map((value, i) => ({ value, bytes: sealed[i] })),
  noSession: encodeNoSession(present(sealed[1], 'datagram')),
  probe: encodeProbe(draw('nonce', 8)),
  token: new AddressTokens(entropyOf('token secret')).make(address('203.0.113.1', 4870), draw('asker id') as NodeId, 0),
});

interface Vectors {
  readonly requests: readonly { readonly value: object; readonly bytes: string }[];
  readonly responses: readonly { readonly value: object; readonly bytes: string }[];
  readonly firstExchanges: readonly { readonly networkKey: string; readonly hello: string; readonly welcome: string }[];
  readonly challenge: { readonly value: object; readonly bytes: string };
  readonly refusals: readonly { readonly value: object; readonly bytes: string }[];
  readonly sessionDatagrams: readonly { readonly value: { readonly direction: string }; readonly bytes: string }[];
  readonly noSession: string;
  readonly probe: string;
}

const recorded = JSON.parse(readFileSync(new URL(FILE, import.meta.url), 'utf8')) as Vectors;
const hexBytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

describe('the golden vectors of the Kad wire', () => {
  it('are what the code makes', () => {
    expect(made).toEqual(recorded);
  });

  it('DF-03 DF-04 requests are read back', () => {
    for (const { value, bytes } of recorded.requests) {
      const decoded = decodeRequest(hexBytes(bytes));
      expect(decoded.ok && plain(decoded.value)).toEqual(value);
    }
  });

  it('DF-06 answers are read back', () => {
    for (const { value, bytes } of recorded.responses) {
      const decoded = decodeResponse(hexBytes(bytes));
      expect(decoded.ok && plain(decoded.value)).toEqual(value);
    }
  });

  it('BD-59 first exchanges are read back, each in its own network only', () => {
    const keys = recorded.firstExchanges.map((exchange) => hexBytes(exchange.networkKey));
    recorded.firstExchanges.forEach((exchange, i) => {
      const hello = hexBytes(exchange.hello);
      expect(keys.map((each) => isOfNetwork(each, hello))).toEqual(keys.map((_, j) => i === j));
      const body = decodeHelloBody(hello, present(decodeHelloPrefix(hello), 'prefix'));
      expect(body).toMatchObject({ ok: true, value: { to: { host: '198.51.100.2', port: 4870 } } });
      expect(decodeWelcome(hexBytes(exchange.welcome))).toMatchObject({ ok: true, value: { body: { observed: { host: '203.0.113.1' } } } });
    });
  });

  it('the other datagrams are read back', () => {
    const decoded = decodeChallenge(hexBytes(recorded.challenge.bytes));
    expect(decoded.ok && plain(decoded.value)).toEqual(recorded.challenge.value);
    for (const { value, bytes } of recorded.refusals) expect(decodeRefusal(hexBytes(bytes))).toEqual(value);
    for (const { value, bytes } of recorded.sessionDatagrams) {
      const { direction, ...datagram } = value;
      const sessionKey = direction === 'askerToAnswerer' ? opened.sessionKeys.askerToAnswerer : opened.sessionKeys.answererToAsker;
      expect(plain(openSessionDatagram(sessionKey, hexBytes(bytes)))).toEqual(datagram);
    }
    expect(decodeNoSession(hexBytes(recorded.noSession))).toMatchObject({ counter: 1 });
    expect(decodeProbe(hexBytes(recorded.probe))).toEqual(draw('nonce', 8));
  });
});
