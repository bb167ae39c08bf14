import {
  concatBytes,
  createCrypto,
  equalBytes,
  GiB,
  type KeyPair,
  KiB,
  keyPairFromSeed,
  MiB,
  type NodeId,
  present,
  second,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { BatStream } from '../connection/bat-session.ts';
import { CreditBudget } from '../connection/credit.ts';
import { openSession, type Session } from '../connection/session.ts';
import { RELAY_CIRCUIT_MS_MAX, RELAY_CIRCUITS_PER_NODE_MAX, RELAY_QUIET_MS, RELAY_WAIT_MS, TINY_DATA_FRAMES_MAX } from '../limits.ts';
import { MemoryShardStore } from '../storage/memory-shard-store.ts';
import { ShardServer } from '../transfer/shard-server.ts';
import { batAnswerCodec, batRequestCodec } from '../wire/frame-codecs.ts';
import type { BatAnswer } from '../wire/frames.ts';
import { type RelayConfig, RelayService } from './relay-service.ts';

const named = (name: string, length = 32): Uint8Array => sha256(utf8Bytes(name)).slice(0, length);
const keyOf = (name: string): KeyPair => keyPairFromSeed(named(name));
const circuitOf = (name: string): Uint8Array => named(name, 16);

async function makeWorld(simulation: ReturnType<typeof createSimRuntime>, relayConfig: RelayConfig | 'none') {
  const network = new SimNetwork(simulation);
  const { verifier } = createCrypto();
  const relayKey = keyOf('relay');
  const host = network.addHost();
  const { runtime } = simulation.node('relay');
  const store = new MemoryShardStore(runtime, { offerBytes: GiB });
  await store.open();
  const relay = relayConfig === 'none' ? undefined : new RelayService(runtime, relayConfig);
  const server = new ShardServer(runtime, {
    store,
    signer: relayKey,
    verifier,
    onShardHeld: () => undefined,
    isLeaving: () => false,
    relay,
  });
  const config = { nodeId: relayKey.nodeId, networkKey: named('network'), shardBytesMax: 0, relays: relay !== undefined };
  const listener = new SimListener(host, relayKey);
  const budget = new CreditBudget();
  await listener.listen((connection) => {
    void openSession(runtime, connection, budget, { ...config, onStream: (session, stream) => server.serve(session, stream) });
  });
  /** A session of the node with this name to the relay, from a machine of its own. */
  const connect = async (name: string): Promise<Session> => {
    const key = keyOf(name);
    const dialled = await new SimDialer(network.addHost(), key).dial(host.address(listener.localAddress.port), relayKey.nodeId, {
      timeoutMs: 5000,
    });
    if (!dialled.ok) throw new Error(dialled.reason);
    const more = { nodeId: key.nodeId, relays: false, onStream: async () => undefined };
    const session = await openSession(simulation.runtime, dialled.value, new CreditBudget(), { ...config, ...more });
    if (!session.ok) throw new Error(session.reason);
    return session.value;
  };
  return { clock: simulation.clock, relay: relay as RelayService, connect };
}

type World = Awaited<ReturnType<typeof makeWorld>>;

/** A test that is told in a world of its own, in simulated time. */
const tale = (title: string, tell: (world: World) => Promise<void>, config: RelayConfig | 'none' = {}): void =>
  it(title, () => {
    const simulation = createSimRuntime('relay');
    return simulation.clock.runUntilSettled(makeWorld(simulation, config).then(tell), { deadlineMs: 2 * RELAY_CIRCUIT_MS_MAX });
  });

const read = async (stream: BatStream): Promise<BatAnswer> => {
  const item = present(await stream.next(), 'an answer');
  const decoded = batAnswerCodec.decode(item.bytes);
  if (item.kind !== 'control' || !decoded.ok) throw new Error('no answer');
  return decoded.value;
};

async function ask(session: Session, circuit: string, peer: NodeId): Promise<{ readonly stream: BatStream; readonly first: BatAnswer }> {
  const stream = await session.openStream();
  await stream.sendControl(batRequestCodec.encode({ verb: 'relay', circuit: circuitOf(circuit), peer }));
  return { stream, first: await read(stream) };
}

/** A circuit between two nodes, open at both ends. */
async function open(
  sessions: { readonly ana: Session; readonly ben: Session },
  circuit = 'one',
  names: readonly [string, string] = ['ana', 'ben'],
): Promise<[BatStream, BatStream]> {
  const near = await ask(sessions.ana, circuit, keyOf(names[1]).nodeId);
  const far = await ask(sessions.ben, circuit, keyOf(names[0]).nodeId);
  expect([near.first.kind, far.first.kind]).toEqual(['relay-ready', 'relay-ready']);
  expect([await read(near.stream), await read(far.stream)]).toEqual([{ kind: 'relay-open' }, { kind: 'relay-open' }]);
  return [near.stream, far.stream];
}

const both = async ({ connect }: World) => ({ ana: await connect('ana'), ben: await connect('ben') });

async function readAll(stream: BatStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let item = await stream.next(); item !== undefined; item = await stream.next()) parts.push(item.bytes);
  return concatBytes(...parts);
}

