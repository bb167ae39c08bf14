// Data channels on loopback: who gets through, who does not, and what the others on the network see of it.
import { createSocket, type Socket } from 'node:dgram';
import { DataChannelTransport, type IceDescription } from '@batchain/bat-node';
import { type Connection, keyPairFromSeed, utf8Bytes, utf8Text } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { type ChannelEnd, openChannel, value } from '../support/channel-pair.ts';
import { freeUdpPorts } from '../support/free-udp-ports.ts';
import { answerRaw, type RawChannel } from '../support/raw-channel.ts';

const LOOPBACK = '127.0.0.1';
const runtime = createSystemRuntime();
/** Never aborted; one for each use. */
const open = (): AbortSignal => new AbortController().signal;
const transports: DataChannelTransport[] = [];

function makeEnd(udpPort?: number): ChannelEnd {
  const config = { ownHosts: () => [LOOPBACK], bindHost: LOOPBACK, ...(udpPort !== undefined && { udpPort }) };
  const transport = new DataChannelTransport(runtime, config);
  transports.push(transport);
  return { identity: keyPairFromSeed(runtime.entropy.bytes(32)), transport };
}

afterEach(() => {
  for (const transport of transports.splice(0)) transport.close();
});

const nextText = (connection: Connection): Promise<string | undefined> =>
  new Promise((resolve) => connection.onMessage((message) => resolve(utf8Text(message))));

const makeNonces = () => ({ caller: runtime.entropy.bytes(16), called: runtime.entropy.bytes(16) });

async function expectTalk(near: Connection, far: Connection): Promise<void> {
  const text = nextText(far);
  await near.send(utf8Bytes('hello'));
  expect(await text).toBe('hello');
  near.close('done');
  expect(await far.closed).toEqual({ reason: 'remote', detail: 'done' });
}

describe('a data channel', () => {
  it('opens between two that described themselves, with one binding and the peer that signed', async () => {
    const [ana, bo] = [makeEnd(), makeEnd()];
    const pair = await openChannel(runtime, ana, bo);
    const [near, far] = [value(pair.caller), value(await pair.called)];
    expect([near.peer, far.peer]).toEqual([bo.identity, ana.identity]);
    expect(near.binding).toEqual(far.binding);
    expect([near.path, near.isInitiator, far.isInitiator]).toEqual(['lan', true, false]);
    await expectTalk(near, far);
  });

  it.each(['alterAnswer', 'alterOffer'] as const)('never opens with a certificate that was not signed (%s)', async (alter) => {
    const swap = (description: IceDescription) => ({ ...description, fingerprint: runtime.entropy.bytes(32) });
    const pair = await openChannel(runtime, makeEnd(), makeEnd(), { [alter]: swap, timeoutMs: 5000 });
    const results = [pair.caller, await pair.called];
    expect(results.map(({ ok }) => ok)).toEqual([false, false]);
    expect(results.map((result) => (result.ok ? '' : result.reason))).toContain('wrong-identity');
  });

  it('is not opened with an end that knows another ICE password', async () => {
    const swap = (description: IceDescription) => ({ ...description, password: 'x'.repeat(22) });
    const pair = await openChannel(runtime, makeEnd(), makeEnd(), { alterAnswer: swap, timeoutMs: 1500 });
    expect([pair.caller.ok, (await pair.called).ok]).toEqual([false, false]);
  });

  it('has many neighbours on one UDP port, each with a connection of its own', async () => {
    const [port = 0] = await freeUdpPorts(1);
    const bo = makeEnd(port);
    const pairs = await Promise.all(Array.from({ length: 20 }, () => openChannel(runtime, makeEnd(), bo)));
    const nears = pairs.map(({ caller }) => value(caller));
    expect(nears.map(({ remoteAddress }) => remoteAddress)).toEqual(nears.map(() => ({ host: LOOPBACK, port })));
    const fars = await Promise.all(pairs.map(async ({ called }) => value(await called)));
    await Promise.all(nears.map((near, i) => expectTalk(near, fars[i] as Connection)));
  });

  it('takes over a punched port: bound there, sends to the one address, whatever the peer described', async () => {
    const [anaPort = 0, boPort = 0, elsewhere = 0] = await freeUdpPorts(3);
    const bogus = (description: IceDescription): IceDescription => ({
      ...description,
      candidates: [{ kind: 'host', address: { host: LOOPBACK, port: elsewhere } }],
    });
    const pair = await openChannel(runtime, makeEnd(), makeEnd(elsewhere), {
      alterAnswer: bogus,
      alterOffer: bogus,
      callerOptions: { bindPort: anaPort, onlyRemote: { host: LOOPBACK, port: boPort } },
      calledOptions: { bindPort: boPort, onlyRemote: { host: LOOPBACK, port: anaPort } },
    });
    const [near, far] = [value(pair.caller), value(await pair.called)];
    expect([near.remoteAddress?.port, far.remoteAddress?.port]).toEqual([boPort, anaPort]);
    await expectTalk(near, far);
  });
});

