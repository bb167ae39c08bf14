// Hostile inputs 15 to 17 of the threat model, against real nodes on the simulated network.
import {
  type Address,
  createCrypto,
  type KeyPair,
  keyPairFromSeed,
  makeAddress,
  minute,
  present,
  type Signer,
  second,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import {
  createSimRuntime,
  SimDatagramSocket,
  type SimHost,
  SimNetwork,
  type Simulation,
  type TrafficEvent,
} from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { HALF_OPEN_SESSIONS_MAX, SIGNATURES_PER_S, SIGNATURES_RESERVED, WELCOME_SIGNATURES } from '../limits.ts';
import { encodeHello } from '../wire/first-exchange.ts';
import { encodeRequest } from '../wire/message-codecs.ts';
import type { KadRequest } from '../wire/messages.ts';
import { networkKey } from '../wire/network.ts';
import { endInKeyedHash } from '../wire/transcript.ts';
import type { ProvedPeer } from './kad-rpc.ts';
import { SessionRpc } from './session-rpc.ts';

const PORT = 4870;
const NETWORK = { name: 'hostile' };
const PING: KadRequest = { type: 'ping' };
const STORE: KadRequest = { type: 'store', kind: 'immutable', records: [{ bytes: Uint8Array.of(1), ageMs: 0 }] };
const FIND_VALUE: KadRequest = { type: 'find-value', kind: 'immutable', key: sha256(utf8Bytes('key')), page: 0 };
const [HELLO, WELCOME, CHALLENGE, SESSION] = [1, 2, 3, 4];

interface Node {
  readonly host: SimHost;
  readonly address: Address;
  readonly keys: KeyPair;
  readonly rpc: SessionRpc;
  readonly served: string[];
  readonly proved: ProvedPeer[];
}

describe('SessionRpc under attack', () => {
  let simulation: Simulation;
  let network: SimNetwork;
  let sent: TrafficEvent[];
  let bob: Node;

  const settled = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: minute });
  const sentBy = (node: Node, kind?: number) =>
    sent.filter(({ host, bytes }) => host === node.host && (kind === undefined || bytes[1] === kind));

  async function addNode(name: string, options: { host?: SimHost; signer?: Signer } = {}): Promise<Node> {
    // Private addresses are exempt from per-source limits, so that every datagram reaches the code behind them.
    const host = options.host ?? network.addHost({ name, address: `10.0.0.${network.hosts.length + 1}` });
    const keys = keyPairFromSeed(sha256(utf8Bytes(name)));
    const socket = new SimDatagramSocket(host, { port: PORT });
    const rpc = new SessionRpc(simulation.node(name).runtime, socket, options.signer ?? keys, createCrypto(), {
      network: NETWORK,
      ownHosts: () => ['10.0.0.1'],
    });
    const node: Node = { host, keys, rpc, address: host.address(PORT), served: [], proved: [] };
    rpc.onRequest(({ request }) => {
      node.served.push(request.type);
      if (request.type === 'store') return { type: 'stored', outcomes: ['stored'] };
      if (request.type === 'find-value') return { type: 'values', records: [], holders: [], contacts: [], pages: 1 };
      return { type: 'pong' };
    });
    rpc.onProved((peer) => node.proved.push(peer));
    await rpc.open();
    return node;
  }

  /** Sends each datagram from this address and compares what left for it with what came. */
  async function bombard(from: Address, datagrams: Iterable<Uint8Array>): Promise<number> {
    let count = 0;
    for (const datagram of datagrams) {
      const before = sent.length;
      network.inject(from, bob.address, datagram);
      await simulation.clock.runFor(2);
      const answers = sent.slice(before);
      expect(answers.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(datagram.length);
      sent.length = before;
      count += 1;
    }
    return count;
  }

  function* cuts(datagram: Uint8Array): Generator<Uint8Array> {
    for (let length = 0; length < datagram.length; length++) yield datagram.subarray(0, length);
  }

  function* bends(datagram: Uint8Array, repair: (bent: Uint8Array) => Uint8Array = (bent) => bent): Generator<Uint8Array> {
    for (let at = 0; at < datagram.length; at++) {
      for (let add = 1; add <= 8; add++) {
        const bent = datagram.slice();
        bent[at] = (bent[at] as number) + add;
        yield repair(bent);
      }
    }
  }

  /** A whole exchange with bob, and one datagram of each kind out of it. */
  async function recordExchange(): Promise<{ readonly ann: Node; readonly bytes: readonly Uint8Array[] }> {
    const ann = await addNode('ann');
    await settled(ann.rpc.request(bob.address, bob.keys.nodeId, PING));
    await settled(ann.rpc.request(bob.address, bob.keys.nodeId, STORE));
    await simulation.clock.runFor(second);
    return { ann, bytes: sent.map(({ bytes }) => bytes.slice()) };
  }

  const makeHello = (keys: KeyPair, request: KadRequest, label = 'hello'): Uint8Array => {
    const seed = sha256(utf8Bytes(label));
    const body = {
      publicKey: keys.publicKey,
      ephemeralKey: createCrypto().agreement.generate(simulation.runtime.entropy).publicKey,
      nonce: seed.subarray(0, 16),
      to: bob.address,
      cookie: new Uint8Array(0),
      transactionId: seed.subarray(16, 24),
      request: encodeRequest(request),
      extensions: new Map(),
    };
    return encodeHello(networkKey(NETWORK), { versions: [1], sessionId: seed.subarray(24) }, body);
  };

  beforeEach(async () => {
    simulation = createSimRuntime('hostile');
    network = new SimNetwork(simulation);
    sent = [];
    network.tap((event) => {
      if (event.stage === 'sent') sent.push(event);
    });
    bob = await addNode('bob');
  });

  describe('DF-07 malformed datagrams are dropped or answered, and never stop the node', () => {
    const stranger = present(makeAddress('10.0.0.77', 4870), 'address');

    it('empty, one byte, far too long', async () => {
      const lengths = [0, 1, 2, 11, 39, 1199, 1201, 1500, 65_507];
      const inputs = lengths.flatMap((length) =>
        [HELLO, WELCOME, CHALLENGE, SESSION, 5, 6, 7, 0].map((kind) => {
          const bytes = new Uint8Array(length).fill(kind as number);
          if (length > 0) bytes[0] = 0xbc;
          return bytes;
        }),
      );
      expect(await bombard(stranger, inputs)).toBe(lengths.length * 8);
      expect(bob.rpc.load).toEqual({ sessions: 0, halfOpen: 0, pending: 0 });
    });

    it('each datagram of an exchange cut at every offset, from its sender and from a stranger', async () => {
      const { ann, bytes } = await recordExchange();
      const served = bob.served.length;
      for (const datagram of bytes) {
        await bombard(ann.address, cuts(datagram));
        await bombard(stranger, cuts(datagram));
      }
      expect(bob.served).toHaveLength(served);
      sent.length = 0;
      expect(await settled(ann.rpc.request(bob.address, bob.keys.nodeId, PING))).toMatchObject({ ok: true });
    }, 30_000);

    it('each datagram of an exchange with +1 to +8 on every byte', async () => {
      const { ann, bytes } = await recordExchange();
      const served = bob.served.length;
      for (const datagram of bytes) await bombard(ann.address, bends(datagram));
      expect(bob.served).toHaveLength(served);
      expect(await settled(ann.rpc.request(bob.address, bob.keys.nodeId, PING))).toMatchObject({ ok: true });
    }, 60_000);

    it('a HELLO with +1 to +8 on every byte whose network hash is right', async () => {
      const hello = makeHello(keyPairFromSeed(sha256(utf8Bytes('stranger'))), PING);
      // Padding is checked as a whole: one of its bytes stands for all.
      const unpadded = hello.findLastIndex((byte, i) => i < 1184 && byte !== 0) + 2;
      const repair = (bent: Uint8Array): Uint8Array => {
        const repaired = hello.slice();
        repaired.set(bent);
        endInKeyedHash(networkKey(NETWORK), repaired);
        return repaired;
      };
      expect(await bombard(stranger, bends(hello.subarray(0, unpadded), repair))).toBeGreaterThan(900);
      expect(bob.rpc.stats.welcomesSent).toBeGreaterThan(0);
      expect(bob.rpc.stats.malformed).toBeGreaterThan(0);
    }, 60_000);

    it('answers bent on the way to the asker: the true one still counts', async () => {
      const ann = await addNode('ann');
      const heal = network.partition(bob.host, ann.host, { isOneWay: true });
      const waiting = ann.rpc.request(bob.address, bob.keys.nodeId, PING);
      await simulation.clock.runFor(200);
      const welcome = present(sentBy(bob, WELCOME)[0], 'welcome').bytes;
      const bentHeads = [...bends(welcome.subarray(0, 12))].map((head) => Uint8Array.of(...head, ...welcome.subarray(12)));
      const badlySigned = [1, 2].map((add) => Uint8Array.of(...welcome.subarray(0, -1), ((welcome.at(-1) as number) + add) & 255));
      for (const bent of [...cuts(welcome), ...bentHeads, ...badlySigned]) network.inject(bob.address, ann.address, bent);
      await simulation.clock.runFor(10);
      expect(ann.rpc.load).toMatchObject({ sessions: 0, pending: 1 });
      expect(ann.rpc.stats.badWelcomes).toBeGreaterThan(2);
      network.inject(bob.address, ann.address, welcome);
      expect(await settled(waiting)).toMatchObject({ ok: true });
      heal();
    });
  });

  describe('spoofed sources', () => {
    const victim = (i: number): Address => present(makeAddress(`20.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 4870), 'address');

    it('T6 a spoofed value request brings its victim no value and no more bytes than were sent', async () => {
      const mallory = keyPairFromSeed(sha256(utf8Bytes('mallory')));
      expect(await bombard(victim(1), [makeHello(mallory, FIND_VALUE, 'value'), makeHello(mallory, STORE, 'store')])).toBe(2);
      expect(bob.served).toEqual([]);
      expect(bob.proved).toEqual([]);
    });

    it('T7 a flood of spoofed HELLOs gets challenges when the signatures are used up, and fills nothing but its own cap', async () => {
      const ann = await addNode('ann');
      await settled(ann.rpc.request(bob.address, bob.keys.nodeId, PING));
      await simulation.clock.runFor(second);
      const mallory = keyPairFromSeed(sha256(utf8Bytes('mallory')));
      sent.length = 0;
      const hello = makeHello(mallory, PING, 'flood');
      for (let i = 0; i < 4000; i++) network.inject(victim(i), bob.address, hello);
      await simulation.clock.runFor(10);
      const welcomes = sentBy(bob, WELCOME).length;
      const challenges = sentBy(bob, CHALLENGE);
      const budget = (SIGNATURES_PER_S - SIGNATURES_RESERVED) / WELCOME_SIGNATURES;
      expect(welcomes).toBeGreaterThanOrEqual(budget);
      expect(welcomes).toBeLessThan(budget + 50);
      expect(welcomes + challenges.length).toBe(4000);
      for (const { bytes } of challenges) expect(bytes.length).toBeLessThan(60);
      expect(bob.rpc.load).toEqual({ sessions: 1, halfOpen: Math.min(welcomes, HALF_OPEN_SESSIONS_MAX), pending: 0 });
      expect(await settled(ann.rpc.request(bob.address, bob.keys.nodeId, STORE))).toMatchObject({ ok: true });
    }, 30_000);

    it('T7 one public source sends 50 HELLOs and is then ignored', async () => {
      const mallory = keyPairFromSeed(sha256(utf8Bytes('mallory')));
      sent.length = 0;
      for (let i = 0; i < 200; i++) network.inject(victim(1), bob.address, makeHello(mallory, PING, `hello ${i}`));
      await simulation.clock.runFor(10);
      expect(sent.length).toBe(50);
      expect(bob.rpc.stats.rateLimited).toBe(150);
    });
  });

  describe('replays', () => {
    it('T10 a whole recorded conversation, played again, has no effect', async () => {
      const { ann } = await recordExchange();
      const recorded = sentBy(ann).map(({ bytes }) => bytes.slice());
      const served = [...bob.served];
      for (let round = 0; round < 3; round++) await bombard(ann.address, recorded);
      expect(bob.served).toEqual(served);
      expect(bob.rpc.stats.replays).toBeGreaterThan(0);
      expect(bob.rpc.load.sessions).toBe(1);
      expect(bob.proved).toHaveLength(1);
    });

    it('duplicated and late answers are ignored', async () => {
      const { ann } = await recordExchange();
      const answers = sentBy(bob).map(({ bytes }) => bytes.slice());
      const before = sent.length;
      for (const answer of [...answers, ...answers]) network.inject(bob.address, ann.address, answer);
      await simulation.clock.runFor(second);
      expect(sent).toHaveLength(before);
      expect(ann.rpc.stats.replays).toBeGreaterThan(0);
      expect(ann.rpc.stats.unmatchedReplies).toBeGreaterThan(0);
    });
  });

  describe('false identities', () => {
    it('T3 who shows a key that it does not hold is not heard', async () => {
      const carl = keyPairFromSeed(sha256(utf8Bytes('carl')));
      const mallory = keyPairFromSeed(sha256(utf8Bytes('mallory')));
      const mask: Signer = { publicKey: carl.publicKey, nodeId: carl.nodeId, sign: (bytes) => mallory.sign(bytes) };
      const [ann, liar] = [await addNode('ann'), await addNode('liar', { signer: mask })];
      expect(await settled(ann.rpc.request(liar.address, carl.nodeId, PING))).toEqual({ ok: false, reason: 'timeout' });
      expect(ann.rpc.stats.badWelcomes).toBeGreaterThan(0);
      expect(ann.rpc.load.sessions).toBe(0);
    });

    it('T3 who asks with a key that it does not hold is never proved, and its session ends', async () => {
      const carl = keyPairFromSeed(sha256(utf8Bytes('carl')));
      const mallory = keyPairFromSeed(sha256(utf8Bytes('mallory')));
      const mask: Signer = { publicKey: carl.publicKey, nodeId: carl.nodeId, sign: (bytes) => mallory.sign(bytes) };
      const liar = await addNode('liar', { signer: mask });
      expect(await settled(liar.rpc.request(bob.address, bob.keys.nodeId, STORE))).toEqual({ ok: false, reason: 'timeout' });
      expect(bob.proved).toEqual([]);
      expect(bob.served).not.toContain('store');
      expect(bob.rpc.stats.badProofs).toBeGreaterThan(0);
    });

    it('DF-08 the right answer from a wrong address is no answer', async () => {
      const { ann } = await recordExchange();
      const carl = await addNode('carl');
      const heal = network.partition(bob.host, ann.host, { isOneWay: true });
      sent.length = 0;
      const waiting = ann.rpc.request(bob.address, bob.keys.nodeId, PING, { tries: 1 });
      await simulation.clock.runFor(100);
      const answer = present(sentBy(bob, SESSION)[0], 'answer').bytes;
      network.inject(carl.address, ann.address, answer);
      await simulation.clock.runFor(10);
      expect(ann.rpc.load.pending).toBe(1);
      network.inject(bob.address, ann.address, answer);
      expect(await settled(waiting)).toMatchObject({ ok: true });
      heal();
    });
  });
});