/** The word that a stream ends with, after what was sent before. */
async function endOf(stream: BatStream): Promise<string> {
  try {
    while ((await stream.next()) !== undefined);
    return 'end';
  } catch (error) {
    return (error as { readonly reason: string }).reason;
  }
}

describe('a circuit', () => {
  tale('carries data both ways, byte for byte, to the end that either side makes', async (world) => {
    const [near, far] = await open(await both(world));
    const [there, back] = [new Uint8Array(3 * MiB).map((_, i) => i * 7), new Uint8Array(777).map((_, i) => i)];
    const received = readAll(far);
    await near.sendData(there);
    await near.end();
    expect(equalBytes(await received, there)).toBe(true);
    await far.sendData(back);
    await far.end();
    expect(await readAll(near)).toEqual(back);
    expect(world.relay.usage()).toMatchObject({ openCircuits: 0, waitingCircuits: 0, circuitsTotal: 1, bytesTotal: 3 * MiB + 777 });
  });

  tale(
    'tells each end its limits in advance',
    async (world) => {
      const sessions = await both(world);
      const { first } = await ask(sessions.ana, 'one', keyOf('ben').nodeId);
      expect(first).toEqual({ kind: 'relay-ready', bytesMax: 1000, bytesLeftToday: 5000, msMax: RELAY_CIRCUIT_MS_MAX });
      expect(world.relay.usage()).toMatchObject({ openCircuits: 0, waitingCircuits: 1, bytesPerDay: 5000 });
    },
    { bytesPerCircuit: 1000, bytesPerDay: 5000 },
  );

  tale('stalls its sender while the other end takes nothing, and nobody else', async (world) => {
    const sessions = await both(world);
    const [near, far] = await open(sessions);
    const sending = near.sendData(new Uint8Array(16 * MiB));
    await world.clock.sleep(5 * second);
    expect(near.movedBytes).toBeLessThan(4 * MiB);
    const [other, otherFar] = await open(sessions, 'two');
    await other.sendData(new Uint8Array([1, 2, 3]));
    expect((await otherFar.next())?.bytes).toEqual(new Uint8Array([1, 2, 3]));
    for (let got = 0; got < 16 * MiB; ) got += present(await far.next(), 'data').bytes.length;
    await sending;
  });

  tale('carries more short messages than a stream of another kind may', async (world) => {
    const [near, far] = await open(await both(world));
    far.allowTinyFrames();
    const received = readAll(far);
    for (let i = 0; i < 2 * TINY_DATA_FRAMES_MAX; i++) await near.sendData(new Uint8Array([i]));
    await near.end();
    expect(await received).toEqual(new Uint8Array(2 * TINY_DATA_FRAMES_MAX).map((_, i) => i));
  });

  tale(
    'ends at both ends when it has carried what it may, and says so',
    async (world) => {
      const [near, far] = await open(await both(world));
      near.sendData(new Uint8Array(100 * KiB)).catch(() => undefined);
      expect(await Promise.all([endOf(near), endOf(far)])).toEqual(['relay-bytes', 'relay-bytes']);
      expect(world.relay.usage()).toMatchObject({ openCircuits: 0, bytesPerDay: GiB });
      expect(world.relay.usage().bytesTotal).toBeLessThanOrEqual(64 * KiB);
    },
    { bytesPerCircuit: 64 * KiB, bytesPerDay: GiB },
  );

  tale(
    'ends when the day is used up; a new one is refused',
    async (world) => {
      const sessions = await both(world);
      const [near, far] = await open(sessions);
      await near.sendData(new Uint8Array(10 * KiB));
      far.sendData(new Uint8Array(10 * KiB)).catch(() => undefined);
      near.sendData(new Uint8Array(1)).catch(() => undefined);
      expect(await Promise.all([endOf(near), endOf(far)])).toEqual(['relay-quota', 'relay-quota']);
      const { first } = await ask(sessions.ana, 'two', keyOf('ben').nodeId);
      expect(first).toEqual({ kind: 'refused', reason: 'relay-quota', detail: '' });
    },
    { bytesPerDay: 20 * KiB },
  );

  tale('ends when either end is gone, and the other hears of it', async (world) => {
    const sessions = await both(world);
    const [near, far] = await open(sessions);
    near.reset('aborted');
    expect(await endOf(far)).toBe('gone');
    const [, other] = await open(sessions, 'two');
    sessions.ana.close('bye');
    expect(await endOf(other)).toBe('gone');
    expect(world.relay.usage()).toMatchObject({ openCircuits: 0, waitingCircuits: 0 });
  });

  tale('ends after a minute in which it carried next to nothing', async (world) => {
    const [near, far] = await open(await both(world));
    const startMs = world.clock.monotonicMs();
    const ends = Promise.all([endOf(near), endOf(far)]);
    let isOver = false;
    void ends.then(() => {
      isOver = true;
    });
    // As the heartbeats of a session inside do.
    while (!isOver) {
      await near.sendData(new Uint8Array(60)).catch(() => undefined);
      await world.clock.sleep(2.5 * second);
    }
    expect(await ends).toEqual(['idle', 'idle']);
    const afterMs = world.clock.monotonicMs() - startMs;
    expect(afterMs).toBeGreaterThanOrEqual(60 * second);
    expect(afterMs).toBeLessThan(70 * second);
  });

  tale('ends when one end does not take what the other sends', async (world) => {
    const [near, far] = await open(await both(world));
    near.sendData(new Uint8Array(32 * MiB)).catch(() => undefined);
    const trickle = (async () => {
      for (;;) {
        await far.sendData(new Uint8Array(20 * KiB));
        await world.clock.sleep(5 * second);
      }
    })().catch((error: { readonly reason: string }) => error.reason);
    expect(await trickle).toBe('too-slow');
  });

  tale('lasts four hours at the most', async (world) => {
    const [near, far] = await open(await both(world));
    const startMs = world.clock.monotonicMs();
    const reading = endOf(far);
    const sending = (async () => {
      for (;;) {
        await near.sendData(new Uint8Array(32 * KiB));
        await world.clock.sleep(30 * second);
      }
    })().catch((error: { readonly reason: string }) => error.reason);
    expect(await Promise.all([sending, reading])).toEqual(['relay-time', 'relay-time']);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(RELAY_CIRCUIT_MS_MAX + 60 * second);
  });
});

