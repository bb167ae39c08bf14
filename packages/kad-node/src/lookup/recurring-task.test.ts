import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { RecurringTask } from './recurring-task.ts';

const OPTIONS = { name: 'test', intervalMs: 1000, jitterRatio: 0.1 };

describe('RecurringTask', () => {
  it('runs again and again, with jitter, until stopped', async () => {
    const { runtime, clock } = createSimRuntime('tasks');
    const times: number[] = [];
    const task = new RecurringTask(runtime, OPTIONS, () => void times.push(clock.elapsedMs));
    task.start();
    await clock.runFor(10_000);
    await task.stop();
    await clock.runFor(10_000);
    const gaps = times.map((time, i) => time - (times[i - 1] ?? 0));
    expect(times.length).toBeGreaterThanOrEqual(9);
    expect(times.length).toBeLessThanOrEqual(11);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1100);
    expect(new Set(gaps).size).toBeGreaterThan(3);
  });

  it('never runs twice at a time, counts the wait from the end, and takes another wait from the run', async () => {
    const { runtime, clock } = createSimRuntime('tasks');
    let running = 0;
    let runs = 0;
    const task = new RecurringTask(runtime, { ...OPTIONS, jitterRatio: 0 }, async () => {
      expect(++running).toBe(1);
      await runtime.clock.sleep(5000);
      running--;
      return ++runs === 1 ? 100 : undefined;
    });
    task.start();
    await clock.runUntil(6000);
    expect(runs).toBe(1);
    task.runSoon();
    await clock.runUntil(11_101);
    expect(runs).toBe(2);
    await clock
      .runUntilSettled(
        Promise.all([task.stop(), clock.runUntil(20_000)]).catch(() => undefined),
        { deadlineMs: 1 },
      )
      .catch(() => undefined);
  });

  it('never runs twice at a time either when it is stopped and started again during a run', async () => {
    const { runtime, clock } = createSimRuntime('tasks');
    let running = 0;
    let most = 0;
    const task = new RecurringTask(runtime, OPTIONS, async () => {
      most = Math.max(most, ++running);
      await runtime.clock.sleep(5000);
      running--;
      return undefined;
    });
    task.start(1);
    await clock.runFor(100);
    void task.stop();
    task.start(1);
    await clock.runFor(20_000);
    expect(most).toBe(1);
  });

  it('several calls to run soon are one run', async () => {
    const { runtime, clock } = createSimRuntime('tasks');
    let runs = 0;
    const task = new RecurringTask(runtime, OPTIONS, () => void runs++);
    task.runSoon();
    await clock.runFor(10);
    expect(runs, 'not before it is started').toBe(0);
    task.start();
    for (let i = 0; i < 5; i++) task.runSoon();
    await clock.runFor(10);
    expect(runs).toBe(1);
    await task.stop();
  });

  it('goes on after a failed run, and says so in the log', async () => {
    const lines: string[] = [];
    const { runtime, clock } = createSimRuntime('tasks', { onLog: ({ event, fields }) => void lines.push(`${event} ${fields.task}`) });
    let runs = 0;
    const task = new RecurringTask(runtime, OPTIONS, async () => {
      if (++runs === 1) throw new Error('the disk is gone');
    });
    task.start();
    await clock.runFor(2500);
    expect(runs).toBe(2);
    expect(lines).toEqual(['kad.task.failed test']);
    await task.stop();
  });
});
