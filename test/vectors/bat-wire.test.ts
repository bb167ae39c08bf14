// The golden vectors of docs/spec/bat-wire.md. Everything in them follows from labels: 32 bytes are SHA-256(label), shorter ones its beginning.
import { readFileSync } from 'node:fs';
import {
  type Address,
  concatBytes,
  createCrypto,
  keyPairFromSeed,
  makeAddress,
  NO_EXTENSIONS,
  type NodeId,
  present,
  sha256,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { certificateDer } from '../../packages/bat-node/src/connection/certificate.ts';
import {
  decodeFrame,
  encodeCredit,
  encodeGoaway,
  encodePing,
  encodeReset,
  frameHead,
} from '../../packages/bat-node/src/connection/session-frames.ts';
import type { FileId, ShardId } from '../../packages/bat-node/src/ids.ts';
import { signAccessProof } from '../../packages/bat-node/src/manifest/access-proof.ts';
import { decodeTunnelled, encodeTunnelled, type TunnelledDatagram } from '../../packages/bat-node/src/tunnel/tunnel-frame.ts';
import { batAnswerCodec, batRequestCodec } from '../../packages/bat-node/src/wire/frame-codecs.ts';
import type { BatAnswer, BatRequest, NotHeldStatement, StorageReceipt } from '../../packages/bat-node/src/wire/frames.ts';
import { helloCodec, judgeHello, networkProof } from '../../packages/bat-node/src/wire/hello.ts';
import { openReceipt, openStatement, signReceipt, signStatement } from '../../packages/bat-node/src/wire/receipt.ts';

const FILE = '../../docs/spec/vectors/bat-wire.json';

const draw = (label: string, length = 32): Uint8Array => sha256(utf8Bytes(label)).slice(0, length);
const address = (host: string, port: number): Address => present(makeAddress(host, port), host);

/** Values as JSON has them: bytes as hex, maps as lists. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Map) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

const host = keyPairFromSeed(draw('host seed'));
const owner = keyPairFromSeed(draw('owner seed'));
const accessSeed = draw('access seed');
const accessKey = keyPairFromSeed(accessSeed).publicKey;
const binding = draw('binding');
const fileId = draw('file id') as FileId;
const shardId = draw('shard id') as ShardId;
const leaseId = draw('lease id', 16);
const proof = signAccessProof(accessSeed, { fileId, binding, prover: owner.nodeId, host: host.nodeId });
const held = { segment: 4095, index: 255, shardId, length: 16_448, isDamaged: false };

const REQUESTS: readonly BatRequest[] = [
  {
    verb: 'store',
    order: {
      fileId,
      segment: 3,
      index: 7,
      ownerKey: owner.publicKey,
      fileNonce: draw('nonce'),
      accessKey,
      leaseId,
      shardId,
      length: 16_448,
    },
    leafHashes: [draw('leaf 0'), draw('leaf 1')],
  },
  { verb: 'commit', fileId, rosterId: draw('roster id'), rosterBytes: 1000 },
  { verb: 'fetch', fileId, proof, segment: 3, index: 7, offset: 16_384, length: 64 },
  { verb: 'challenge', fileId, proof, leaves: [{ segment: 3, index: 7, leaf: 1 }] },
  { verb: 'have', fileId, proof, after: null },
  { verb: 'have', fileId, proof, after: [3, 7] },
  { verb: 'renew', fileId },
  { verb: 'release', fileId, refs: [[3, 7]] },
  { verb: 'release', fileId, refs: null },
  { verb: 'status', needBytes: 1_073_741_824 },
  { verb: 'relay', circuit: draw('circuit', 16), peer: owner.nodeId },
  { verb: 'kad-tunnel' },
  {
    verb: 'handoff',
    order: {
      fileId,
      segment: 3,
      index: 7,
      ownerKey: owner.publicKey,
      fileNonce: draw('nonce'),
      accessKey,
      leaseId,
      shardId,
      length: 16_448,
    },
    leafHashes: [draw('leaf 0'), draw('leaf 1')],
    rosterId: draw('roster id'),
    rosterBytes: 1000,
    leaseUntilMs: 1_797_592_000_000,
  },
  { verb: 'digest', fileId, proof, segment: 3, index: 7, offset: 100, length: 64 },
];

const ANSWERS: readonly BatAnswer[] = [
  { kind: 'accepted', offset: 16_384 },
  { kind: 'refused', reason: 'no-room', detail: 'the offer is full' },
  { kind: 'refused', reason: 'leaving', detail: '' },
  { kind: 'receipt', receiptBytes: 300 },
  { kind: 'serving', shardBytes: 16_448, offset: 16_384, length: 64, leafHashes: [draw('leaf 0'), draw('leaf 1')] },
  { kind: 'leaf', length: 64, path: [draw('leaf 0')] },
  { kind: 'leaf-missing', statement: draw('statement', 20), signature: concatBytes(draw('r'), draw('s')) },
  { kind: 'held', shards: [held], hasMore: false },
  { kind: 'released', count: 1 },
  { kind: 'status', offerBytes: 10_737_418_240, usedBytes: 16_448, roomBytes: 10_737_401_792, isLeaving: false },
  { kind: 'refused', reason: 'no-counterpart', detail: 'it did not come in time' },
  { kind: 'relay-ready', bytesMax: 1_073_741_824, bytesLeftToday: 21_474_836_480, msMax: 14_400_000 },
  { kind: 'relay-open' },
  { kind: 'tunnel-open', address: address('203.0.113.1', 40_000) },
  { kind: 'roster-wanted' },
  { kind: 'moved', host: host.nodeId },
  { kind: 'moved-places', hosts: [host.nodeId], places: [[3, 7, 0]] },
  { kind: 'digest', sha256: draw('bytes of the shard') },
  { kind: 'refused', reason: 'same-segment', detail: '' },
  { kind: 'refused', reason: 'lease-over', detail: '' },
];

const FRAMES: Readonly<Record<string, Uint8Array>> = {
  'a control frame on stream 1, whole': concatBytes(frameHead('control', 1, 3), utf8Bytes('abc')),
  'the first two of five control bytes': concatBytes(frameHead('control', 2, 5), utf8Bytes('ab')),
  'the other three': concatBytes(frameHead('control-more', 2), utf8Bytes('cde')),
  'data on stream 4294967295': concatBytes(frameHead('data', 4_294_967_295), draw('data', 8)),
  'end of stream 1': frameHead('end', 1),
  'reset of stream 1': encodeReset(1, 'too-slow'),
  'credit of 65536 bytes for stream 1': encodeCredit(1, 65_536),
  ping: encodePing('ping', 3_735_928_559),
  pong: encodePing('pong', 3_735_928_559),
  goaway: encodeGoaway('replaced'),
};

const TUNNELLED: readonly TunnelledDatagram[] = [
  { address: address('198.51.100.9', 4870), bytes: Uint8Array.of(0xbc, 3, 1, 2) },
  { address: address('2001:db8::9', 4870), bytes: Uint8Array.of(0xbc, 3) },
];

const networkKey = draw('network key');
const hello = {
  versions: [2, 1],
  proof: networkProof(networkKey, binding, owner.nodeId),
  shardBytesMax: 67_125_248,
  relays: false,
  streamsMax: 32,
  observedAddress: address('203.0.113.1', 4880),
  extensions: NO_EXTENSIONS,
};

const receipt: StorageReceipt = {
  hostKey: host.publicKey,
  ownerKey: owner.publicKey,
  leaseId,
  fileId,
  shards: [held],
  durableSinceMs: 1_795_000_000_000,
  leaseUntilMs: 1_797_592_000_000,
  isCommitted: true,
};
const statement: NotHeldStatement = { hostKey: host.publicKey, fileId, segment: 3, index: 7, state: 'damaged', binding };

const made = plain({
  about: 'Bytes are hex. Every value is SHA-256(label) or its beginning; test/vectors/bat-wire.test.ts names the labels.',
  certificate: { seed: draw('host seed'), der: certificateDer(host) },
  hello: { networkKey, binding, sender: owner.nodeId, value: hello, bytes: helloCodec.encode(hello) },
  frames: Object.entries(FRAMES).map(([what, bytes]) => ({ what, bytes })),
  requests: REQUESTS.map((value) => ({ value, bytes: batRequestCodec.encode(value) })),
  answers: ANSWERS.map((value) => ({ value, bytes: batAnswerCodec.encode(value) })),
  tunnelled: TUNNELLED.map((value) => ({ value, bytes: encodeTunnelled(value) })),
  accessProof: { accessSeed, fileId, binding, prover: owner.nodeId, host: host.nodeId, proof },
  receipt: { hostSeed: draw('host seed'), value: receipt, bytes: signReceipt(host, receipt) },
  statement: { hostSeed: draw('host seed'), value: statement, ...signStatement(host, statement) },
});

interface Coded {
  readonly value: object;
  readonly bytes: string;
}

interface Vectors {
  readonly hello: Coded;
  readonly frames: readonly { readonly what: string; readonly bytes: string }[];
  readonly requests: readonly Coded[];
  readonly answers: readonly Coded[];
  readonly tunnelled: readonly Coded[];
  readonly receipt: Coded;
  readonly statement: { readonly value: object; readonly statement: string; readonly signature: string };
}

const recorded = JSON.parse(readFileSync(new URL(FILE, import.meta.url), 'utf8')) as Vectors;
const hexBytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const { verifier } = createCrypto();

describe('the golden vectors of the bat wire', () => {
  it('are what the code makes', () => {
    expect(made).toEqual(recorded);
  });

  it('BN-06 requests and answers are read back', () => {
    for (const { value, bytes } of recorded.requests) {
      const decoded = batRequestCodec.decode(hexBytes(bytes));
      expect(decoded.ok && plain(decoded.value)).toEqual(value);
    }
    for (const { value, bytes } of recorded.answers) {
      const decoded = batAnswerCodec.decode(hexBytes(bytes));
      expect(decoded.ok && plain(decoded.value)).toEqual(value);
    }
  });

  it('datagrams of a tunnel are read back', () => {
    for (const { value, bytes } of recorded.tunnelled) expect(plain(decodeTunnelled(hexBytes(bytes)))).toEqual(value);
  });

  it('DF-09 frames are read back', () => {
    const types = recorded.frames.map(({ bytes }) => decodeFrame(hexBytes(bytes))?.type);
    expect(types).toEqual(['control', 'control', 'control-more', 'data', 'end', 'reset', 'credit', 'ping', 'pong', 'goaway']);
    expect(decodeFrame(hexBytes(recorded.frames[3]?.bytes ?? ''))).toMatchObject({ streamId: 4_294_967_295, payload: draw('data', 8) });
  });

  it('BD-59 HELLO is good for its network, connection and sender only', () => {
    const facts = { networkKey, binding, sender: owner.nodeId, versions: [1] };
    const bytes = hexBytes(recorded.hello.bytes);
    expect(judgeHello(bytes, facts)).toMatchObject({ ok: true, value: { version: 1 } });
    expect(judgeHello(bytes, { ...facts, networkKey: draw('another network') })).toMatchObject({ reason: 'wrong-network' });
    expect(judgeHello(bytes, { ...facts, binding: draw('another connection') })).toMatchObject({ reason: 'wrong-network' });
    expect(judgeHello(bytes, { ...facts, sender: host.nodeId as NodeId })).toMatchObject({ reason: 'wrong-network' });
    expect(judgeHello(bytes, { ...facts, versions: [3] })).toMatchObject({ reason: 'unsupported-version' });
  });

  it('what a host signed opens, and not when one bit differs', () => {
    const sealed = hexBytes(recorded.receipt.bytes);
    const opened = openReceipt(verifier, sealed);
    expect(opened.ok && plain(opened.value)).toEqual(recorded.receipt.value);
    for (let at = 0; at < sealed.length; at++) {
      const bent = sealed.slice();
      bent[at] = (bent[at] as number) ^ 1;
      expect(openReceipt(verifier, bent).ok).toBe(false);
    }
    const said = openStatement(verifier, hexBytes(recorded.statement.statement), hexBytes(recorded.statement.signature));
    expect(said.ok && plain(said.value)).toEqual(recorded.statement.value);
    expect(openStatement(verifier, hexBytes(recorded.statement.statement), new Uint8Array(64)).ok).toBe(false);
  });
});