describe('who finds whom at a relay', () => {
  tale(
    'a node that relays nothing says so',
    async ({ connect }) => {
      const { first } = await ask(await connect('ana'), 'one', keyOf('ben').nodeId);
      expect(first).toMatchObject({ kind: 'refused', reason: 'not-a-relay' });
    },
    'none',
  );

  tale('who waits in vain is told after 15 s', async (world) => {
    const { stream } = await ask(await world.connect('ana'), 'one', keyOf('ben').nodeId);
    const startMs = world.clock.monotonicMs();
    expect(await read(stream)).toMatchObject({ kind: 'refused', reason: 'no-counterpart' });
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(RELAY_WAIT_MS + second);
    expect(await endOf(stream)).toBe('end');
    expect(world.relay.usage()).toMatchObject({ waitingCircuits: 0, circuitsTotal: 0 });
  });

  tale('nobody comes between two nodes, whatever it knows of their circuit', async (world) => {
    const sessions = { ...(await both(world)), eve: await world.connect('eve') };
    const near = await ask(sessions.ana, 'one', keyOf('ben').nodeId);
    for (const peer of ['ana', 'ben', 'eve']) await ask(sessions.eve, 'one', keyOf(peer).nodeId);
    const far = await ask(sessions.ben, 'one', keyOf('ana').nodeId);
    expect([await read(near.stream), await read(far.stream)]).toEqual([{ kind: 'relay-open' }, { kind: 'relay-open' }]);
    await near.stream.sendData(new Uint8Array([9]));
    expect((await far.stream.next())?.bytes).toEqual(new Uint8Array([9]));
  });

  tale('a node that asks again, having lost its session, finds its place', async (world) => {
    const sessions = await both(world);
    const lost = await ask(sessions.ana, 'one', keyOf('ben').nodeId);
    const again = await ask(await world.connect('ana'), 'one', keyOf('ben').nodeId);
    expect(await endOf(lost.stream)).toBe('replaced');
    const far = await ask(sessions.ben, 'one', keyOf('ana').nodeId);
    expect([await read(again.stream), await read(far.stream)]).toEqual([{ kind: 'relay-open' }, { kind: 'relay-open' }]);
  });

  tale('data before the circuit is open ends it', async (world) => {
    const { stream } = await ask(await world.connect('ana'), 'one', keyOf('ben').nodeId);
    await stream.sendData(new Uint8Array([1]));
    expect(await endOf(stream)).toBe('malformed');
  });
});

