// The race of the rungs: who begins when, who wins, and what becomes of the others.
import { type Connection, type ConnectionPath, type DialFailure, fail, type NodeId, ok, type Result } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { Climb } from './climb-log.ts';
import type { RungName, RungOptions } from './reach-types.ts';
import { type RaceRung, RungRace } from './rung-race.ts';

function world() {
  const { runtime, clock } = createSimRuntime('race');
  const climb = new Climb('caller', 0, 0);
  const log: string[] = [];
  const note = (text: string): void => void log.push(`${Math.round(clock.monotonicMs())} ${text}`);
  const connection = (path: ConnectionPath): Connection =>
    ({
      peer: { nodeId: new Uint8Array(32) as NodeId, publicKey: new Uint8Array(32) },
      path,
      close: (reason: string) => note(`closed ${path} ${reason}`),
    }) as unknown as Connection;
  /** A rung that ends after a time, or when it is cancelled. */
  const rung = (name: RungName, startAfterMs: number, takesMs: number, end: ConnectionPath | DialFailure): RaceRung => ({
    rung: name,
    startAfterMs,
    budgetMs: 10_000,
    run: ({ signal }: RungOptions) => {
      note(`begins ${name}`);
      return new Promise<Result<Connection, DialFailure>>((resolve) => {
        const timer = clock.setTimer(takesMs, () => {
          signal.removeEventListener('abort', onAbort);
          resolve(['lan', 'direct', 'punched', 'relayed'].includes(end) ? ok(connection(end as ConnectionPath)) : fail(end as DialFailure));
        });
        const onAbort = (): void => {
          timer.cancel();
          note(`cancelled ${name}`);
          resolve(fail('aborted'));
        };
        signal.addEventListener('abort', onAbort);
      });
    },
  });
  const better: ConnectionPath[] = [];
  const signal = new AbortController();
  const race = (...rungs: RaceRung[]) =>
    new RungRace(runtime, climb, rungs, signal.signal, { onBetter: ({ path }) => void better.push(path) });
  const outcomes = (): Record<string, string> => Object.fromEntries(climb.rungs.map(({ rung: name, outcome }) => [name, outcome]));
  return { clock, climb, log, rung, race, better, abort: () => signal.abort(), outcomes };
}

describe('the race of the rungs', () => {
  it('the first connection wins, and the others are cancelled or never begin', async () => {
    const { clock, log, rung, race, outcomes } = world();
    const { first, done } = race(
      rung('tcp-punch', 0, 100, 'punched'),
      rung('data-channel', 50, 500, 'punched'),
      rung('relay', 300, 10, 'relayed'),
    );
    const won = await clock.runUntilSettled(first, { deadlineMs: 1000 });
    await clock.runUntilSettled(done, { deadlineMs: 1000 });
    expect(won.ok && won.value.path).toBe('punched');
    expect(log).toEqual(['0 begins tcp-punch', '50 begins data-channel', '100 cancelled data-channel']);
    expect(outcomes()).toEqual({ 'tcp-punch': 'won', 'data-channel': 'cancelled' });
  });

  it('the next begins at once when all before it have failed', async () => {
    const { clock, log, rung, race } = world();
    const { first } = race(rung('direct', 0, 20, 'refused'), rung('relay', 2500, 10, 'relayed'));
    await clock.runUntilSettled(first, { deadlineMs: 1000 });
    expect(log).toEqual(['0 begins direct', '20 begins relay']);
  });

  it('a relayed connection is handed out at once, and a better one when it comes', async () => {
    const { clock, rung, race, better, outcomes, log } = world();
    const { first, done } = race(
      rung('data-channel', 0, 900, 'punched'),
      rung('relay', 100, 50, 'relayed'),
      rung('hand-punch', 200, 5000, 'punched'),
    );
    const won = await clock.runUntilSettled(first, { deadlineMs: 1000 });
    expect(won.ok && won.value.path).toBe('relayed');
    expect(better).toEqual([]);
    await clock.runUntilSettled(done, { deadlineMs: 10_000 });
    expect(better).toEqual(['punched']);
    expect(outcomes()).toEqual({ 'data-channel': 'won', relay: 'won', 'hand-punch': 'cancelled' });
    expect(log.filter((line) => line.includes('closed'))).toEqual([]);
  });

  it('when all have failed the last reason is told, and each has its own in the log', async () => {
    const { clock, rung, race, climb } = world();
    const { first, done } = race(rung('direct', 0, 20, 'refused'), rung('data-channel', 0, 70, 'timeout'));
    expect(await clock.runUntilSettled(first, { deadlineMs: 1000 })).toMatchObject({ ok: false, reason: 'timeout' });
    await done;
    expect(climb.rungs.map(({ rung: name, reason, durationMs }) => [name, reason, durationMs])).toEqual([
      ['direct', 'refused', 20],
      ['data-channel', 'timeout', 70],
    ]);
  });

  it('nothing to try is told as such', async () => {
    const { race } = world();
    expect(await race().first).toMatchObject({ ok: false, reason: 'unreachable' });
  });

  it('ends with its signal, and a connection that comes all the same is closed', async () => {
    const { clock, rung, race, abort, log } = world();
    const stubborn: RaceRung = {
      ...rung('direct', 0, 0, 'direct'),
      run: () =>
        new Promise((resolve) =>
          clock.setTimer(500, () => resolve(ok({ path: 'direct', close: (why: string) => log.push(why) } as unknown as Connection))),
        ),
    };
    const { first, done } = race(stubborn);
    clock.setTimer(100, abort);
    expect(await clock.runUntilSettled(first, { deadlineMs: 1000 })).toMatchObject({ reason: 'aborted' });
    await clock.runUntilSettled(done, { deadlineMs: 1000 });
    expect(log).toEqual(['not-needed']);
  });
});
