import {
  type Connection,
  concatBytes,
  equalBytes,
  KiB,
  keyPairFromSeed,
  MiB,
  NO_EXTENSIONS,
  present,
  second,
  utf8Bytes,
  utf8Text,
} from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { SMALL_FRAMES_BURST, STREAM_CREDIT_INITIAL_BYTES, STREAMS_PER_SIDE_MAX } from '../limits.ts';
import { helloCodec, networkProof } from '../wire/hello.ts';
import type { BatStream } from './bat-session.ts';
import { CreditBudget } from './credit.ts';
import { openSession, type Session, type SessionConfig } from './session.ts';
import { encodeCredit, encodePing, frameHead } from './session-frames.ts';

const networkKey = new Uint8Array(32).fill(5);
const control = (text: string): Uint8Array => utf8Bytes(text);

function makeWorld(bytesPerSecond = 50_000_000) {
  const simulation = createSimRuntime('sessions');
  const network = new SimNetwork(simulation, { link: { latencyMs: [10, 10], bytesPerSecond } });
  const makeNode = (seed: number) => {
    const identity = keyPairFromSeed(new Uint8Array(32).fill(seed));
    const host = network.addHost();
    const { runtime } = simulation.node(`node ${seed}`);
    const config = (more: Partial<SessionConfig> = {}): SessionConfig => ({
      nodeId: identity.nodeId,
      networkKey,
      shardBytesMax: 1000 * seed,
      relays: false,
      onStream: async () => undefined,
      ...more,
    });
    return { identity, host, runtime, config, dialer: new SimDialer(host, identity), listener: new SimListener(host, identity) };
  };
  const ana = makeNode(1);
  const ben = makeNode(2);
  /** A bare connection: ana dialled ben. */
  const connect = async (): Promise<[Connection, Connection]> => {
    const accepted = new Promise<Connection>((resolve) => void ben.listener.listen(resolve));
    const dialled = await ana.dialer.dial(ben.host.address(ben.listener.localAddress.port), ben.identity.nodeId, { timeoutMs: 5000 });
    if (!dialled.ok) throw new Error(dialled.reason);
    return [dialled.value, await accepted];
  };
  /** Sessions at both ends, ana's first. */
  const open = async (anaMore: Partial<SessionConfig> = {}, benMore: Partial<SessionConfig> = {}, budget = new CreditBudget()) => {
    const [near, far] = await connect();
    return Promise.all([
      openSession(ana.runtime, near, new CreditBudget(), ana.config(anaMore)),
      openSession(ben.runtime, far, budget, ben.config(benMore)),
    ]);
  };
  const tell = (story: () => Promise<void>): Promise<void> => simulation.clock.runUntilSettled(story(), { deadlineMs: 600 * second });
  return { simulation, network, ana, ben, connect, open, tell, clock: simulation.clock };
}

type World = ReturnType<typeof makeWorld>;
/** A test that is told in a world of its own, in simulated time. */
const tale = (title: string, tell: (world: World) => Promise<void>, bytesPerSecond?: number): void =>
  it(title, () => {
    const world = makeWorld(bytesPerSecond);
    return world.tell(() => tell(world));
  });

async function opened(
  world: World,
  anaMore: Partial<SessionConfig> = {},
  benMore: Partial<SessionConfig> = {},
): Promise<[Session, Session]> {
  const [near, far] = await world.open(anaMore, benMore);
  if (!near.ok || !far.ok) throw new Error('no session');
  return [near.value, far.value];
}

async function readAll(stream: BatStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let item = await stream.next(); item !== undefined; item = await stream.next()) parts.push(item.bytes);
  return concatBytes(...parts);
}

const controlOf = async (stream: BatStream): Promise<string> => utf8Text(present(await stream.next(), 'an item').bytes) ?? '';

