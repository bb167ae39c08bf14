// Kad without UDP over real sockets on loopback: real UDP, TLS and keys; the mute node's UDP socket loses all.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { type BatSession, openTunnel, WsDialer, WsListener } from '@batchain/bat-node';
import { encodeBindingRequest, UdpSocket } from '@batchain/kad-node';
import { type Address, keyPairFromSeed, NULL_LOGGER, present, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeTunnelled, KAD_DATAGRAM_MAGIC } from '../../packages/bat-node/src/tunnel/tunnel-frame.ts';
import { batRequestCodec } from '../../packages/bat-node/src/wire/frame-codecs.ts';
import { DATAGRAM_MAGIC } from '../../packages/kad-node/src/wire/envelope.ts';
import type { AttachCandidate } from '../../packages/participant/src/reach/attach-plan.ts';
import { createTunnelMember, MortalSocket, type TunnelMember } from '../support/tunnel-member.ts';

const HOST = '127.0.0.1';
const runtime = createSystemRuntime({ log: NULL_LOGGER });
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Member extends TunnelMember {
  readonly bat: Address;
}

async function add(options: { readonly isMute?: boolean; readonly known?: readonly AttachCandidate[] } = {}): Promise<Member> {
  const keyPair = keyPairFromSeed(randomBytes(32));
  const udp = new MortalSocket(new UdpSocket({ host: HOST, port: 0 }));
  udp.isDead = options.isMute === true;
  const listener = new WsListener(runtime, keyPair, { host: HOST, port: 0 });
  const member = await createTunnelMember(runtime, {
    keyPair,
    udp,
    dialer: new WsDialer(runtime, keyPair, { ownHosts: () => [HOST] }),
    listener,
    makeSocket: () => new UdpSocket({ host: HOST, port: 0 }),
    ownHosts: () => [HOST],
    known: options.known,
  });
  ends.push(() => member.stop());
  return { ...member, bat: listener.localAddress };
}

async function addJoined(first: Member, count: number): Promise<Member[]> {
  const members: Member[] = [];
  for (let n = 0; n < count; n++) {
    const member = await add();
    expect(await member.node.bootstrap([first.node.localAddress])).toMatchObject({ isJoined: true });
    members.push(member);
  }
  return members;
}

const candidate = ({ bat, keyPair }: Member): AttachCandidate => ({ address: bat, expected: keyPair.nodeId });

/** The session of a fresh node to a member that carries for others. */
async function sessionTo(member: Member): Promise<BatSession> {
  const { pool, keyPair } = await add({ isMute: true });
  const dialled = await new WsDialer(runtime, keyPair, { ownHosts: () => [HOST] }).dial(member.bat, undefined, { timeoutMs: 8000 });
  if (!dialled.ok) throw new Error(dialled.reason);
  const session = await pool.adopt(dialled.value);
  if (!session.ok) throw new Error(session.reason);
  return session.value;
}

async function attached(member: Member, to: (via: Address | undefined) => boolean = (via) => via !== undefined): Promise<void> {
  while (!to(member.attacher.state.via)) await runtime.clock.sleep(10);
}

async function makeTarget(): Promise<{
  readonly address: Address;
  readonly arrivals: { readonly bytes: Uint8Array; readonly atMs: number }[];
}> {
  const socket = createSocket('udp4');
  const arrivals: { readonly bytes: Uint8Array; readonly atMs: number }[] = [];
  socket.on('message', (bytes) => arrivals.push({ bytes, atMs: performance.now() }));
  await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
  ends.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return { address: { host: HOST, port: socket.address().port }, arrivals };
}

