import { describe, expect, it } from 'vitest';
import { othersText } from './others-text.ts';

const NODE = { kad: '203.0.113.7:40123', join: { answered: [], silent: [], unresolved: [] } };
const shut = (members: readonly string[] = []) => ({ canJoinHere: false, members: [...members] });
const FINDS = '             on the same local network they find it by themselves';

describe('how others join, as start says it', () => {
  it('is the own address where that leads here', () => {
    expect(othersText({ ...NODE, others: { canJoinHere: true, members: ['198.51.100.1:1'] } }, true)).toEqual([
      '  others     join with: batchain start --join 203.0.113.7:40123',
    ]);
  });

  it('is the member that this one joined through where it can not be joined, as it was typed', () => {
    const join = { answered: ['ana.example:4870', '192.168.1.7:4870'], silent: ['203.0.113.9:1'], unresolved: [] };
    expect(othersText({ ...NODE, join, others: shut(['203.0.113.10:4870']) }, true)).toEqual([
      '  others     can not join through this computer from outside, but as it did: batchain start --join ana.example:4870',
      FINDS,
    ]);
  });

  it('is whoever answers after a start without a word of a member', () => {
    expect(othersText({ ...NODE, others: shut(['203.0.113.10:4870', '198.51.100.20:4870']) }, false)).toEqual([
      '  others     can not join through this computer from outside, but as it did: batchain start --join 203.0.113.10:4870 --join 198.51.100.20:4870',
    ]);
    expect(othersText({ ...NODE, others: shut() }, true)).toEqual([
      '  others     can not join through this computer from outside; they need a member that can be reached',
      FINDS,
    ]);
  });
});
