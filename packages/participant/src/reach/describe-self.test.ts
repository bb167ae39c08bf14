import { describe, expect, it } from 'vitest';
import { describeSelf, type SelfInputs, takesJoins } from './describe-self.ts';

const HOME: SelfInputs = {
  seen: {
    external: { host: '203.0.113.7', port: 4870 },
    mapping: 'endpoint-independent',
    filtering: 'unknown',
    preservesPort: true,
    kadReachable: undefined,
    kadReachableAt: undefined,
    batReachable: undefined,
  },
  hosts: ['127.0.0.1', '192.168.1.10'],
  kad: { host: '::', port: 4870 },
  bat: { host: '::', port: 4880 },
  mappings: [],
  hasNoUdp: false,
  relays: [],
};
const names = (addresses: readonly { host: string; port: number }[]): string[] => addresses.map(({ host, port }) => `${host}:${port}`);

describe('what a node says of itself', () => {
  it('behind a router: its local addresses, and where its mapping is; others do not enter it in their tables', () => {
    const self = describeSelf(HOME);
    expect(self).toMatchObject({ isKadReachable: false, reach: 'punched', natMapping: 'endpoint-independent' });
    expect(names(self.kadAddresses)).toEqual(['203.0.113.7:4870', '192.168.1.10:4870']);
    expect(names(self.batAddresses)).toEqual(['192.168.1.10:4880']);
    expect(self.facts).toMatchObject({ isBatReachable: false, keepsPorts: true, hasUdp: true });
  });

  it('behind a router whose ports are forwarded: the outside addresses too, once somebody has come through', () => {
    const self = describeSelf({ ...HOME, seen: { ...HOME.seen, kadReachable: true, batReachable: true } });
    expect(self).toMatchObject({ isKadReachable: true, reach: 'public' });
    expect(names(self.batAddresses)).toEqual(['203.0.113.7:4880', '192.168.1.10:4880']);
    const mapped = describeSelf({
      ...HOME,
      seen: { ...HOME.seen, batReachable: true },
      mappings: [{ protocol: 'tcp', external: { host: '203.0.113.7', port: 50_001 } }],
    });
    expect(names(mapped.batAddresses)).toEqual(['203.0.113.7:50001', '192.168.1.10:4880']);
  });

  it('behind a router that forwards another port: the number that leads here, not the one that others see', () => {
    const kadReachableAt = { host: '203.0.113.7', port: 5000 };
    const found = { ...HOME, seen: { ...HOME.seen, kadReachable: true, kadReachableAt } };
    expect(names(describeSelf(found).kadAddresses)).toEqual(['203.0.113.7:5000', '192.168.1.10:4870']);
    const mapped = { ...found, mappings: [{ protocol: 'udp', external: kadReachableAt } as const] };
    expect(names(describeSelf(mapped).kadAddresses)).toEqual(['203.0.113.7:5000', '192.168.1.10:4870']);
    const inVain = { ...mapped, seen: { ...HOME.seen, kadReachable: false } };
    expect(names(describeSelf(inVain).kadAddresses), 'nobody came through').toEqual(['203.0.113.7:4870', '192.168.1.10:4870']);
  });

  it('with a public address of its own: that, unless somebody has found a firewall before it', () => {
    const inputs = { ...HOME, hosts: ['127.0.0.1', '203.0.113.7'] };
    expect(describeSelf(inputs)).toMatchObject({ isKadReachable: true, reach: 'public' });
    expect(names(describeSelf(inputs).batAddresses)).toEqual(['203.0.113.7:4880']);
    const firewalled = describeSelf({ ...inputs, seen: { ...HOME.seen, kadReachable: false, batReachable: false } });
    expect(firewalled).toMatchObject({ isKadReachable: false, reach: 'punched', batAddresses: [] });
  });

  it('on a local network, or before anybody has seen it: all that it has', () => {
    const unseen = { ...HOME.seen, external: undefined };
    expect(describeSelf({ ...HOME, seen: unseen })).toMatchObject({ isKadReachable: true, reach: 'lan' });
    const seenInside = { ...HOME.seen, external: { host: '192.168.1.10', port: 4870 } };
    const self = describeSelf({ ...HOME, seen: seenInside });
    expect([self.reach, names(self.batAddresses)]).toEqual(['lan', ['192.168.1.10:4880']]);
    expect(describeSelf({ ...HOME, seen: unseen, hosts: ['203.0.113.7'] }).reach).toBe('public');
  });

  it('whether others can join through it: not behind a router that lets nobody in, nor at the address of whoever carries its datagrams', () => {
    const takes = (inputs: Partial<SelfInputs>): boolean => takesJoins(describeSelf({ ...HOME, ...inputs }));
    expect(takes({})).toBe(false);
    expect(takes({ seen: { ...HOME.seen, kadReachable: true } })).toBe(true);
    expect(takes({ seen: { ...HOME.seen, batReachable: true } }), 'over a WebSocket').toBe(true);
    const elsewhere = { protocol: 'tcp', external: { host: '203.0.113.7', port: 50_001 } } as const;
    expect(takes({ seen: { ...HOME.seen, batReachable: true }, mappings: [elsewhere] }), 'nobody looks there').toBe(false);
    expect(takes({ seen: { ...HOME.seen, external: undefined } }), 'on a local network').toBe(true);
    expect(takes({ hasNoUdp: true })).toBe(false);
    expect(takes({ hasNoUdp: true, seen: { ...HOME.seen, external: undefined } })).toBe(false);
  });

  it('without UDP: it is reached through others', () => {
    expect(describeSelf({ ...HOME, hasNoUdp: true })).toMatchObject({ isKadReachable: false, reach: 'relayed', facts: { hasUdp: false } });
  });
});
