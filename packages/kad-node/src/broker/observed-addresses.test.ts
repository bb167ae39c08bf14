import { type Address, type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { ADDRESS_VOTES_MAX } from '../limits.ts';
import { ObservedAddresses } from './observed-addresses.ts';

const voter = (n: number): NodeId => sha256(uintBytes(n, 4)) as NodeId;
const from = (n: number): Address => ({ host: `11.0.${n}.1`, port: 4870 });
const HERE: Address = { host: '203.0.113.5', port: 4870 };
const THERE: Address = { host: '203.0.113.5', port: 9999 };

describe('ObservedAddresses', () => {
  it('counts where peers see us, each peer once with its latest view', () => {
    const observed = new ObservedAddresses();
    for (let n = 0; n < 3; n++) observed.note(voter(n), from(n), HERE);
    observed.note(voter(3), from(3), THERE);
    observed.note(voter(0), from(0), HERE);
    expect(observed.tally()).toEqual([
      { address: HERE, votes: 3 },
      { address: THERE, votes: 1 },
    ]);
    observed.note(voter(0), from(0), THERE);
    expect(observed.tally().map(({ votes }) => votes)).toEqual([2, 2]);
  });

  it('T4 gives one network group one vote, however many ids it has', () => {
    const observed = new ObservedAddresses();
    for (let n = 0; n < 20; n++) observed.note(voter(n), { host: `198.51.100.${n}`, port: 1 }, THERE);
    observed.note(voter(100), from(1), HERE);
    observed.note(voter(101), from(2), HERE);
    expect(observed.tally()[0]).toEqual({ address: HERE, votes: 2 });
  });

  it('forgets the oldest views', () => {
    const observed = new ObservedAddresses();
    observed.note(voter(0), from(0), THERE);
    for (let n = 1; n <= ADDRESS_VOTES_MAX; n++) observed.note(voter(n), from(n), HERE);
    expect(observed.tally()).toEqual([{ address: HERE, votes: ADDRESS_VOTES_MAX }]);
  });
});
