import { describe, expect, it } from 'vitest';
import { EventHeap, type SimEvent } from './event-heap.ts';
import { SimRandom } from './prng.ts';

function drain(heap: EventHeap): SimEvent[] {
  const events: SimEvent[] = [];
  for (let event = heap.peek(); event !== undefined; event = heap.peek()) {
    heap.take(event);
    events.push(event);
  }
  return events;
}

describe('EventHeap', () => {
  it('orders by time, and by insertion where times are equal, through any mix of pushes, takes and cancels', () => {
    const random = SimRandom.fromSeed('heap');
    for (let round = 0; round < 5; round++) {
      const heap = new EventHeap();
      let alive: SimEvent[] = [];
      for (let i = 0; i < 3000; i++) {
        const dice = random.below(10);
        if (dice < 5 || alive.length === 0) {
          alive.push(heap.push(random.below(50), () => undefined));
        } else if (dice < 9) {
          const [victim] = alive.splice(random.below(alive.length), 1);
          if (victim !== undefined) heap.cancel(victim);
        } else {
          const first = heap.peek() as SimEvent;
          heap.take(first);
          alive = alive.filter((event) => event !== first);
          expect(alive.every((event) => event.atMs > first.atMs || (event.atMs === first.atMs && event.order > first.order))).toBe(true);
        }
        expect(heap.size).toBe(alive.length);
      }
      expect(drain(heap)).toEqual(alive.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order));
    }
  });

  it('forgets cancelled events long before their time, so that time-outs cannot pile up', () => {
    const heap = new EventHeap();
    for (let i = 0; i < 50_000; i++) heap.cancel(heap.push(3_600_000, () => undefined));
    const kept = heap.push(3_600_000, () => undefined);
    heap.cancel(heap.push(1, () => undefined));
    expect(heap.size).toBe(1);
    expect(drain(heap)).toEqual([kept]);
  });

  it('takes a second cancel, and one after the run, without harm', () => {
    const heap = new EventHeap();
    const event = heap.push(1, () => undefined);
    heap.cancel(event);
    heap.cancel(event);
    expect(heap.size).toBe(0);
    const next = heap.push(2, () => undefined);
    drain(heap);
    heap.cancel(next);
    expect(heap.size).toBe(0);
  });
});