describe('HELLO', () => {
  tale('BN-18 BN-19 tells each side the version, the limits and the address at which it was seen', async (world) => {
    const [near, far] = await opened(world);
    expect(near.hello).toMatchObject({ version: 1, shardBytesMax: 2000, observedAddress: far.connection.remoteAddress });
    expect(far.hello).toMatchObject({ version: 1, shardBytesMax: 1000 });
    expect(near.isUsable && far.isUsable).toBe(true);
  });

  tale('BD-59 refuses in the first exchange who lacks the key of the network', async (world) => {
    const [near, far] = await world.open({}, { networkKey: new Uint8Array(32).fill(6) });
    expect([near, far]).toMatchObject([
      { ok: false, reason: 'wrong-network' },
      { ok: false, reason: 'wrong-network' },
    ]);
  });

  tale('takes the highest common version', async (world) => {
    const [near] = await world.open({ versions: [3, 2, 1] }, { versions: [2, 1] });
    expect(near).toMatchObject({ ok: true, value: { hello: { version: 2 } } });
  });

  tale('names the versions of both sides when there is no common one', async (world) => {
    const results = await world.open({ versions: [3] }, { versions: [2, 1] });
    expect(results.map((result) => result.ok)).toEqual([false, false]);
    expect(results.map((result) => (result.ok ? '' : result.detail))).toContain('ours 2,1, theirs 3');
  });

  it('closes on a peer that says nothing, something else, or an unknown critical extension', async () => {
    for (const first of [undefined, frameHead('end', 1), Uint8Array.of(77), critical]) {
      const world = makeWorld();
      await world.tell(async () => {
        const [near, far] = await world.connect();
        near.onMessage(() => undefined);
        if (first !== undefined) void near.send(typeof first === 'function' ? first(near, world) : first);
        const session = await openSession(world.ben.runtime, far, new CreditBudget(), world.ben.config());
        const expected = first === undefined ? 'timeout' : first === critical ? 'unsupported-extension' : 'protocol-error';
        expect(session).toMatchObject({ ok: false, reason: expected });
        expect((await near.closed).detail).toBe(expected);
      });
    }
  });
});

function critical(connection: Connection, world: World): Uint8Array {
  return hello(connection, world, new Map([[4, Uint8Array.of(1)]]));
}

function hello(connection: Connection, world: World, extensions: ReadonlyMap<number, Uint8Array> = NO_EXTENSIONS): Uint8Array {
  const proof = networkProof(networkKey, connection.binding, world.ana.identity.nodeId);
  const body = { versions: [1], proof, shardBytesMax: 0, relays: false, streamsMax: 32, observedAddress: null, extensions };
  return concatBytes(frameHead('hello', 0), helloCodec.encode(body));
}

