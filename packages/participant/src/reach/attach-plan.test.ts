import { fail, makeAddress, type NodeId, ok, present, type Result } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { ATTACH_HEAD_START_MS } from '../limits.ts';
import { type AttachCandidate, planAttach } from './attach-plan.ts';
import { raceTunnels } from './attach-race.ts';
import type { Tunnel } from './switching-socket.ts';

const at = (host: string, port = 4870) => present(makeAddress(host, port), host);
const id = (fill: number): NodeId => new Uint8Array(32).fill(fill) as NodeId;
const known = (host: string, port: number): AttachCandidate => ({ address: at(host, port), expected: id(port & 255) });
const nothing = { joins: [], known: [], steady: undefined, failed: undefined, round: 0 };
const places = (facts: Partial<Parameters<typeof planAttach>[0]>): string[] =>
  planAttach({ ...nothing, ...facts }).map(({ address }) => `${address.host}:${address.port}`);

describe('planAttach', () => {
  it('tries the hosts of join addresses at 4880, 443 and 80, whoever is there, never at the kad port', () => {
    expect(places({ joins: [at('1.1.1.1', 4870), at('1.1.1.1', 4999)] })).toEqual(['1.1.1.1:4880', '1.1.1.1:443', '1.1.1.1:80']);
    expect(planAttach({ ...nothing, joins: [at('1.1.1.1')] }).every(({ expected }) => expected === undefined)).toBe(true);
    expect(planAttach(nothing)).toEqual([]);
  });

  it('tries members that are known where their records say, as who they are', () => {
    const facts = { joins: [at('1.1.1.1')], known: [known('2.2.2.2', 443), known('1.1.1.1', 443), known('1.1.1.1', 999)] };
    expect(places(facts)).toEqual(['1.1.1.1:4880', '1.1.1.1:443', '1.1.1.1:80', '1.1.1.1:999', '2.2.2.2:443']);
    expect(planAttach({ ...nothing, known: [known('2.2.2.2', 443)] })).toEqual([known('2.2.2.2', 443)]);
  });

  it('takes three hosts a round, others in the next, and comes round to all', () => {
    const hosts = ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4', '5.5.5.5'].map((host) => known(host, 443));
    const rounds = [0, 1, 2, 3, 4].map((round) =>
      places({ known: hosts, round })
        .map((place) => place[0])
        .join(''),
    );
    expect(rounds).toEqual(['123', '451', '234', '512', '345']);
  });

  it('begins with the one that went well, and puts the one that did not last', () => {
    const hosts = ['1.1.1.1', '2.2.2.2', '3.3.3.3'].map((host) => known(host, 443));
    expect(places({ known: hosts, steady: hosts[2] })).toEqual(['3.3.3.3:443', '1.1.1.1:443', '2.2.2.2:443']);
    expect(places({ known: hosts, failed: hosts[0] })).toEqual(['2.2.2.2:443', '3.3.3.3:443', '1.1.1.1:443']);
    expect(places({ known: hosts.slice(0, 1), failed: hosts[0] })).toEqual(['1.1.1.1:443']);
  });
});

describe('raceTunnels', () => {
  const candidates = [1, 2, 3].map((n) => known(`${n}.${n}.${n}.${n}`, 443));
  interface Try {
    readonly atMs: number;
    readonly signal: AbortSignal;
    readonly settle: (result: Result<Tunnel, string>) => void;
  }
  const makeTunnel = (): Tunnel & { isClosed: boolean } => ({
    isClosed: false,
    localAddress: at('9.9.9.9'),
    closed: new Promise(() => undefined),
    open: async () => undefined,
    send: () => undefined,
    async close() {
      this.isClosed = true;
    },
  });
  const race = (signal = new AbortController().signal) => {
    const { runtime, clock } = createSimRuntime('race');
    const tries: Try[] = [];
    const failures: string[] = [];
    const open = (_: AttachCandidate, options: { readonly signal: AbortSignal }) =>
      new Promise<Result<Tunnel, string>>((settle) => void tries.push({ atMs: clock.elapsedMs, signal: options.signal, settle }));
    const won = raceTunnels(runtime, candidates, open, signal, ({ address }, why) => failures.push(`${address.host[0]} ${why}`));
    return { clock, tries, failures, won };
  };

  it('gives each a head start, the next at once when one failed, and takes the first; the others are cancelled and closed', async () => {
    const { clock, tries, failures, won } = race();
    await clock.runFor(ATTACH_HEAD_START_MS - 1);
    expect(tries).toHaveLength(1);
    await clock.runFor(1);
    expect(tries).toHaveLength(2);
    tries[0]?.settle(fail('refused', 'full'));
    await clock.runFor(0);
    expect(tries.map(({ atMs }) => atMs)).toEqual([0, ATTACH_HEAD_START_MS, ATTACH_HEAD_START_MS]);
    const [winner, late] = [makeTunnel(), makeTunnel()];
    tries[2]?.settle(ok(winner));
    expect(await won).toEqual({ candidate: candidates[2], tunnel: winner });
    expect(tries[1]?.signal.aborted).toBe(true);
    tries[1]?.settle(ok(late));
    await clock.runFor(0);
    expect([winner.isClosed, late.isClosed, failures]).toEqual([false, true, ['1 refused: full']]);
  });

  it('is over without a tunnel when all have failed, or when it is aborted', async () => {
    const lost = race();
    for (let n = 0; n < 3; n++) {
      lost.tries[n]?.settle(fail('timeout'));
      await lost.clock.runFor(0);
    }
    expect(await lost.won).toBeUndefined();
    expect(lost.failures).toEqual(['1 timeout', '2 timeout', '3 timeout']);
    const abort = new AbortController();
    const ended = race(abort.signal);
    abort.abort();
    ended.tries[0]?.settle(fail('aborted'));
    expect(await ended.clock.runUntilSettled(ended.won, { deadlineMs: 10_000 })).toBeUndefined();
    expect(ended.tries).toHaveLength(1);
  });
});
