import { SystemClock } from '@batchain/shared/node';
import { SimClock } from '@batchain/shared/testing';
import { clockSuite } from './suites/clock.ts';

clockSuite('system', () => ({ clock: new SystemClock() }));

const makeSimClock = () => {
  const clock = new SimClock();
  return { clock, run: (story: Promise<void>) => clock.runUntilSettled(story, { deadlineMs: 7_200_000 }) };
};
clockSuite('simulated', makeSimClock);
clockSuite("simulated, a node's view an hour ahead", () => {
  const { clock, run } = makeSimClock();
  return { clock: clock.view({ skewMs: 3_600_000 }), run };
});
