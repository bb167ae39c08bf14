import { type Address, type ContactRecord, keyPairFromSeed, signContact } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { groupMax, planCandidates } from './placement-plan.ts';
import { askedCount, defaultPolicy, happyCount, parsePolicy } from './policy.ts';

const host = (seed: number, address: Address): ContactRecord =>
  signContact(keyPairFromSeed(new Uint8Array(32).fill(seed)), {
    sequence: 1,
    kadAddresses: [address],
    batAddresses: [address],
    brokers: [],
    flags: { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
    natMapping: 'none',
  });

describe('the policy of a network of so many hosts', () => {
  it('BN-04 BD-55 is the table of the design', () => {
    const table = [1, 2, 3, 4, 5, 6, 7, 12, 23, 24, 999, 1000].map((hosts) => {
      const policy = defaultPolicy(hosts);
      return `${hosts}: ${policy?.k} of ${policy?.n}`;
    });
    expect(table).toEqual([
      '1: 1 of 1',
      '2: 1 of 2',
      '3: 1 of 3',
      '4: 2 of 4',
      '5: 2 of 5',
      '6: 3 of 6',
      '7: 3 of 7',
      '12: 5 of 12',
      '23: 5 of 12',
      '24: 10 of 24',
      '999: 10 of 24',
      '1000: 20 of 50',
    ]);
    expect(defaultPolicy(0)).toBeUndefined();
  });

  it('is happy before the last third of the spare shards is placed', () => {
    expect(happyCount({ k: 4, n: 6 })).toBe(6);
    expect(happyCount({ k: 3, n: 6 })).toBe(5);
    expect(happyCount({ k: 10, n: 24 })).toBe(20);
    expect(askedCount({ k: 4, n: 6 })).toBe(8);
  });

  it.each(['0of3', '4of3', '1of257', '3 of 5', '-1of3', '1.5of3', '01of3', ''])('refuses %j', (text) => {
    expect(parsePolicy(text)).toBeUndefined();
  });
});

describe('candidates', () => {
  const policy = { k: 2, n: 6 };

  it('of one public /24 are at most a few, so that they can not be lost together', () => {
    const crowd = Array.from({ length: 8 }, (_, i) => host(i + 1, { host: `198.51.100.${i + 1}`, port: 4880 }));
    const elsewhere = host(99, { host: '203.0.113.5', port: 4880 });
    expect(groupMax(policy)).toBe(2);
    expect(planCandidates([...crowd, elsewhere], policy)).toEqual([crowd[0], crowd[1], elsewhere]);
  });

  it('of a private range are not limited, and a node counts once', () => {
    const lan = Array.from({ length: 8 }, (_, i) => host(i + 1, { host: `192.168.1.${i + 1}`, port: 4880 }));
    expect(planCandidates([...lan, ...lan], policy)).toEqual(lan);
  });
});