describe('streams', () => {
  tale('BN-06 DF-09 carry control frames and raw bytes of any length, whole and in order, both ways', async (world) => {
    const big = world.simulation.runtime.random.bytes(3 * MiB + 17);
    const long = 'x'.repeat(190 * KiB);
    const [near] = await opened(
      world,
      {},
      {
        onStream: async (_session, stream) => {
          expect(await controlOf(stream)).toBe(long);
          const bytes = await readAll(stream);
          await stream.sendControl(control('echo'));
          await stream.sendData(bytes);
        },
      },
    );
    const stream = await near.openStream();
    await stream.sendControl(control(long));
    await stream.sendData(big);
    await stream.end();
    expect(await controlOf(stream)).toBe('echo');
    expect(equalBytes(await readAll(stream), big)).toBe(true);
    expect(near.openStreams).toBe(0);
  });

  tale('BN-26 DF-19 a stalled reader stalls its own stream only, and holds a bounded part of memory', async (world) => {
    const budget = new CreditBudget();
    const account = budget.openAccount();
    account.take(budget.floorBytes);
    let stalled: BatStream | undefined;
    const [near] = await world
      .open(
        {},
        {
          onStream: async (_session, stream) => {
            if ((await controlOf(stream)) === 'stall') {
              stalled = stream;
              await world.clock.sleep(100 * second);
            } else await stream.sendControl(control(`${(await readAll(stream)).length}`));
          },
        },
        budget,
      )
      .then((pair) => pair.map((result) => (result.ok ? result.value : undefined)));
    const session = present(near, 'a session');
    const slow = await session.openStream();
    await slow.sendControl(control('stall'));
    let isSlowSent = false;
    const slowSend = slow.sendData(new Uint8Array(8 * MiB)).then(
      () => {
        isSlowSent = true;
      },
      () => undefined,
    );
    for (let i = 0; i < 3; i++) {
      const quick = await session.openStream();
      await quick.sendControl(control('go'));
      await quick.sendData(new Uint8Array(2 * MiB));
      await quick.end();
      expect(await controlOf(quick)).toBe(`${2 * MiB}`);
      quick.reset('done');
    }
    expect(isSlowSent).toBe(false);
    expect(budget.sharedTaken).toBeLessThan(1 * MiB);
    expect(stalled).toBeDefined();
    slow.reset('aborted');
    await slowSend;
  });

  it('uses a fast path as well as a bare connection does: windows open by rate and round trip', async () => {
    let bareMs = 0;
    const bare = makeWorld();
    await bare.tell(async () => {
      const [near, far] = await bare.connect();
      bareMs = await new Promise<number>((resolve) => {
        let arrived = 0;
        far.onMessage(() => {
          arrived += 1;
          if (arrived === 128) resolve(bare.clock.elapsedMs);
        });
        for (let i = 0; i < 128; i++) near.send(new Uint8Array(256 * KiB)).catch(() => undefined);
      });
    });
    const world = makeWorld();
    await world.tell(async () => {
      const echoLength = async (_session: unknown, stream: BatStream) => stream.sendControl(control(`${(await readAll(stream)).length}`));
      const [near] = await opened(world, {}, { onStream: echoLength });
      const stream = await near.openStream();
      await stream.sendControl(control('go'));
      await stream.sendData(new Uint8Array(32 * MiB));
      await stream.end();
      expect(await controlOf(stream)).toBe(`${32 * MiB + 2}`);
      expect(world.clock.elapsedMs).toBeLessThan(1.6 * bareMs);
    });
  });

  tale('a reset ends both directions with its word, and what came before an end stays readable', async (world) => {
    const [near] = await opened(
      world,
      {},
      {
        onStream: async (_session, stream) => {
          if ((await controlOf(stream)) === 'refuse') stream.reset('not-today');
          else {
            await stream.sendControl(control('answer'));
            await stream.end();
          }
        },
      },
    );
    const refused = await near.openStream();
    await refused.sendControl(control('refuse'));
    await expect(refused.next()).rejects.toMatchObject({ reason: 'not-today' });
    await expect(refused.sendData(new Uint8Array(1))).rejects.toMatchObject({ reason: 'not-today' });

    const answered = await near.openStream();
    await answered.sendControl(control('ask'));
    await world.clock.sleep(second);
    expect(await controlOf(answered)).toBe('answer');
    expect(await answered.next()).toBeUndefined();
    await expect(answered.sendData(new Uint8Array(1))).rejects.toMatchObject({ reason: 'done' });
    expect(near.openStreams).toBe(0);
  });

  tale('a read has a deadline, and the places for streams a limit that others wait for', async (world) => {
    const [near] = await opened(world, {}, { onStream: async (_session, stream) => void (await readAll(stream)) });
    const streams = await Promise.all(Array.from({ length: STREAMS_PER_SIDE_MAX }, () => near.openStream()));
    for (const stream of streams) await stream.sendControl(control('hold'));
    await expect(present(streams[0], 'a stream').next({ timeoutMs: 300 })).rejects.toMatchObject({ reason: 'timeout' });
    await expect(near.openStream()).rejects.toMatchObject({ reason: 'busy' });
    const waiting = near.openStream();
    streams[3]?.reset('aborted');
    const next = await waiting;
    await next.sendControl(control('go'));
    expect(near.openStreams).toBe(STREAMS_PER_SIDE_MAX);
  });
});