describe('places at a relay', () => {
  tale(`a node has at most ${RELAY_CIRCUITS_PER_NODE_MAX} circuits, whichever side asked first`, async (world) => {
    const sessions = await both(world);
    for (let i = 0; i < RELAY_CIRCUITS_PER_NODE_MAX; i++) await open(sessions, `circuit ${i}`);
    const { first } = await ask(sessions.ben, 'more', keyOf('cleo').nodeId);
    expect(first).toMatchObject({ kind: 'refused', reason: 'relay-full' });
    const cleo = await ask(await world.connect('cleo'), 'another', keyOf('ben').nodeId);
    expect(cleo.first.kind).toBe('relay-ready');
    // The one that waits hears at once that nobody will come.
    expect((await ask(sessions.ben, 'another', keyOf('cleo').nodeId)).first).toMatchObject({ reason: 'relay-full' });
    expect(await read(cleo.stream)).toMatchObject({ kind: 'refused', reason: 'relay-full' });
  });

  tale(
    'when all are taken, the one that carries next to nothing gives way, and no other',
    async (world) => {
      const { ana, ben } = await both(world);
      const [cleo, dan] = [await world.connect('cleo'), await world.connect('dan')];
      const [quiet, quietFar] = await open({ ana, ben });
      const [busy, busyFar] = await open({ ana: cleo, ben: dan }, 'busy', ['cleo', 'dan']);
      const [benId, danId] = [keyOf('ben').nodeId, keyOf('dan').nodeId];
      expect((await ask(cleo, 'too early', danId)).first).toMatchObject({ reason: 'relay-full' });
      const busyEnd = endOf(busyFar);
      for (let i = 0; i < RELAY_QUIET_MS / second + 1; i++) {
        await busy.sendData(new Uint8Array(20 * KiB));
        await world.clock.sleep(second);
      }
      expect((await ask(cleo, 'now', benId)).first.kind).toBe('relay-ready');
      expect(await Promise.all([endOf(quiet), endOf(quietFar)])).toEqual(['relay-full', 'relay-full']);
      expect((await ask(dan, 'too many', benId)).first).toMatchObject({ reason: 'relay-full' });
      await busy.end();
      expect(await busyEnd).toBe('end');
    },
    { circuitsMax: 2 },
  );

  tale('waiting takes no place of requests to the store', async (world) => {
    const sessions = await Promise.all(Array.from({ length: 4 }, (_, i) => world.connect(`node ${i}`)));
    for (const [at, session] of sessions.entries())
      for (let i = 0; i < RELAY_CIRCUITS_PER_NODE_MAX; i++) await ask(session, `circuit ${i}`, keyOf(`nobody ${at}`).nodeId);
    expect(world.relay.usage()).toMatchObject({ waitingCircuits: 32 });
    const ana = present(sessions[0], 'a session');
    const streams = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const stream = await ana.openStream();
        await stream.sendControl(batRequestCodec.encode({ verb: 'status', needBytes: 1 }));
        return read(stream);
      }),
    );
    expect(streams.every(({ kind }) => kind === 'status')).toBe(true);
  });
});
