import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { WorkTurns } from './work-turns.ts';

describe('WorkTurns', () => {
  it('T14 lets the event loop go on between any two turns, whoever has them', async () => {
    const { clock } = createSimRuntime('turns');
    const turns = new WorkTurns(clock);
    const story: string[] = [];
    const work = function* (name: string): Generator<undefined, string> {
      for (let step = 1; step < 3; step++) {
        story.push(`${name}${step}`);
        // Who waits for the loop gets it before the next turn of anybody.
        clock.setTimer(0, () => story.push('loop'));
        yield;
      }
      return name;
    };
    const done = Promise.all([turns.run(work('a')), turns.run(work('b'))]);
    expect(await clock.runUntilSettled(done, { deadlineMs: 1000 })).toEqual(['a', 'b']);
    expect(story).toEqual(['a1', 'loop', 'b1', 'loop', 'a2', 'loop', 'b2', 'loop']);
  });
});
