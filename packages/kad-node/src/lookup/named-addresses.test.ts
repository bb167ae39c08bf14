import type { Address } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { SILENT_PER_IP_MAX } from '../limits.ts';
import { NamedAddresses } from './named-addresses.ts';

const at = (host: string, port = 4870): Address => ({ host, port });

describe('NamedAddresses', () => {
  it.each(['198.51.100.7', '127.0.0.1', '10.0.0.1'])('T6 lets one name at a time be tried at %s, and none once it was silent', (host) => {
    const addresses = new NamedAddresses();
    expect(addresses.verdict(at(host))).toBe('ask');
    addresses.note(at(host), 'asking');
    expect(addresses.verdict(at(host))).toBe('later');
    addresses.note(at(host), 'silent');
    expect(addresses.verdict(at(host))).toBe('never');
    expect(addresses.verdict(at(host, 4871)), 'another port').toBe('ask');
  });

  it('T5 lets other names be tried where somebody answered, so that a made-up name does not hide who is there', () => {
    const addresses = new NamedAddresses();
    addresses.note(at('198.51.100.7'), 'asking');
    addresses.note(at('198.51.100.7'), 'alive');
    expect(addresses.verdict(at('198.51.100.7'))).toBe('ask');
    addresses.note(at('198.51.100.7'), 'asking');
    addresses.note(at('198.51.100.7'), 'silent');
    expect(addresses.verdict(at('198.51.100.7'))).toBe('ask');
  });

  it.each([
    ['198.51.100.7', '198.51.100.7'],
    ['2001:db8:0:1::1', '2001:db8:0:1::99'],
  ])('T6 tries few silent ports of the public IP %s, as many as wanted when they answer', (host, other) => {
    const addresses = new NamedAddresses();
    for (let port = 1; port <= 50; port++) {
      addresses.note(at(host, port), 'asking');
      addresses.note(at(host, port), 'alive');
    }
    for (let port = 101; port <= 100 + SILENT_PER_IP_MAX; port++) {
      expect(addresses.verdict(at(host, port))).toBe('ask');
      addresses.note(at(host, port), 'asking');
    }
    expect(addresses.verdict(at(other, 99)), 'one of those under way may answer').toBe('later');
    for (let port = 101; port <= 100 + SILENT_PER_IP_MAX; port++) addresses.note(at(host, port), 'silent');
    expect(addresses.verdict(at(other, 99))).toBe('never');
    expect(addresses.verdict(at('203.0.113.1'))).toBe('ask');
    addresses.note(at(host, 101), 'alive');
    expect(addresses.verdict(at(other, 99)), 'a late answer').toBe('ask');
  });

  it('exempts private ranges from the count per IP', () => {
    const addresses = new NamedAddresses();
    for (let port = 1; port <= 50; port++) addresses.note(at('127.0.0.1', port), 'silent');
    expect(addresses.verdict(at('127.0.0.1', 51))).toBe('ask');
  });
});