describe('an attempt that comes to nothing', () => {
  const prepare = async (end: ChannelEnd, options: { signal?: AbortSignal; timeoutMs?: number } = {}) =>
    value(await end.transport.prepareCall({ signal: open(), timeoutMs: 300, ...options }));
  const silent = (attempt: { local: IceDescription }, port: number): IceDescription => ({
    ...attempt.local,
    candidates: [{ kind: 'host', address: { host: LOOPBACK, port } }],
  });

  it('says why: timeout, aborted, closed, and leaves nothing behind', async () => {
    const ana = makeEnd();
    const [port = 0] = await freeUdpPorts(1);
    const other = await prepare(makeEnd());
    const late = await prepare(ana);
    expect(await late.connect(silent(other, port), ana.identity, makeNonces())).toMatchObject({ reason: 'timeout', detail: '300 ms' });
    const controller = new AbortController();
    const aborted = await prepare(ana, { signal: controller.signal, timeoutMs: 60_000 });
    const connecting = aborted.connect(silent(other, port), ana.identity, makeNonces());
    controller.abort();
    expect(await connecting).toMatchObject({ ok: false, reason: 'aborted' });
    const closed = await prepare(ana);
    closed.close();
    expect(await closed.connect(silent(other, port), ana.identity, makeNonces())).toMatchObject({ ok: false });
    expect(await ana.transport.prepareCall({ signal: AbortSignal.abort(), timeoutMs: 300 })).toMatchObject({ reason: 'aborted' });
    expect(ana.transport.openChannels).toBe(0);
  });

  it('is not made for a description that is out of bounds', async () => {
    const [ana, bo] = [makeEnd(), makeEnd()];
    const call = await prepare(ana);
    const wrong = { ...call.local, ufrag: 'abcd\r\na=candidate:1 1 UDP 1 8.8.8.8 53 typ host' };
    expect(await bo.transport.prepareAnswer(wrong, { signal: open(), timeoutMs: 300 })).toMatchObject({ ok: false, reason: 'error' });
    expect(await call.connect(wrong, bo.identity, makeNonces())).toMatchObject({ ok: false, reason: 'error' });
    expect([ana.transport.openChannels, bo.transport.openChannels]).toEqual([0, 0]);
  });

  it('answers one description and no other', async () => {
    const [ana, bo] = [makeEnd(), makeEnd()];
    const [first, second] = [await prepare(ana), await prepare(ana)];
    const answer = value(await bo.transport.prepareAnswer(first.local, { signal: open(), timeoutMs: 300 }));
    expect(await answer.connect(second.local, ana.identity, makeNonces())).toMatchObject({ ok: false, reason: 'error' });
  });

  it('fails for a port that is taken', async () => {
    const taken = createSocket('udp4');
    const port = await new Promise<number>((resolve) => taken.bind(0, LOOPBACK, () => resolve(taken.address().port)));
    const result = await makeEnd().transport.prepareCall({ signal: open(), timeoutMs: 300, bindPort: port });
    taken.close();
    expect(result).toMatchObject({ ok: false, reason: 'error' });
  });

  it('is one of a bounded number', async () => {
    const ana = makeEnd();
    const all = await Promise.all(Array.from({ length: 70 }, () => ana.transport.prepareCall({ signal: open(), timeoutMs: 300 })));
    expect(all.filter(({ ok }) => ok)).toHaveLength(64);
    expect(all.find(({ ok }) => !ok)).toMatchObject({ reason: 'refused' });
    ana.transport.close();
    expect(ana.transport.openChannels).toBe(0);
  });
});

