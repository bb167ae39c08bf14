// Two nodes that may dial each other at any moment end with one session (BN-15 to BN-19, BN-23).
import {
  type Address,
  type Connection,
  type ContactRecord,
  compareBytes,
  type Dialer,
  fail,
  type KeyPair,
  keyPairFromSeed,
  present,
  type Result,
  signContact,
} from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { INBOUND_CONNECTIONS_MAX } from '../limits.ts';
import type { ProviderHint } from '../ports.ts';
import type { BatSession } from './bat-session.ts';
import { ConnectionPool } from './connection-pool.ts';
import { DirectOpener } from './direct-opener.ts';

function recordAt(keyPair: KeyPair, batAddresses: readonly Address[]): ContactRecord {
  return signContact(keyPair, {
    sequence: 1,
    kadAddresses: [],
    batAddresses,
    brokers: [],
    flags: { isPublic: true, relays: false, stores: false, isLeaving: false, hasNoUdp: false },
    natMapping: 'none',
  });
}

function world() {
  const simulation = createSimRuntime(3);
  const network = new SimNetwork(simulation);
  const signal = new AbortController().signal;
  const make = (seed: number, networkKey = new Uint8Array(32)) => {
    const keyPair: KeyPair = keyPairFromSeed(new Uint8Array(32).fill(seed & 255, seed >> 8));
    const address = `198.18.${seed >> 8}.${seed & 255}`;
    const host = network.addHost({ name: `node${seed}`, address });
    const { runtime } = simulation.node(`node${seed}`);
    let dials = 0;
    const inner = new SimDialer(host, keyPair);
    const dialer: Dialer = {
      dial: (address, expected, options): Promise<Result<Connection, never>> => {
        dials++;
        return inner.dial(address, expected, options) as Promise<Result<Connection, never>>;
      },
    };
    let held = Promise.resolve();
    let release: () => void = () => undefined;
    const hold = (): void => {
      held = new Promise((resolve) => {
        release = resolve;
      });
    };
    const config = {
      nodeId: keyPair.nodeId,
      networkKey,
      shardBytesMax: 0,
      relays: false,
      onStream: () => held,
    };
    const pool = new ConnectionPool(runtime, { opener: new DirectOpener(runtime, { dialer, resolve: async () => undefined }) }, config);
    const listener = new SimListener(host, keyPair, { port: 4880 });
    const record = recordAt(keyPair, [{ host: address, port: 4880 }]);
    const hint: ProviderHint = { nodeId: keyPair.nodeId, record };
    return { keyPair, pool, listener, hint, address, dialer, dials: () => dials, hold, release: () => release() };
  };
  const [a, b] = [make(1), make(2)].sort((x, y) => compareBytes(x.keyPair.nodeId, y.keyPair.nodeId)) as [
    ReturnType<typeof make>,
    ReturnType<typeof make>,
  ];
  const settle = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: 60_000 });
  const many = (count: number) => Array.from({ length: count }, (_, i) => make(300 + i));
  const stranger = () => make(99, new Uint8Array(32).fill(1));
  return { simulation, a, b, signal, settle, many, stranger };
}

const options = (signal: AbortSignal) => ({ signal, timeoutMs: 8_000 });

/** A session with a stream under way at a, whose peer has come back on another connection, as after a change of its address. */
async function replaceSession({ simulation, a, b, signal, settle }: ReturnType<typeof world>) {
  await settle(b.listener.listen((connection) => void b.pool.accept(connection)));
  const older = await settle(a.pool.connect(b.hint, options(signal)));
  if (!older.ok) throw new Error(older.reason);
  const stream = await settle(older.value.openStream());
  b.hold();
  await settle(stream.sendControl(Uint8Array.of(1)));
  await simulation.clock.runFor(6_000);
  const dialled = await settle(a.dialer.dial({ host: b.address, port: 4880 }, b.keyPair.nodeId, { timeoutMs: 1000 }));
  if (!dialled.ok) throw new Error(dialled.reason);
  await settle(a.pool.accept(dialled.value));
  return { older: older.value, dialled: dialled.value, stream };
}

