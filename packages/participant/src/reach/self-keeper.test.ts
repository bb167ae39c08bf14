// What others are asked to try, and which address is told once they got through.
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { SeenByOthers, SelfDescription } from './describe-self.ts';
import { SelfKeeper } from './self-keeper.ts';

const HOME = '203.0.113.7';
const CLOSED: SeenByOthers = {
  external: { host: HOME, port: 4870 },
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  preservesPort: true,
  kadReachable: false,
  kadReachableAt: undefined,
  batReachable: false,
};

describe('SelfKeeper', () => {
  it('has the port that the router gave tried, and advertises it once somebody came through', async () => {
    const { runtime, clock } = createSimRuntime('self-keeper');
    const asked: unknown[] = [];
    const told: SelfDescription[] = [];
    let seen = CLOSED;
    const keeper = new SelfKeeper(runtime, {
      kad: {
        selfView: () => seen,
        setReachability: () => undefined,
        checkReach: async (options) => {
          asked.push(options);
          if (options.kadPort === 5000) seen = { ...CLOSED, kadReachable: true, kadReachableAt: { host: HOME, port: 5000 } };
        },
      },
      ownHosts: () => ['192.168.1.10'],
      bound: () => ({ kad: { host: '::', port: 4870 }, bat: { host: '::', port: 4880 } }),
      relays: () => [],
      hasNoUdp: () => false,
      onChange: (self) => told.push(self),
    });
    keeper.start();
    keeper.checkSoon();
    await clock.runFor(1000);
    keeper.mapped({ protocol: 'udp', external: { host: '198.51.100.1', port: 5000 } });
    await clock.runFor(1000);
    expect(asked, 'nobody would try that address').toEqual(Array(2).fill({ batPort: 4880, kadPort: undefined }));
    keeper.mapped({ protocol: 'udp', external: { host: HOME, port: 5000 } });
    expect(told.at(-1)?.kadAddresses[0], 'not proved yet').toEqual({ host: HOME, port: 4870 });
    await clock.runFor(1000);
    expect(asked.at(-1)).toEqual({ batPort: 4880, kadPort: 5000 });
    expect(told.at(-1)).toMatchObject({ isKadReachable: true, kadAddresses: [{ host: HOME, port: 5000 }, { host: '192.168.1.10' }] });
    keeper.stop();
  });
});