describe('a victim that forged candidates name', () => {
  it('gets at most 3 datagrams a second from us, on all its ports together (T8)', async () => {
    const sockets: Socket[] = Array.from({ length: 8 }, () => createSocket('udp4'));
    const arrivals: number[] = [];
    const ports = await Promise.all(
      sockets.map((socket) => {
        socket.on('message', () => arrivals.push(runtime.clock.monotonicMs()));
        return new Promise<number>((resolve) => socket.bind(0, LOOPBACK, () => resolve(socket.address().port)));
      }),
    );
    const [ana, liar] = [makeEnd(), makeEnd()];
    const call = value(await ana.transport.prepareCall({ signal: open(), timeoutMs: 5000 }));
    const theirs = value(await liar.transport.prepareCall({ signal: open(), timeoutMs: 5000 })).local;
    const candidates = ports.map((port) => ({ kind: 'reflexive' as const, address: { host: LOOPBACK, port } }));
    expect((await call.connect({ ...theirs, candidates }, liar.identity, makeNonces())).ok).toBe(false);
    for (const socket of sockets) socket.close();
    const inWorstSecond = Math.max(...arrivals.map((from) => arrivals.filter((at) => at >= from && at < from + 1000).length));
    console.log(`victim: ${arrivals.length} datagrams in 5 s, ${inWorstSecond} in the worst second`);
    expect(arrivals.length).toBeGreaterThan(0);
    expect(inWorstSecond).toBeLessThanOrEqual(3);
    expect(arrivals.length).toBeLessThanOrEqual(10);
  });
});

describe('a peer that speaks the library, not our frames', () => {
  async function connectRaw(): Promise<{ near: Connection; raw: RawChannel; count: () => number }> {
    const ana = makeEnd();
    const call = value(await ana.transport.prepareCall({ signal: open(), timeoutMs: 10_000 }));
    const raw = await answerRaw(call.local);
    const near = value(await call.connect(raw.local, makeEnd().identity, makeNonces()));
    let count = 0;
    near.onMessage(() => {
      count += 1;
    });
    await raw.opened;
    return { near, raw, count: () => count };
  }

  it.each<[string, (raw: RawChannel) => void]>([
    ['a message larger than the limit, which the library cuts off', (raw) => raw.sendBytes(new Uint8Array(400_000))],
    ['text', (raw) => raw.sendText('hello')],
    ['nonsense', (raw) => raw.sendBytes(Uint8Array.of(77))],
  ])('is left as soon as it sends %s', async (_name, misbehave) => {
    const { near, raw, count } = await connectRaw();
    misbehave(raw);
    expect((await near.closed).reason).toBe('protocol-error');
    await raw.closed;
    expect(count()).toBe(0);
  });

  it('is left when it opens a second channel', async () => {
    const { near, raw } = await connectRaw();
    raw.openSecondChannel();
    expect((await near.closed).reason).toBe('error');
    await raw.closed;
  });

  it('is left when it floods a reader that pauses', async () => {
    const { near, raw } = await connectRaw();
    near.pause(true);
    for (let i = 0; i < 40; i++) raw.sendBytes(new Uint8Array(200_000));
    expect(await near.closed).toEqual({ reason: 'protocol-error', detail: 'more than it had credit for' });
    await raw.closed;
  });
});
