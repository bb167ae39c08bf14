import { hour, keyPairFromSeed, minute, type NodeId } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { IMPROVE_AGAIN_MAX_MS, IMPROVE_CHECK_MS, IMPROVE_FIRST_MS } from '../limits.ts';
import { PathImprover } from './path-improver.ts';

const nodeId = (n: number): NodeId => keyPairFromSeed(new Uint8Array(32).fill(n)).nodeId;
const [ANA, BO] = [nodeId(1), nodeId(2)];

let clock: ReturnType<typeof createSimRuntime>['clock'];
let relayed: readonly NodeId[];
let triedMs: number[];
let improver: PathImprover;
let improve: (nodeId: NodeId) => Promise<unknown>;

beforeEach(() => {
  const simulation = createSimRuntime('path-improver');
  clock = simulation.clock;
  relayed = [ANA];
  triedMs = [];
  improve = async () => void triedMs.push(clock.monotonicMs());
  improver = new PathImprover(simulation.runtime, { relayedPeers: () => relayed, improve: (peer) => improve(peer) });
  improver.start();
});

describe('a peer that is reached through a relay', () => {
  it('is looked for again by other ways, soon and then less and less often', async () => {
    await clock.runFor(2 * hour);
    const gaps = triedMs.map((atMs, i) => atMs - (triedMs[i - 1] ?? 0));
    expect(triedMs[0]).toBeLessThanOrEqual(IMPROVE_FIRST_MS + 2 * IMPROVE_CHECK_MS);
    expect(gaps.slice(1).every((gap, i) => i === 0 || gap >= (gaps[i] ?? 0) - IMPROVE_CHECK_MS)).toBe(true);
    expect(gaps.at(-1)).toBeLessThanOrEqual(IMPROVE_AGAIN_MAX_MS + IMPROVE_CHECK_MS);
    expect(triedMs.length, 'some ten calls in two hours').toBeLessThan(15);
  });

  it('is left alone once there is another way, and begins anew when it is relayed again', async () => {
    await clock.runFor(10 * minute);
    relayed = [];
    const before = triedMs.length;
    await clock.runFor(10 * minute);
    expect(triedMs).toHaveLength(before);
    relayed = [ANA];
    await clock.runFor(IMPROVE_FIRST_MS + 2 * IMPROVE_CHECK_MS);
    expect(triedMs).toHaveLength(before + 1);
  });

  it('is tried soon again in another network', async () => {
    await clock.runFor(hour);
    const before = triedMs.length;
    improver.networkChanged();
    await clock.runFor(IMPROVE_FIRST_MS + 2 * IMPROVE_CHECK_MS);
    expect(triedMs).toHaveLength(before + 1);
  });

  it('waits for its turn: one ladder at a time; and nothing is tried after the stop', async () => {
    relayed = [ANA, BO];
    let running = 0;
    let most = 0;
    const tried = new Set<NodeId>();
    improve = async (peer) => {
      tried.add(peer);
      most = Math.max(most, ++running);
      await clock.sleep(minute);
      running -= 1;
    };
    await clock.runFor(10 * minute);
    expect([most, tried]).toEqual([1, new Set([ANA, BO])]);
    improver.stop();
    tried.clear();
    await clock.runFor(hour);
    expect(tried.size).toBe(0);
  });
});