describe('the life of a session', () => {
  tale('BN-30 stays alive while a stream is open, and closes when it was idle for a minute', async (world) => {
    const [near, far] = await opened(world, {}, { onStream: async (_session, stream) => void (await readAll(stream)) });
    const stream = await near.openStream();
    await stream.sendControl(control('hold'));
    await world.clock.sleep(300 * second);
    expect(near.isUsable).toBe(true);
    expect(near.rttMs).toBeGreaterThan(15);
    expect(near.rttMs).toBeLessThan(40);
    await stream.end();
    const endedMs = world.clock.elapsedMs;
    expect(['idle', 'said by the peer']).toContain((await near.closed).detail);
    await far.closed;
    expect(world.clock.elapsedMs - endedMs).toBeGreaterThan(55 * second);
    expect(world.clock.elapsedMs - endedMs).toBeLessThan(70 * second);
  });

  tale('notices a peer that vanished without a word within 10 s, in the middle of a transfer', async (world) => {
    const [near] = await opened(world, {}, { onStream: async (_session, stream) => void (await readAll(stream)) });
    const stream = await near.openStream();
    await stream.sendControl(control('go'));
    const sending = stream.sendData(new Uint8Array(64 * MiB));
    await world.clock.sleep(200);
    world.network.isolate(world.ben.host);
    const lostMs = world.clock.elapsedMs;
    await expect(sending).rejects.toMatchObject({ reason: 'closed' });
    expect(world.clock.elapsedMs - lostMs).toBeLessThan(10 * second);
    expect(await near.closed).toMatchObject({ reason: 'timeout' });
    await expect(near.openStream()).rejects.toMatchObject({ reason: 'closed' });
  });

  tale(
    'does not mistake a narrow path for a dead one',
    async (world) => {
      const [near] = await opened(world, {}, { onStream: async (_session, stream) => void (await readAll(stream)) });
      const streams = await Promise.all([near.openStream(), near.openStream()]);
      await Promise.all(
        streams.map(async (stream) => {
          await stream.sendControl(control('go'));
          await stream.sendData(new Uint8Array(512 * KiB));
          await stream.end();
          expect(await stream.next().catch(() => undefined)).toBeUndefined();
        }),
      );
      expect(near.isUsable).toBe(true);
    },
    20_000,
  );

  tale('drained, it lets streams end, opens none, and closes', async (world) => {
    const [near, far] = await opened(world, {}, { onStream: async (_session, stream) => void (await readAll(stream)) });
    const stream = await near.openStream();
    await stream.sendControl(control('go'));
    far.drain('replaced');
    await world.clock.sleep(second);
    expect(near.isUsable).toBe(false);
    await expect(near.openStream()).rejects.toMatchObject({ reason: 'closed' });
    await stream.sendData(new Uint8Array(1 * MiB));
    await stream.end();
    await Promise.all([near.closed, far.closed]);
  });
});

