import { describe, expect, it } from 'vitest';
import { joinWarnings } from './join-warnings.ts';

const WAYS = { kad: '127.0.0.1:1', bat: '127.0.0.1:2', control: '/c', others: { canJoinHere: true, members: [] } };
const NODE = { nodeId: 'ab', ...WAYS, joined: false, remembered: 0 };
const NOTHING = { answered: [], silent: [], unresolved: [] };
const textsOf = (facts: Partial<Parameters<typeof joinWarnings>[0]>): string[] =>
  joinWarnings({ ...NODE, join: NOTHING, ...facts }, '').map(({ text }) => text);
const GOES_ON = 'the node goes on trying, by UDP and over TCP';

describe('what start says of members that did not answer', () => {
  it('is nothing when all is well, and when nobody was to be asked', () => {
    expect(textsOf({})).toEqual([]);
    expect(textsOf({ joined: true, remembered: 3 })).toEqual([]);
    expect(textsOf({ joined: true, join: { ...NOTHING, answered: ['a:1'], silent: ['b:1'] } })).toEqual([]);
  });

  it('names the join addresses, and tells what became of members that are remembered', () => {
    const join = { ...NOTHING, silent: ['203.0.113.9:4870', 'ana:4870'] };
    const nobody = 'no member of the network answered at 203.0.113.9:4870, ana:4870 (--join)';
    expect(textsOf({ join })).toEqual([`${nobody}; ${GOES_ON}`]);
    expect(textsOf({ join, remembered: 1 })).toEqual([`${nobody}, nor did 1 member remembered from before; ${GOES_ON}`]);
    expect(textsOf({ join, joined: true })).toEqual([`${nobody}; others did; ${GOES_ON}`]);
  });

  it('tells a name without an address apart from a host that does not answer', () => {
    const join = { ...NOTHING, unresolved: ['nosuch.example:4870'], silent: ['203.0.113.9:4870'] };
    expect(textsOf({ join })).toEqual([
      'no address is known for nosuch.example:4870 (--join); the node goes on looking it up',
      `no member of the network answered at 203.0.113.9:4870 (--join); ${GOES_ON}`,
    ]);
  });

  it('says after a plain start that nobody who is remembered answered', () => {
    expect(textsOf({ remembered: 3 })).toEqual([`3 members remembered from before: none answered; ${GOES_ON}`]);
  });
});
