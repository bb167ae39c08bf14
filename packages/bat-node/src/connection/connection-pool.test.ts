// Two nodes that may dial each other at any moment end with one session (BN-15 to BN-19, BN-23).
import {
  type Connection,
  compareBytes,
  type Dialer,
  fail,
  type KeyPair,
  keyPairFromSeed,
  type Result,
  signContact,
} from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { ProviderHint } from '../ports.ts';
import { ConnectionPool } from './connection-pool.ts';

function world() {
  const simulation = createSimRuntime(3);
  const network = new SimNetwork(simulation);
  const signal = new AbortController().signal;
  const make = (seed: number) => {
    const keyPair: KeyPair = keyPairFromSeed(new Uint8Array(32).fill(seed));
    const host = network.addHost({ name: `node${seed}`, address: `198.18.0.${seed}` });
    const { runtime } = simulation.node(`node${seed}`);
    let dials = 0;
    const inner = new SimDialer(host, keyPair);
    const dialer: Dialer = {
      dial: (address, expected, options): Promise<Result<Connection, never>> => {
        dials++;
        return inner.dial(address, expected, options) as Promise<Result<Connection, never>>;
      },
    };
    const config = {
      nodeId: keyPair.nodeId,
      networkKey: new Uint8Array(32),
      shardBytesMax: 0,
      relays: false,
      onStream: async () => undefined,
    };
    const pool = new ConnectionPool(runtime, { dialer, resolve: async () => undefined }, config);
    const listener = new SimListener(host, keyPair, { port: 4880 });
    const record = signContact(keyPair, {
      sequence: 1,
      kadAddresses: [],
      batAddresses: [{ host: `198.18.0.${seed}`, port: 4880 }],
      brokers: [],
      flags: { isPublic: true, relays: false, stores: false, isLeaving: false, hasNoUdp: false },
      natMapping: 'none',
    });
    const hint: ProviderHint = { nodeId: keyPair.nodeId, record };
    return { keyPair, pool, listener, hint, dials: () => dials };
  };
  const [a, b] = [make(1), make(2)].sort((x, y) => compareBytes(x.keyPair.nodeId, y.keyPair.nodeId)) as [
    ReturnType<typeof make>,
    ReturnType<typeof make>,
  ];
  const settle = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: 60_000 });
  return { simulation, a, b, signal, settle };
}

const options = (signal: AbortSignal) => ({ signal, timeoutMs: 8_000 });

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
