import { MiB } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { ROSTER_BYTES_MAX } from '../limits.ts';
import { RosterDesk } from './roster-desk.ts';

describe('RosterDesk', () => {
  it('T14 takes one of the longest rosters of a peer at a time', () => {
    const desk = new RosterDesk();
    expect(desk.take('ana', ROSTER_BYTES_MAX)).toBe(true);
    expect(desk.take('ana', 1)).toBe(false);
    expect(desk.take('bo', ROSTER_BYTES_MAX)).toBe(true);
    desk.give('ana', ROSTER_BYTES_MAX);
    expect(desk.take('ana', 5 * MiB)).toBe(true);
    expect(desk.take('ana', 7 * MiB)).toBe(true);
    expect(desk.take('ana', 1)).toBe(false);
  });

  it('T14 has room for short rosters, however many peers send the longest', () => {
    const desk = new RosterDesk();
    const longest = Array.from({ length: 100 }, (_, peer) => desk.take(`peer ${peer}`, ROSTER_BYTES_MAX)).filter(Boolean);
    expect(longest).toHaveLength(3);
    for (let peer = 0; peer < 100; peer++) expect(desk.take(`honest ${peer}`, 50_000)).toBe(true);
  });
});
