// Hosts that take a challenge and do not answer: asked the same again after 1, 6 and 24 simulated hours, then lost, never failed (T1).
import { hour, minute, second, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Serving } from '../support/bat-member.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';
import { misbehaving } from '../support/tampered-stream.ts';

const KiB = 1024;
const SEGMENT_BYTES = 64 * KiB;
const SEGMENTS = 3;
const OFFER = 100 * 1024 * KiB;
const NAME = 'letters.tar';
let world: SimBatWorld;
let owner: SimMember;
let hosts: SimMember[];
/** Challenges that the silent host was asked: when, and for what. */
let asked: { readonly atMs: number; readonly question: string }[];

beforeEach(async () => {
  world = new SimBatWorld('contained');
  asked = [];
  hosts = [];
  for (let i = 0; i < 5; i++) hosts.push(await world.add(OFFER));
  owner = await world.add(0);
});
afterEach(async () => {
  await world.close();
});

const silentHost = (): SimMember => hosts[0] as SimMember;
const nowMs = (): number => world.simulation.clock.nowMs();
const runFor = (ms: number): Promise<void> => world.settle(world.simulation.clock.sleep(ms), ms + minute);
const put = async (k: number, segments = SEGMENTS): Promise<void> => {
  const bytes = world.simulation.runtime.random.bytes(segments * SEGMENT_BYTES - 11);
  await world.settle(world.put(owner, hosts, bytes, { k, segmentBytes: SEGMENT_BYTES, isCommitted: true, name: NAME }));
};
const entry = async () => (await owner.node.list())[0];
const audit = () => world.settle(owner.node.audit(NAME));
const outcomesOf = ({ rows }: Awaited<ReturnType<typeof audit>>, member = silentHost()): string[] =>
  rows.filter(({ host }) => host !== undefined && toHex(host) === toHex(member.keyPair.nodeId)).map(({ outcome }) => outcome);

/** Keeps the connection, takes the challenge, says nothing. */
const silent: Serving = misbehaving({
  challenge: async ({ request, session }) => {
    asked.push({ atMs: nowMs(), question: JSON.stringify(request.leaves) });
    await session.closed;
  },
});

