import { keyPairFromSeed } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { VOUCHED_FOR_MS } from '../limits.ts';
import { Vouchers } from './vouchers.ts';

const peer = keyPairFromSeed(new Uint8Array(32).fill(1)).nodeId;
const HOME = { host: '203.0.113.7', port: 4870 };
const at = (host: string) => ({ host, port: 4870 });

describe('T8 who vouches for an address', () => {
  it('two brokers of different networks do, two of one network or one that says it twice do not', () => {
    const vouchers = new Vouchers();
    vouchers.note(peer, HOME, at('198.51.100.1'), 0);
    vouchers.note(peer, HOME, at('198.51.100.2'), 0);
    expect(vouchers.vouchesFor(peer, HOME.host, 0)).toBe(false);
    vouchers.note(peer, HOME, at('192.0.2.1'), 0);
    expect(vouchers.vouchesFor(peer, HOME.host, 0)).toBe(true);
    expect(vouchers.vouchesFor(peer, '203.0.113.8', 0), 'another address').toBe(false);
    expect(vouchers.vouchesFor(keyPairFromSeed(new Uint8Array(32).fill(2)).nodeId, HOME.host, 0), 'another node').toBe(false);
    expect(vouchers.vouchesFor(peer, HOME.host, VOUCHED_FOR_MS + 1), 'too old').toBe(false);
  });

  it('a node that signals straight shows its address itself', () => {
    const vouchers = new Vouchers();
    vouchers.note(peer, HOME, HOME, 0);
    expect(vouchers.vouchesFor(peer, HOME.host, 0)).toBe(true);
  });
});
