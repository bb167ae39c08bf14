import { day, MiB } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { PART_BYTES_MAX, PART_COUNT_MAX } from '../limits.ts';
import { PartKeeper } from './part-keeper.ts';

function keeper() {
  const removed: string[] = [];
  return {
    removed,
    parts: new PartKeeper(async (shard) => {
      removed.push(shard);
    }),
  };
}

describe('PartKeeper', () => {
  it('lets the oldest go when there are too many bytes or too many parts', async () => {
    const { parts, removed } = keeper();
    for (let i = 0; i < 10; i++) await parts.keep(`part ${i}`, PART_BYTES_MAX / 8, i);
    expect(removed).toEqual(['part 0', 'part 1']);
    expect(parts.bytes).toBe(PART_BYTES_MAX);
    const many = keeper();
    for (let i = 0; i < PART_COUNT_MAX + 3; i++) await many.parts.keep(`part ${i}`, 1, i);
    expect(many.removed).toEqual(['part 0', 'part 1', 'part 2']);
  });

  it('does not let go of a part that is written again', async () => {
    const { parts, removed } = keeper();
    await parts.keep('a', MiB, 0);
    await parts.keep('b', MiB, 0);
    await parts.take('a');
    await parts.shrink(0);
    expect(removed).toEqual(['b']);
    expect(parts.bytes).toBe(0);
  });

  it('makes whoever resumes a part wait until it is gone, when it was going already', async () => {
    let gone = (): void => undefined;
    const parts = new PartKeeper(
      () =>
        new Promise((resolve) => {
          gone = resolve;
        }),
    );
    await parts.keep('a', MiB, 0);
    const shrunk = parts.shrink(0);
    let isTaken = false;
    const taken = parts.take('a').then(() => {
      isTaken = true;
    });
    await Promise.resolve();
    expect(isTaken).toBe(false);
    gone();
    await Promise.all([shrunk, taken]);
  });

  it('keeps a part for a day', async () => {
    const { parts, removed } = keeper();
    await parts.keep('old', 1, 0);
    await parts.keep('new', 1, day);
    await parts.dropOld(day + 1);
    expect(removed).toEqual(['old']);
  });
});