describe('the one session to a peer', () => {
  it('BN-15 BN-17 BN-23 is the one that the smaller id dialled, when both ends dial at once', async () => {
    const { simulation, a, b, signal, settle } = world();
    await settle(a.listener.listen((connection) => void a.pool.accept(connection)));
    await settle(b.listener.listen((connection) => void b.pool.accept(connection)));
    const [ab, ba] = await settle(Promise.all([a.pool.connect(b.hint, options(signal)), b.pool.connect(a.hint, options(signal))]));
    expect(ab.ok && ba.ok).toBe(true);
    await simulation.clock.runFor(5_000);
    const [ofA] = a.pool.sessions();
    const [ofB] = b.pool.sessions();
    expect(a.pool.sessions()).toHaveLength(1);
    expect(b.pool.sessions()).toHaveLength(1);
    // The same connection at both ends, and the smaller id opened it.
    expect(ofA?.session.connection.binding).toEqual(ofB?.session.connection.binding);
    expect(ofA?.session.connection.isInitiator).toBe(true);
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('is told of once HELLO is through, before it is handed to who waits for it; of a peer that stalls before, never', async () => {
    const { simulation, a, b, signal, settle } = world();
    const told: string[] = [];
    await settle(b.listener.listen((connection) => void b.pool.accept(connection, () => told.push('stands'))));
    const stalled = await settle(a.dialer.dial({ host: b.address, port: 4880 }, b.keyPair.nodeId, { timeoutMs: 1000 }));
    if (!stalled.ok) throw new Error(stalled.reason);
    await simulation.clock.runFor(3_000);
    expect(b.pool.sessions()).toHaveLength(0);
    const waiting = b.pool.connect(
      { nodeId: a.keyPair.nodeId, record: recordAt(a.keyPair, [{ host: '198.18.99.99', port: 1 }]) },
      options(signal),
    );
    void waiting.then(() => told.push('handed out'));
    expect((await settle(a.pool.connect(b.hint, options(signal)))).ok).toBe(true);
    expect((await settle(waiting)).ok).toBe(true);
    await simulation.clock.runFor(10_000);
    expect(told).toEqual(['stands', 'handed out']);
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('is dialled once however many ask for it, and again after it has ended', async () => {
    const { a, b, signal, settle } = world();
    await settle(b.listener.listen((connection) => void b.pool.accept(connection)));
    const sessions = await settle(Promise.all([1, 2, 3, 4].map(() => a.pool.connect(b.hint, options(signal)))));
    expect(a.dials()).toBe(1);
    expect(new Set(sessions.map((session) => session.ok && session.value)).size).toBe(1);
    const [first] = sessions;
    if (first?.ok !== true) throw new Error('no session');
    first.value.close('enough');
    await settle(first.value.closed);
    expect((await settle(a.pool.connect(b.hint, options(signal)))).ok).toBe(true);
    expect(a.dials()).toBe(2);
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('BN-18 BN-19 is the one that the peer opened, for those who wait while our own dial gets nowhere', async () => {
    const { a, b, signal, settle } = world();
    await settle(a.listener.listen((connection) => void a.pool.accept(connection)));
    const silent = { nodeId: b.keyPair.nodeId, record: recordAt(b.keyPair, [{ host: '198.18.0.99', port: 4880 }]) };
    const waiting = a.pool.connect(silent, options(signal));
    const opened = await settle(b.pool.connect(a.hint, options(signal)));
    const found = await settle(waiting);
    if (!found.ok || !opened.ok) throw new Error('no session');
    expect(found.value.connection.binding).toEqual(opened.value.connection.binding);
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('tries the next address beside one that does not answer, and at once after one that refuses', async () => {
    const { simulation, a, b, signal, settle } = world();
    await settle(b.listener.listen((connection) => void b.pool.accept(connection)));
    const good = { host: b.address, port: 4880 };
    for (const [bad, lessThanMs] of [
      [{ host: b.address, port: 1 }, 290],
      [{ host: '198.18.0.99', port: 4880 }, 700],
    ] as const) {
      const startMs = simulation.clock.elapsedMs;
      const session = await settle(a.pool.connect({ nodeId: b.keyPair.nodeId, record: recordAt(b.keyPair, [bad, good]) }, options(signal)));
      if (!session.ok) throw new Error(session.reason);
      expect(simulation.clock.elapsedMs - startMs).toBeLessThan(lessThanMs);
      session.value.close('enough');
      await settle(session.value.closed);
    }
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('is given up when nobody waits any more, and may be asked for again at once', async () => {
    const { a, b, signal, settle } = world();
    const abort = new AbortController();
    const first = a.pool.connect(b.hint, options(abort.signal));
    const impatient = a.pool.connect(b.hint, { signal, timeoutMs: 1 });
    expect(await settle(impatient)).toMatchObject(fail('timeout'));
    abort.abort();
    const again = a.pool.connect(b.hint, options(signal));
    expect(await settle(first)).toEqual(fail('aborted'));
    await settle(b.listener.listen((connection) => void b.pool.accept(connection)));
    expect(await settle(again)).not.toMatchObject(fail('aborted'));
    expect(a.dials()).toBe(2);
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('is replaced by a newer one, and streams under way in the older end in their own time', async () => {
    const ends = world();
    const { simulation, a, b, settle } = ends;
    const { older, dialled, stream } = await replaceSession(ends);
    await simulation.clock.runFor(1_000);
    expect(b.pool.sessions()).toHaveLength(1);
    expect(b.pool.sessions()[0]?.session.connection.binding).toEqual(dialled.binding);
    expect(older.isUsable).toBe(false);
    expect(older.openStreams).toBe(1);
    await settle(stream.end());
    b.release();
    await settle(older.closed);
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('is replaced, and what goes on in the older, as circuits and tunnels do, lives until it is still for a minute', async () => {
    const ends = world();
    const { simulation, a, b, settle } = ends;
    const { older, stream } = await replaceSession(ends);
    let closedMs: number | undefined;
    void older.closed.then(() => {
      closedMs = simulation.clock.elapsedMs;
    });
    for (let n = 0; n < 10; n++) {
      await simulation.clock.runFor(25_000);
      expect(closedMs).toBeUndefined();
      await settle(stream.sendControl(Uint8Array.of(2)));
    }
    const stillMs = simulation.clock.elapsedMs;
    await simulation.clock.runFor(70_000);
    expect(closedMs).toBeGreaterThanOrEqual(stillMs + 59_000);
    expect(closedMs).toBeLessThanOrEqual(stillMs + 61_000);
    b.release();
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('takes the place of the one that was idle for longest when all places are taken, and a stranger takes none', async () => {
    const { simulation, a, b, signal, settle, many, stranger } = world();
    await settle(b.listener.listen((connection) => void b.pool.accept(connection)));
    const others = many(256);
    for (const other of others) expect((await settle(other.pool.connect(b.hint, options(signal)))).ok).toBe(true);
    await simulation.clock.runFor(1_000);
    expect(b.pool.sessions()).toHaveLength(256);
    // BD-59: without the key of the network.
    expect((await settle(stranger().pool.connect(b.hint, options(signal)))).ok).toBe(false);
    await simulation.clock.runFor(1_000);
    expect(others.every((other) => other.pool.sessions().length === 1)).toBe(true);
    expect((await settle(a.pool.connect(b.hint, options(signal)))).ok).toBe(true);
    await simulation.clock.runFor(1_000);
    expect(b.pool.sessions()).toHaveLength(256);
    const idle = others.filter((other) => other.pool.sessions().length === 0);
    expect(idle).toEqual([others[0]]);
    await settle(Promise.all([a.pool.close(), b.pool.close(), ...others.map((other) => other.pool.close())]));
  }, 30_000);

  it('T14 can be dialled although peers who dialled us keep all of their places busy', async () => {
    const { simulation, a, b, signal, settle, many } = world();
    for (const node of [a, b]) await settle(node.listener.listen((connection) => void node.pool.accept(connection)));
    b.hold();
    const [late, ...others] = many(INBOUND_CONNECTIONS_MAX + 1);
    const occupy = async (other: (typeof others)[number]): Promise<void> => {
      const session = await settle(other.pool.connect(b.hint, options(signal)));
      if (!session.ok) throw new Error(session.reason);
      const stream = await settle(session.value.openStream());
      await settle(stream.sendControl(Uint8Array.of(1)));
    };
    for (const other of others) await occupy(other);
    await simulation.clock.runFor(1_000);
    expect((await settle(b.pool.connect(a.hint, options(signal)))).ok).toBe(true);
    expect((await settle(present(late, 'one more').pool.connect(b.hint, options(signal)))).ok).toBe(false);
    b.release();
    await settle(Promise.all([a.pool.close(), b.pool.close(), ...others.map((other) => other.pool.close())]));
  }, 30_000);

  it('T14 is replaced again and again by a peer that collects sessions, of which few are kept', async () => {
    const { simulation, a, b, signal, settle } = world();
    await settle(b.listener.listen((connection) => void b.pool.accept(connection)));
    b.hold();
    const sessions: BatSession[] = [];
    for (let i = 0; i < 6; i++) {
      const dialled = await settle(a.dialer.dial({ host: b.address, port: 4880 }, b.keyPair.nodeId, { timeoutMs: 1000 }));
      if (!dialled.ok) throw new Error(dialled.reason);
      void a.pool.accept(dialled.value);
      await simulation.clock.runFor(1_000);
      const session = await settle(a.pool.connect(b.hint, options(signal)));
      if (!session.ok) throw new Error(session.reason);
      sessions.push(session.value);
      await settle((await settle(session.value.openStream())).sendControl(Uint8Array.of(1)));
    }
    await simulation.clock.runFor(1_000);
    const ended = await settle(
      Promise.all(sessions.map((session) => Promise.race([session.closed.then(() => true), simulation.clock.sleep(1).then(() => false)]))),
    );
    expect(ended).toEqual([true, true, true, false, false, false]);
    b.release();
    await settle(Promise.all([a.pool.close(), b.pool.close()]));
  });

  it('has a reason when it can not be had, and waits no longer than it may', async () => {
    const { a, b, signal, settle } = world();
    expect(await settle(a.pool.connect(b.hint, options(signal)))).toMatchObject(fail('refused'));
    expect(await settle(a.pool.connect({ nodeId: b.keyPair.nodeId, record: undefined }, options(signal)))).toMatchObject(
      fail('unreachable'),
    );
    const abort = new AbortController();
    abort.abort();
    expect(await settle(a.pool.connect(b.hint, options(abort.signal)))).toEqual(fail('aborted'));
    await settle(a.pool.close());
    expect(await settle(a.pool.connect(b.hint, options(signal)))).toEqual(fail('aborted'));
  });
});
