import { describe, expect, it } from 'vitest';
import { findGateway } from './gateway-route.ts';
import { lanInterfaces } from './lan-interfaces.ts';
import { parseRouteTable } from './route-table.ts';

const HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const line = (name: string, destination: string, gateway: string, flags: string, metric: number, mask: string): string =>
  `${[name, destination, gateway, flags, 0, 0, metric, mask, 0, 0, 0].join('\t')}   \n`;

describe('the default route', () => {
  it('is read from the table of Linux, in the byte order of the machine', () => {
    const table =
      HEADER + line('eth0', '00000000', '0101A8C0', '0003', 0, '00000000') + line('eth0', '0001A8C0', '00000000', '0001', 0, '00FFFFFF');
    expect(parseRouteTable(table, 'LE')).toEqual({ interfaceName: 'eth0', gateway: '192.168.1.1' });
    expect(parseRouteTable(HEADER + line('eth0', '00000000', 'C0A80101', '0003', 0, '00000000'), 'BE')?.gateway).toBe('192.168.1.1');
  });

  it('is the one with the lowest metric that has a gateway and is up', () => {
    const table =
      HEADER +
      line('tun0', '00000000', '00000000', '0001', 0, '00000000') +
      line('wlan0', '00000000', '0202A8C0', '0003', 600, '00000000') +
      line('eth0', '00000000', '0101A8C0', '0003', 100, '00000000') +
      line('eth1', '00000000', '0303A8C0', '0002', 1, '00000000') +
      line('vpn0', '00000000', '0404A8C0', '0003', 0, '00000080');
    expect(parseRouteTable(table, 'LE')).toEqual({ interfaceName: 'eth0', gateway: '192.168.1.1' });
  });

  it.each(['', HEADER, 'nonsense', `${HEADER}eth0\n`, `${HEADER}${line('eth0', '00000000', 'XYZ', '0003', 0, '00000000')}`])(
    'is none in %j',
    (table) => {
      expect(parseRouteTable(table, 'LE')).toBeUndefined();
    },
  );

  it('concerns nobody who stays on loopback', async () => {
    expect(await findGateway({ host: '127.0.0.1' })).toMatchObject({ reason: 'loopback-only' });
    expect(lanInterfaces({ host: '127.0.0.1' })).toEqual([]);
  });

  it('is none for an address that this machine does not have', async () => {
    expect((await findGateway({ host: '192.168.254.253' })).ok).toBe(false);
    expect(lanInterfaces({ host: '192.168.254.253' })).toEqual([]);
  });

  it('is asked for interfaces with addresses outside loopback', () => {
    for (const { host, prefixBits } of lanInterfaces({ host: '::' })) {
      expect(host).not.toMatch(/^127\./);
      expect(prefixBits).toBeGreaterThan(0);
      expect(lanInterfaces({ host })).toHaveLength(1);
    }
  });
});
