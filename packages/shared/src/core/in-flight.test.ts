import { describe, expect, it } from 'vitest';
import { mapInFlight } from './in-flight.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('work in flight', () => {
  it('is bounded, and its results are in the order of the items', async () => {
    let open = 0;
    let most = 0;
    const results = await mapInFlight([3, 1, 2, 0], 2, async (turns) => {
      most = Math.max(most, ++open);
      for (let i = 0; i < turns; i++) await turn();
      open--;
      return turns * 10;
    });
    expect(results).toEqual([30, 10, 20, 0]);
    expect(most).toBe(2);
  });

  it('ends before its first failure is told, and no more begins', async () => {
    const begun: number[] = [];
    let isOver = false;
    const work = mapInFlight([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      await turn();
      isOver = true;
    });
    await expect(work).rejects.toThrow('first');
    expect([begun, isOver]).toEqual([[1, 2], true]);
  });
});
