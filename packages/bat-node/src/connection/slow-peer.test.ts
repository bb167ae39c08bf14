// Peers that keep a session alive with pings and take nothing, or next to nothing, of what is sent to them (T1, T14).
import { type Connection, concatBytes, KiB, keyPairFromSeed, MiB, NO_EXTENSIONS, second, utf8Bytes } from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { helloCodec, networkProof } from '../wire/hello.ts';
import { CreditBudget } from './credit.ts';
import { openSession, type Session } from './session.ts';
import { encodeCredit, encodePing, frameHead } from './session-frames.ts';

const networkKey = new Uint8Array(32).fill(5);
const control = (text: string): Uint8Array => utf8Bytes(text);

function makeWorld() {
  const simulation = createSimRuntime('slow peers');
  const network = new SimNetwork(simulation, { link: { latencyMs: [10, 10], bytesPerSecond: 50_000_000 } });
  const { clock } = simulation;
  const [peer, self] = [keyPairFromSeed(new Uint8Array(32).fill(1)), keyPairFromSeed(new Uint8Array(32).fill(2))];
  const host = network.addHost();
  const listener = new SimListener(host, self);
  /** A session to a peer that says HELLO and pings, and otherwise does what `act` does; and the peer's end of it. */
  const bare = async (act: (near: Connection) => void = () => undefined): Promise<[Session, Connection]> => {
    const accepted = new Promise<Connection>((resolve) => void listener.listen(resolve));
    const address = host.address(listener.localAddress.port);
    const dialled = await new SimDialer(network.addHost(), peer).dial(address, self.nodeId, { timeoutMs: 5 * second });
    if (!dialled.ok) throw new Error(dialled.reason);
    const near = dialled.value;
    near.onMessage(() => undefined);
    const config = { nodeId: self.nodeId, networkKey, shardBytesMax: 0, relays: false, onStream: async () => undefined };
    const opening = openSession(simulation.node('self').runtime, await accepted, new CreditBudget(), config);
    const proof = networkProof(networkKey, near.binding, peer.nodeId);
    const more = { shardBytesMax: 0, relays: false, streamsMax: 32, observedAddress: null, extensions: NO_EXTENSIONS };
    void near.send(concatBytes(frameHead('hello', 0), helloCodec.encode({ versions: [1], proof, ...more })));
    const session = await opening;
    if (!session.ok) throw new Error(session.reason);
    const live = (): void => {
      near.send(encodePing('ping', 1)).catch(() => undefined);
      act(near);
      timer = clock.setTimer(4 * second, live);
    };
    let timer = clock.setTimer(0, live);
    void near.closed.then(() => timer.cancel());
    return [session.value, near];
  };
  return { clock, bare };
}

type World = ReturnType<typeof makeWorld>;
/** A test that is told in a world of its own, in simulated time. */
const tale = (title: string, tell: (world: World) => Promise<void>): void =>
  it(title, () => {
    const world = makeWorld();
    return world.clock.runUntilSettled(tell(world), { deadlineMs: 600 * second });
  });

/** How a send ended and how long it took. */
const ended = async (world: World, send: Promise<void>): Promise<[string, number]> => {
  const beganMs = world.clock.elapsedMs;
  const outcome = await send.then(
    () => 'sent',
    (error: { readonly reason?: string }) => error.reason ?? String(error),
  );
  return [outcome, world.clock.elapsedMs - beganMs];
};

describe('a peer', () => {
  tale('T1 T14 that grants no credit does not hold a control frame for ever, nor the session', async (world) => {
    const [session] = await world.bare();
    const stream = await session.openStream();
    const [outcome, tookMs] = await ended(world, stream.sendControl(new Uint8Array(100 * KiB)));
    expect(outcome).toBe('timeout');
    expect(tookMs).toBeLessThanOrEqual(5 * second);
    await expect(stream.next()).rejects.toMatchObject({ reason: 'timeout' });
    expect(session.isUsable).toBe(true);
  });

  tale('T14 that grants credit in drops does not hold a control frame below 4 KiB/s', async (world) => {
    const [session] = await world.bare((near) => void near.send(encodeCredit(2, 4200)).catch(() => undefined));
    const stream = await session.openStream();
    const [outcome, tookMs] = await ended(world, stream.sendControl(new Uint8Array(160 * KiB)));
    expect(outcome).toBe('timeout');
    expect(tookMs).toBe(70 * second);
  });

  tale('T14 that reads nothing loses the session, pings or not, and nobody waits on', async (world) => {
    const [session, near] = await world.bare();
    const credit = 4 * MiB;
    const streams = await Promise.all([session.openStream(), session.openStream()]);
    for (const stream of streams) await stream.sendControl(control('go'));
    for (const id of [2, 4]) void near.send(encodeCredit(id, credit));
    await world.clock.sleep(second);
    near.pause(true);
    const data = streams.map((stream) => ended(world, stream.sendData(new Uint8Array(credit))));
    const behind = await session.openStream();
    await world.clock.sleep(second);
    const outcomes = await Promise.all([...data, ended(world, behind.sendControl(control('behind the others')))]);
    for (const [outcome, tookMs] of outcomes) {
      expect(outcome).not.toBe('sent');
      expect(tookMs).toBeLessThanOrEqual(60 * second);
    }
    expect(await session.closed).toMatchObject({ reason: 'timeout', detail: 'the peer reads too slowly' });
  });

  tale('T14 that reads nothing: a stream that is given up does not wait for its turn', async (world) => {
    const [session, near] = await world.bare();
    const [busy, waiting] = await Promise.all([session.openStream(), session.openStream()]);
    await busy.sendControl(control('go'));
    await waiting.sendControl(control('go'));
    for (const id of [2, 4]) void near.send(encodeCredit(id, 4 * MiB));
    await world.clock.sleep(second);
    near.pause(true);
    const held = ended(world, busy.sendData(new Uint8Array(4 * MiB)));
    await world.clock.sleep(second);
    const behind = ended(world, waiting.sendData(new Uint8Array(1000)));
    await world.clock.sleep(second);
    waiting.reset('too-slow');
    expect(await behind).toEqual(['too-slow', second]);
    session.close('enough');
    expect((await held)[0]).toBe('closed');
  });
});