describe('BN-05 a host that takes challenges and says nothing', () => {
  it('is asked the same again after 1, 6 and 24 hours, is never failed, and counts as lost then', async () => {
    // 4 of 5 with one host silent for good and one that has lost everything: three are left.
    await put(4);
    silentHost().behave(silent);
    const { fileId } = await owner.node.info(NAME);
    await world.settle((hosts[1] as SimMember).store.release(fileId));
    const startMs = nowMs();
    expect(await audit()).toMatchObject({ verdict: 'unknown', shardsHealthy: 3 });
    expect(await entry()).toMatchObject({ health: 'unknown', shardsHealthy: 3 });

    await runFor(23 * hour);
    expect(await entry()).toMatchObject({ health: 'unknown', shardsHealthy: 3 });
    await runFor(2 * hour);
    // Nobody needs to be waited for any more.
    expect(await entry()).toMatchObject({ health: 'lost', shardsHealthy: 3 });

    const hours = asked.map(({ atMs }) => Math.round((atMs - startMs) / hour));
    expect([...new Set(hours)]).toEqual([0, 1, 6, 24]);
    const first = new Set(asked.filter((_, i) => hours[i] === 0).map(({ question }) => question));
    for (const at of [1, 6, 24]) {
      const again = asked.filter((_, i) => hours[i] === at).map(({ question }) => question);
      expect(again.length).toBeGreaterThan(0);
      for (const question of again) expect(first).toContain(question);
    }
    const before = asked.length;
    await runFor(72 * hour);
    expect(asked.length).toBe(before);

    const last = await audit();
    expect(outcomesOf(last)).toEqual(Array.from({ length: SEGMENTS }, () => 'contained'));
    expect(last.rows.find(({ outcome }) => outcome === 'contained')?.reason).toContain('counts as lost');
    expect(last.verdict).toBe('lost');
  });

  it('and answers an hour later has passed: the list says so without another audit', async () => {
    await put(3);
    silentHost().behave(silent);
    expect(await audit()).toMatchObject({ verdict: 'at-risk', shardsHealthy: 4 });
    silentHost().behave(undefined);
    await runFor(2 * hour);
    expect(await entry()).toMatchObject({ health: 'good', shardsHealthy: 5 });
    const [owned] = await owner.ownerStore.list();
    expect(owned?.contained).toBeUndefined();
    expect(owned?.findings).toBeUndefined();
  });

  it('and answers wrong when asked again has failed', async () => {
    await put(3);
    silentHost().behave(silent);
    await audit();
    silentHost().behave(misbehaving({ challenge: (visit) => visit.serve({ data: (bytes) => new Uint8Array(bytes.length) }) }));
    await runFor(2 * hour);
    const [owned] = await owner.ownerStore.list();
    expect(owned).toMatchObject({ health: 'at-risk', shardsHealthy: 4 });
    expect(owned?.contained).toBeUndefined();
    expect(new Set(outcomesOf(await audit()))).toEqual(new Set(['failed']));
  });

  it('is asked the same by an audit in between, which moves no time', async () => {
    await put(3);
    silentHost().behave(silent);
    const startMs = nowMs();
    await audit();
    const first = new Set(asked.map(({ question }) => question));
    await runFor(20 * minute);
    await audit();
    const between = asked.filter(({ atMs }) => atMs - startMs > 10 * minute);
    expect(between.length).toBeGreaterThan(0);
    for (const { question } of between) expect(first).toContain(question);
    await runFor(50 * minute);
    const again = asked.filter(({ atMs }) => atMs - startMs > 30 * minute);
    expect(Math.min(...again.map(({ atMs }) => atMs - startMs))).toBeLessThan(61 * minute);
  });

  it('does not get out of it by being away: it is asked when it is back', async () => {
    await put(3);
    silentHost().behave(silent);
    await audit();
    const heal = world.network.isolate(silentHost().machine);
    await runFor(30 * hour);
    expect(asked.filter(({ atMs }) => nowMs() - atMs < 29 * hour)).toEqual([]);
    expect((await owner.ownerStore.list())[0]?.contained?.[0]).toMatchObject({ rounds: 0, isLost: false });
    heal();
    const before = asked.length;
    await runFor(70 * minute);
    expect(asked.length).toBeGreaterThan(before);
    const contained = (await owner.ownerStore.list())[0]?.contained?.[0];
    expect(contained?.rounds).toBeGreaterThan(0);
    expect(contained?.isLost).toBe(false);
  });

  it('is asked after a restart of the owner as well', async () => {
    await put(3);
    silentHost().behave(silent);
    await audit();
    await world.settle(owner.stop());
    silentHost().behave(undefined);
    const again = await world.add(0, { ownerStore: owner.ownerStore, keyPair: owner.keyPair });
    await runFor(70 * minute);
    expect((await again.node.list())[0]).toMatchObject({ health: 'good', shardsHealthy: 5 });
  });

  it('is not asked about a file that was released', async () => {
    await put(3);
    silentHost().behave(silent);
    await audit();
    await world.settle(owner.node.release(NAME));
    const before = asked.length;
    await runFor(30 * hour);
    expect(asked.length).toBe(before);
    expect(await owner.node.list()).toEqual([]);
  });
});

it('BN-05 an audit of every leaf begins with the question that was left open', async () => {
  await put(3, 1);
  silentHost().behave(silent);
  await audit();
  const [first] = asked;
  asked = [];
  const sees: Serving = misbehaving({
    challenge: async (visit) => {
      asked.push({ atMs: nowMs(), question: JSON.stringify(visit.request.leaves) });
      await visit.serve({});
    },
  });
  silentHost().behave(sees);
  await runFor(10 * second);
  const full = await world.settle(owner.node.audit(NAME, { isFull: true }));
  expect(full).toMatchObject({ verdict: 'good' });
  const leavesOf = (question = '[]'): number[] => (JSON.parse(question) as { leaf: number }[]).map(({ leaf }) => leaf);
  expect(leavesOf(asked[0]?.question).slice(0, leavesOf(first?.question).length)).toEqual(leavesOf(first?.question));
  expect((await owner.ownerStore.list())[0]?.contained).toBeUndefined();
});