describe('a node whose UDP is dead', () => {
  it('joins, looks up, announces and is found, and is asked through its tunnel; another carries when the first goes', async () => {
    const first = await add();
    const [second, ...others] = await addJoined(first, 6);
    const carriers = [first, present(second, 'a second')];
    const mute = await add({ isMute: true, known: carriers.map(candidate) });
    const joins = [first.node.localAddress];
    expect(await mute.node.bootstrap(joins)).toMatchObject({ isJoined: false });
    const beganMs = performance.now();
    mute.attacher.noteUdpSilent(joins);
    await attached(mute);
    const attachedMs = performance.now() - beganMs;
    expect(await mute.node.bootstrap(joins)).toMatchObject({ isJoined: true });
    console.log(`attached after ${Math.round(attachedMs)} ms, joined after ${Math.round(performance.now() - beganMs)} ms`);

    const members = [...carriers, ...others];
    for (let n = 0; n < 5; n++) {
      const key = sha256(utf8Bytes(`key ${n}`));
      const { contacts } = await mute.node.findContacts(key, { count: 3 });
      const distance = ({ keyPair }: Member): Buffer => Buffer.from(keyPair.nodeId.map((byte, i) => byte ^ (key[i] as number)));
      const nearest = [...members].sort((a, b) => Buffer.compare(distance(a), distance(b))).slice(0, 3);
      expect(contacts.map(({ nodeId }) => toHex(nodeId))).toEqual(nearest.map(({ keyPair }) => toHex(keyPair.nodeId)));
    }
    const asker = present(others.at(-1), 'an asker');
    const fileId = sha256(randomBytes(32));
    await mute.node.announce(fileId);
    expect((await asker.node.findProviders(fileId)).hostIds.map(toHex)).toEqual([toHex(mute.keyPair.nodeId)]);
    const ping = await asker.node.ping(present(mute.attacher.state.address, 'an address'));
    expect(ping).toMatchObject({ ok: true, value: { peer: { nodeId: mute.keyPair.nodeId } } });

    const via = present(mute.attacher.state.via, 'a carrier');
    const gone = present(
      carriers.find(({ bat }) => bat.port === via.port),
      'the carrier',
    );
    const heir = present(
      carriers.find((other) => other !== gone),
      'the other',
    );
    await gone.stop();
    await attached(mute, (now) => now?.port === heir.bat.port);
    const again = await mute.node.ping(heir.node.localAddress);
    expect(again).toMatchObject({ ok: true, value: { peer: { nodeId: heir.keyPair.nodeId } } });
  }, 120_000);
});

describe('who carries for others', () => {
  it('T6 T8 sends a target nothing but Kad, three a second while it is silent, nothing elsewhere; counted at the target', async () => {
    expect(KAD_DATAGRAM_MAGIC).toBe(DATAGRAM_MAGIC);
    const carrier = await add();
    const [target, bystander] = [await makeTarget(), await makeTarget()];
    const streams = await Promise.all(
      [0, 1, 2].map(async () => {
        const stream = await (await sessionTo(carrier)).openStream();
        await stream.sendControl(batRequestCodec.encode({ verb: 'kad-tunnel' }));
        expect((await stream.next({ timeoutMs: 8000 }))?.kind).toBe('control');
        return stream;
      }),
    );
    const stun = encodeBindingRequest(new Uint8Array(12));
    const kad = new Uint8Array(1200).fill(KAD_DATAGRAM_MAGIC);
    const beganMs = performance.now();
    const elsewhere = ['10.0.0.1', '192.168.0.1', '169.254.0.1', '224.0.0.251', '255.255.255.255', '0.0.0.0'];
    while (performance.now() - beganMs < 3_500) {
      for (const stream of streams) {
        await stream.sendControl(encodeTunnelled({ address: target.address, bytes: kad }));
        await stream.sendControl(encodeTunnelled({ address: bystander.address, bytes: stun }));
        for (const host of elsewhere) await stream.sendControl(encodeTunnelled({ address: { host, port: 4870 }, bytes: kad }));
      }
      await runtime.clock.sleep(20);
    }
    const spanMs = performance.now() - beganMs;
    const most = Math.max(
      ...target.arrivals.map(({ atMs: from }) => target.arrivals.filter(({ atMs }) => atMs >= from && atMs < from + 1000).length),
    );
    const { passedOut, dropped } = carrier.tunnels.usage();
    while (target.arrivals.length < passedOut) await runtime.clock.sleep(10);
    console.log(
      `${target.arrivals.length} of ${passedOut + dropped} datagrams reached the target in ${Math.round(spanMs)} ms, at most ${most} a second`,
    );
    expect(target.arrivals.length).toBeGreaterThan(5);
    expect(target.arrivals.length).toBeLessThanOrEqual(3 * Math.ceil(spanMs / 1_000));
    expect(bystander.arrivals).toEqual([]);
    expect(passedOut).toBe(target.arrivals.length);
    expect(dropped).toBeGreaterThan(1_000);
  }, 60_000);

  it('takes in nothing but Kad', async () => {
    const carrier = await add();
    const tunnel = await openTunnel(await sessionTo(carrier), { signal: new AbortController().signal });
    if (!tunnel.ok) throw new Error(tunnel.reason);
    const got: Uint8Array[] = [];
    let arrived: () => void = () => undefined;
    const isIn = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await tunnel.value.open((bytes) => {
      got.push(bytes);
      arrived();
    });
    const { port } = tunnel.value.localAddress;
    const socket = createSocket('udp4');
    ends.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    const last = Uint8Array.of(KAD_DATAGRAM_MAGIC, 1, 2, 3);
    for (const bytes of [encodeBindingRequest(new Uint8Array(12)), new Uint8Array(1300).fill(KAD_DATAGRAM_MAGIC), last]) {
      await new Promise<void>((resolve) => socket.send(bytes, port, HOST, () => resolve()));
    }
    await isIn;
    expect(got).toEqual([last]);
    expect(carrier.tunnels.usage()).toMatchObject({ passedIn: 1, dropped: 2 });
  }, 60_000);
});
