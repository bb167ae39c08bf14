import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, addressFromBytes, isDialable, isLoopbackHost, isPrivateHost } from './address.ts';

const NETS = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const;

describe('address ranges', () => {
  it('agree with the ranges of the operating system library on every address', () => {
    const list = new BlockList();
    for (const [net, bits] of NETS) list.addSubnet(net, bits, net.includes(':') ? 'ipv6' : 'ipv4');
    const edges = fc.constantFrom(
      '172.15.255.255',
      '172.16.0.0',
      '172.31.255.255',
      '172.32.0.0',
      '100.63.1.1',
      '100.64.0.0',
      '100.128.0.0',
      '9.9.9.9',
    );
    const v6 = fc.constantFrom(
      '::1',
      '::2',
      'fbff::1',
      'fc00::1',
      'fdff::1',
      'fe00::1',
      'fe7f::1',
      'fe80::1',
      'febf::1',
      'fec0::1',
      '2001:db8::1',
    );
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), edges, v6), (host) => {
        expect(isPrivateHost(host)).toBe(list.check(host, host.includes(':') ? 'ipv6' : 'ipv4'));
      }),
      { numRuns: 1000 },
    );
    expect(isPrivateHost('example.org')).toBe(false);
  });

  it('are read and written as they are', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(65_535), (host, port) => {
        const bytes = addressBytes({ host, port });
        expect([...bytes]).toEqual([...host.split('.').map(Number), port >> 8, port & 255]);
        expect(addressFromBytes(bytes)).toEqual({ host, port });
      }),
    );
  });

  it('lets a private address be dialled only from the same range, and some never', () => {
    const to = (host: string, port = 1) => ({ host, port });
    expect(isDialable(to('192.0.2.1'), [])).toBe(true);
    expect(isDialable(to('192.0.2.1', 0), [])).toBe(false);
    expect(isDialable(to('192.168.7.7'), ['10.0.0.1'])).toBe(false);
    expect(isDialable(to('192.168.7.7'), ['10.0.0.1', '192.168.1.1'])).toBe(true);
    expect(isDialable(to('fd00::5'), ['fd12::1'])).toBe(true);
    expect(isDialable(to('::1'), ['127.0.0.1'])).toBe(true);
    for (const host of ['0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1', 'name.example']) {
      expect(isDialable(to(host), ['127.0.0.1', '10.0.0.1'])).toBe(false);
    }
    expect([isLoopbackHost('127.9.9.9'), isLoopbackHost('::1'), isLoopbackHost('128.0.0.1')]).toEqual([true, true, false]);
  });
});
