import { type Connection, type Dialer, keyPairFromSeed, utf8Bytes, utf8Text } from '@batchain/shared';
import { createSimRuntime, SimDatagramSocket, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { FaultBook } from './fault-book.ts';
import { FaultTable, type LabFaults, type LabMember, NO_FAULTS } from './fault-table.ts';
import { makeFaultyWire } from './faulty-wire.ts';

const NAMES = ['ana', 'bo'] as const;
const keyPairs = NAMES.map((_, i) => keyPairFromSeed(new Uint8Array(32).fill(i + 1)));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const MEMBERS: readonly LabMember[] = NAMES.map((name, i) => ({
  name,
  nodeId: hex(keyPairs[i]?.nodeId as Uint8Array),
  kadPort: 4870 + i,
  batPort: 4880 + i,
}));
const APART: LabFaults['groups'] = [['ana'], ['bo']];

/** Two ends on a network without a fault of its own, each behind the faults of its book. */
async function makeWorld(faults: Partial<LabFaults> = {}) {
  const { runtime, clock } = createSimRuntime('faults');
  const network = new SimNetwork({ ...createSimRuntime('faults'), clock, runtime }, { link: { latencyMs: [0, 0], jitterMs: 0 } });
  const table = (name: string, now: Partial<LabFaults>): FaultTable => new FaultTable(name, MEMBERS, { ...NO_FAULTS, ...now });
  const ends = NAMES.map((name, i) => {
    const host = network.addHost({ name });
    const keyPair = keyPairs[i] as (typeof keyPairs)[number];
    const book = new FaultBook(table(name, faults));
    const wire = makeFaultyWire(
      runtime,
      book,
    )({
      makeSocket: (port) => new SimDatagramSocket(host, { port }),
      dialer: new SimDialer(host, keyPair),
      listener: new SimListener(host, keyPair, { port: 4880 + i }),
    });
    return { name, host, keyPair, book, wire, socket: wire.makeSocket(4870 + i), heard: [] as string[] };
  });
  for (const end of ends) await end.socket.open((bytes) => void end.heard.push(`${clock.elapsedMs} ${utf8Text(bytes)}`));
  const [ana, bo] = ends as [(typeof ends)[number], (typeof ends)[number]];
  const change = (now: Partial<LabFaults>): void => {
    for (const { name, book } of ends) book.set(table(name, now));
  };
  const settle = <T>(promise: Promise<T>): Promise<T> => clock.runUntilSettled(promise, { deadlineMs: 120_000 });
  const dial = (options: Partial<Parameters<Dialer['dial']>[2]> = {}) =>
    ana.wire.dialer.dial(bo.host.address(4881), bo.keyPair.nodeId, { timeoutMs: 5000, ...options });
  const connect = async () => {
    const got: string[] = [];
    let far: Connection | undefined;
    await bo.wire.listener.listen((connection) => {
      far = connection;
      connection.onMessage((message) => void got.push(`${clock.elapsedMs} ${utf8Text(message)}`));
    });
    const dialled = await settle(dial());
    if (!dialled.ok || far === undefined) throw new Error('not connected');
    return { near: dialled.value, far, got };
  };
  return { clock, ana, bo, change, settle, dial, connect };
}

describe('datagrams in a laboratory', () => {
  it('come after the delay of their path, and pass at once when it has none', async () => {
    const { clock, ana, bo, change } = await makeWorld({ delayMs: [40, 40] });
    ana.socket.send(utf8Bytes('late'), bo.host.address(4871));
    await clock.runFor(100);
    expect(bo.heard).toEqual(['40 late']);
    change({});
    ana.socket.send(utf8Bytes('now'), bo.host.address(4871));
    await clock.runFor(1);
    expect(bo.heard.at(-1)).toBe('100 now');
  });

  it('are lost as often as was asked for', async () => {
    const { clock, ana, bo } = await makeWorld({ lossPercent: 20 });
    for (let i = 0; i < 1000; i++) ana.socket.send(utf8Bytes('x'), bo.host.address(4871));
    await clock.runFor(10);
    expect(bo.heard.length).toBeGreaterThan(740);
    expect(bo.heard.length).toBeLessThan(860);
  });

  it('do not cross a partition, even when only the receiver knows of it, and cross again when it heals', async () => {
    const { clock, ana, bo, change } = await makeWorld();
    bo.book.set(new FaultTable('bo', MEMBERS, { ...NO_FAULTS, groups: APART }));
    const say = async (text: string): Promise<void> => {
      ana.socket.send(utf8Bytes(text), { ...bo.host.address(4871) });
      await clock.runFor(1);
    };
    await say('one side');
    change({ groups: APART });
    await say('both');
    change({});
    await say('healed');
    expect(bo.heard.map((line) => line.split(' ')[1])).toEqual(['healed']);
  });

  it('that wait when the socket is closed go nowhere', async () => {
    const { clock, ana, bo } = await makeWorld({ delayMs: [40, 40] });
    ana.socket.send(utf8Bytes('never'), bo.host.address(4871));
    await ana.socket.close();
    await clock.runFor(100);
    expect(bo.heard).toEqual([]);
  });
});

describe('connections in a laboratory', () => {
  it('keep their order under loss and delay, and lose nothing', async () => {
    const { clock, connect, change, settle } = await makeWorld();
    const { near, got } = await connect();
    change({ lossPercent: 30, delayMs: [20, 20] });
    const words = Array.from({ length: 50 }, (_, i) => `${i}`);
    for (const word of words) await settle(near.send(utf8Bytes(word)));
    await clock.runFor(60_000);
    expect(got.map((line) => line.split(' ')[1])).toEqual(words);
    expect(Number(got.at(-1)?.split(' ')[0])).toBeGreaterThan(220);
  });

  it('say nothing across a partition, and all of it when it heals', async () => {
    const { clock, connect, change } = await makeWorld();
    const { near, got } = await connect();
    change({ groups: APART });
    void near.send(utf8Bytes('held'));
    await clock.runFor(5000);
    expect(got).toEqual([]);
    change({});
    void near.send(utf8Bytes('behind'));
    await clock.runFor(10);
    expect(got.map((line) => line.split(' ')[1])).toEqual(['held', 'behind']);
  });

  it('that end on one side of a partition are open on the other until it heals', async () => {
    const { clock, connect, change } = await makeWorld();
    const { near, far } = await connect();
    let reason: string | undefined;
    void far.closed.then((closed) => {
      reason = closed.reason;
    });
    change({ groups: APART });
    near.close('tired of waiting');
    await clock.runFor(1000);
    expect(reason).toBeUndefined();
    change({});
    await clock.runFor(1000);
    expect(reason).toBe('remote');
  });

  it('deliver what was sent before they were closed', async () => {
    const { clock, connect, change } = await makeWorld();
    const { near, far, got } = await connect();
    change({ delayMs: [30, 30] });
    void near.send(utf8Bytes('last words'));
    near.close('done');
    await expect(near.send(utf8Bytes('too late'))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
    await clock.runFor(1000);
    expect(got.map((line) => line.split(' ').slice(1).join(' '))).toEqual(['last words']);
    expect(await far.closed).toMatchObject({ reason: 'remote' });
  });

  it('make who sends wait when a megabyte is held back', async () => {
    const { connect, change, settle } = await makeWorld();
    const { near } = await connect();
    change({ groups: APART });
    const part = new Uint8Array(200_000);
    let sent = 0;
    const sending = (async () => {
      for (let i = 0; i < 10; i++) {
        await near.send(part);
        sent++;
      }
    })();
    await settle(Promise.resolve());
    expect(sent).toBe(5);
    change({});
    await settle(sending);
    expect(sent).toBe(10);
  });

  it('are dialled when the partition heals in time, and not when it does not', async () => {
    const { clock, connect, change, settle, dial } = await makeWorld();
    await connect();
    change({ groups: APART });
    expect(await settle(dial({ timeoutMs: 700 }))).toMatchObject({ ok: false, reason: 'timeout' });
    const abort = new AbortController();
    const aborted = dial({ signal: abort.signal });
    abort.abort();
    expect(await settle(aborted)).toMatchObject({ ok: false, reason: 'aborted' });
    const patient = dial({ timeoutMs: 5000 });
    await clock.runFor(1000);
    change({});
    expect(await settle(patient)).toMatchObject({ ok: true });
  });

  it('take two round trips of their path to be dialled', async () => {
    const { clock, connect, change, settle, dial } = await makeWorld();
    await connect();
    change({ delayMs: [50, 50] });
    const beganMs = clock.elapsedMs;
    expect((await settle(dial())).ok).toBe(true);
    expect(clock.elapsedMs - beganMs).toBeGreaterThanOrEqual(200);
  });
});