describe('a hostile peer', () => {
  /** What ben's session ends with after these messages of ana's, who says HELLO first. */
  const outcome = async (messages: (world: World) => Iterable<Uint8Array>, benMore: Partial<SessionConfig> = {}) => {
    const world = makeWorld();
    let result: { reason: string; detail?: string } = { reason: 'none' };
    await world.tell(async () => {
      const [near, far] = await world.connect();
      near.onMessage(() => undefined);
      const opening = openSession(world.ben.runtime, far, new CreditBudget(), world.ben.config(benMore));
      void near.send(hello(near, world));
      const session = await opening;
      if (!session.ok) throw new Error(session.reason);
      let isOpen = true;
      void near.closed.then(() => {
        isOpen = false;
      });
      let sent = 0;
      for (const message of messages(world)) {
        await near.send(message).catch(() => undefined);
        sent += 1;
        // Time for what was sent to arrive, and for credit to come back.
        if (sent % 200 === 0) await world.clock.sleep(5);
        if (!isOpen) break;
      }
      result = await Promise.race([session.value.closed, world.clock.sleep(2 * second).then(() => ({ reason: 'open' }))]);
    });
    return result;
  };
  const first = (text: string, length = text.length) => concatBytes(frameHead('control', 1, length), utf8Bytes(text));
  const data = (size: number, id = 1) => concatBytes(frameHead('data', id), new Uint8Array(size));
  const never = { onStream: () => new Promise<void>(() => undefined) };

  it('is closed with a reason: broken rules of frames, streams and credit', async () => {
    const broken: Record<string, Uint8Array[]> = {
      'a malformed frame': [Uint8Array.of(99, 0, 0, 0, 0)],
      'data on an unknown stream': [data(10)],
      'control on an unknown stream': [concatBytes(frameHead('control', 2, 4), utf8Bytes('even'))],
      'a second hello': [frameHead('hello', 0)],
      'data without credit': [first('go'), data(STREAM_CREDIT_INITIAL_BYTES)],
      'a control frame of 300000 bytes': [first('go', 300_000)],
      'a control frame inside another': [first('go', 20), first('go', 20)],
      'data inside a control frame': [first('go', 20), data(5)],
      'end inside a control frame': [first('go', 20), frameHead('end', 1)],
      'a control frame longer than announced': [first('go', 3), concatBytes(frameHead('control-more', 1), utf8Bytes('gone'))],
      'a continued control frame that never began': [first('go'), concatBytes(frameHead('control-more', 1), utf8Bytes('more'))],
      'data after end': [first('go'), frameHead('end', 1), data(5)],
      'a second end': [first('go'), frameHead('end', 1), frameHead('end', 1)],
      'a credit of 4000000000 bytes': [first('go'), encodeCredit(1, 4_000_000_000)],
    };
    for (const [detail, messages] of Object.entries(broken)) {
      expect(await outcome(() => messages, never), detail).toMatchObject({ reason: 'protocol-error', detail });
    }
  });

  it('is closed when it drips bytes for ever, though the reader keeps up', async () => {
    const drip = function* () {
      yield first('go');
      for (;;) yield data(1);
    };
    const reads = { onStream: async (_session: unknown, stream: BatStream) => void (await readAll(stream)) };
    expect(await outcome(drip, reads)).toMatchObject({ reason: 'protocol-error', detail: 'too many tiny data frames' });
  });

  it('is closed when it floods with pings, opens or resets', async () => {
    const pings = function* () {
      for (let i = 0; i < 3 * SMALL_FRAMES_BURST; i++) yield encodePing('ping', i);
    };
    expect(await outcome(pings)).toMatchObject({ reason: 'limit', detail: 'too many small frames' });
    const resets = function* () {
      for (let id = 1; id < 6 * SMALL_FRAMES_BURST; id += 2) {
        yield concatBytes(frameHead('control', id, 1), Uint8Array.of(1));
        yield concatBytes(frameHead('reset', id), utf8Bytes('aborted'));
      }
    };
    expect(await outcome(resets)).toMatchObject({ reason: 'limit' });
  });

  it('is closed when it goes on sending to a stream that was refused', async () => {
    const stubborn = function* () {
      yield first('go');
      for (;;) yield data(256 * KiB);
    };
    const refuses = { onStream: async (_session: unknown, stream: BatStream) => stream.reset('refused') };
    expect(await outcome(stubborn, refuses)).toMatchObject({ reason: 'protocol-error', detail: 'data on an ended stream' });
  });

  it('does not lose the session over frames that crossed with an end', async () => {
    const late = [
      first('go'),
      encodeCredit(1, 5),
      concatBytes(frameHead('reset', 1), utf8Bytes('bye')),
      data(100),
      frameHead('end', 1),
      encodePing('pong', 7),
    ];
    expect(await outcome(() => late)).toMatchObject({ reason: 'open' });
  });
});
