import { describe, expect, it } from 'vitest';
import { ByteCount } from './byte-count.ts';

describe('bytes that count', () => {
  it('of copies of one thing are those of the furthest', () => {
    const count = new ByteCount(1);
    expect(count.reach('slow', 30)).toEqual({ grown: 30, counted: 30 });
    expect(count.reach('fast', 20)).toEqual({ grown: 20, counted: 0 });
    expect(count.reach('fast', 100)).toEqual({ grown: 80, counted: 70 });
    expect(count.reach('slow', 100)).toEqual({ grown: 70, counted: 0 });
  });

  it('of more parts than are needed are those of the furthest', () => {
    const count = new ByteCount(2);
    const counted = [
      count.reach(0, 10),
      count.reach(1, 50),
      count.reach(2, 30),
      count.reach(2, 100),
      count.reach(0, 100),
      count.reach(1, 100),
    ];
    expect(counted.map((one) => one.counted)).toEqual([10, 50, 20, 70, 50, 0]);
  });

  it('never become less when a part begins again', () => {
    const count = new ByteCount(1);
    count.reach('host', 80);
    expect(count.reach('host', 16)).toEqual({ grown: 0, counted: 0 });
    expect(count.reach('host', 90)).toEqual({ grown: 10, counted: 10 });
  });
});
