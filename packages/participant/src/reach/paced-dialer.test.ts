import { type Connection, type Dialer, type DialFailure, fail, ok, type Result } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { PacedDialer } from './paced-dialer.ts';
import { StrangerPace } from './stranger-pace.ts';

const VICTIM = '203.0.113.9';

function world(answers: boolean) {
  const { runtime, clock } = createSimRuntime('paced');
  const dialsMs: number[] = [];
  const inner: Dialer = {
    dial: async (): Promise<Result<Connection, DialFailure>> => {
      dialsMs.push(Math.round(clock.monotonicMs()));
      return answers ? ok({} as Connection) : fail('refused');
    },
  };
  const dialer = new PacedDialer(runtime, inner, new StrangerPace(runtime));
  const many = (host: string, count: number, timeoutMs = 5_000) =>
    Promise.all(Array.from({ length: count }, (_, i) => dialer.dial({ host, port: 4880 + i }, undefined, { timeoutMs })));
  return { clock, dialsMs, dialer, many };
}

describe('T8 dials of one host', () => {
  it('go out once a second while nobody answers there; what would have to wait too long is refused', async () => {
    const { clock, dialsMs, many } = world(false);
    const results = await clock.runUntilSettled(many(VICTIM, 20), { deadlineMs: 60_000 });
    expect(dialsMs.length).toBeLessThanOrEqual(5);
    for (const [i, atMs] of dialsMs.entries()) expect(atMs).toBeGreaterThanOrEqual(i * 1000);
    const lan = world(false);
    await lan.clock.runUntilSettled(lan.many('192.168.1.7', 20), { deadlineMs: 60_000 });
    expect(lan.dialsMs).toEqual(dialsMs);
    expect(results.filter((result) => !result.ok && result.detail?.includes('once a second'))).toHaveLength(20 - dialsMs.length);
  });

  it('go out at once where a node has answered, and on the machine itself', async () => {
    const proved = world(true);
    await proved.clock.runUntilSettled(proved.many(VICTIM, 1), { deadlineMs: 1000 });
    await proved.clock.runUntilSettled(proved.many(VICTIM, 5), { deadlineMs: 1000 });
    expect(proved.dialsMs).toHaveLength(6);
    const own = world(false);
    await own.clock.runUntilSettled(own.many('127.0.0.1', 5), { deadlineMs: 1000 });
    expect(own.dialsMs).toEqual([0, 0, 0, 0, 0]);
  });

  it('that are given up while they wait are not made', async () => {
    const { clock, dialsMs, dialer } = world(false);
    const abort = new AbortController();
    const options = { timeoutMs: 5_000, signal: abort.signal };
    const both = Promise.all([1, 2].map((port) => dialer.dial({ host: VICTIM, port }, undefined, options)));
    clock.setTimer(100, () => abort.abort());
    const [, second] = await clock.runUntilSettled(both, { deadlineMs: 10_000 });
    expect([second?.ok, dialsMs]).toEqual([false, [0]]);
  });
});
