// How a session ends whose peer or connection is gone without a word.
import { BatChainError, type Connection, type KeyPair, keyPairFromSeed, second, utf8Bytes } from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { CreditBudget } from './credit.ts';
import { openSession, type Session, type SessionConfig } from './session.ts';

const PORT = 4880;

/** Tells a story of ana's session to ben; `around` may stand between ana's session and her connection. */
function tell(
  story: (near: Session, world: { readonly sleep: (ms: number) => Promise<void>; readonly isolateBen: () => void }) => Promise<void>,
  around: (connection: Connection) => Connection = (connection) => connection,
): Promise<void> {
  const simulation = createSimRuntime('lost sessions');
  const network = new SimNetwork(simulation, { link: { latencyMs: [10, 10] } });
  const [ana, ben] = [network.addHost(), network.addHost()];
  const [anaKey, benKey] = [keyPairFromSeed(new Uint8Array(32).fill(1)), keyPairFromSeed(new Uint8Array(32).fill(2))];
  const configOf = ({ nodeId }: KeyPair): SessionConfig => ({
    nodeId,
    networkKey: new Uint8Array(32).fill(5),
    shardBytesMax: 0,
    relays: false,
    onStream: async () => undefined,
  });
  const play = async (): Promise<void> => {
    const listener = new SimListener(ben, benKey, { port: PORT });
    await listener.listen((connection) => void openSession(simulation.runtime, connection, new CreditBudget(), configOf(benKey)));
    const dialled = await new SimDialer(ana, anaKey).dial(ben.address(PORT), benKey.nodeId, { timeoutMs: 5 * second });
    if (!dialled.ok) throw new Error(dialled.reason);
    const session = await openSession(simulation.runtime, around(dialled.value), new CreditBudget(), configOf(anaKey));
    if (!session.ok) throw new Error(session.reason);
    await story(session.value, { sleep: (ms) => simulation.clock.sleep(ms), isolateBen: () => network.isolate(ben) });
  };
  return simulation.clock.runUntilSettled(play(), { deadlineMs: 600 * second });
}

describe('a session', () => {
  it('is over as soon as its connection takes nothing more, before word comes that it has ended', async () => {
    let isShut = false;
    const shutting = (connection: Connection): Connection =>
      new Proxy(connection, {
        get: (target, name) => {
          if (isShut && (name === 'send' || name === 'sendParts'))
            return () => Promise.reject(new BatChainError('BAT_E_CONNECTION_CLOSED', { what: 'the connection is closed' }));
          const value = Reflect.get(target, name, target) as unknown;
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    await tell(async (near) => {
      const stream = await near.openStream();
      isShut = true;
      await expect(stream.sendControl(utf8Bytes('go'))).rejects.toMatchObject({ reason: 'closed' });
      expect(near.isUsable).toBe(false);
      await expect(near.openStream()).rejects.toMatchObject({ reason: 'closed' });
    }, shutting);
  });

  it('tells for how long it has heard nothing of its peer', () =>
    tell(async (near, { sleep, isolateBen }) => {
      await sleep(30 * second);
      expect(near.silentMs).toBeLessThan(3 * second);
      isolateBen();
      await sleep(6 * second);
      expect(near.silentMs).toBeGreaterThan(3 * second);
      expect(near.silentMs).toBeLessThan(9 * second);
      expect(near.isUsable).toBe(true);
    }));
});
