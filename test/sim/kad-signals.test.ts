// Many calls between clients behind NATs of all kinds, through brokers of which some lie. INTRODUCTIONS=5000 makes it thousands.
import { second } from '@batchain/shared';
import type { NatKind } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { type Caller, type CallResult, LIES, SignalWorld } from './kad-signal-world.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const SERVERS = 20;
const CLIENTS = 27;
const INTRODUCTIONS = Number(process.env.INTRODUCTIONS ?? 200);
const AT_ONCE = 5;
const KINDS: readonly NatKind[] = [
  'fw',
  'full-cone',
  'addr-restr',
  'port-restr',
  'linux',
  'symmetric-ip',
  'symmetric-seq',
  'symmetric',
  'open',
];

async function build(seed: string, liars: number): Promise<SignalWorld> {
  const world = new SignalWorld(beginSimulation('kad-signals', seed), { lossRate: 0.02, latencyMs: [10, 80] });
  for (let n = 0; n < SERVERS; n++) await world.addServer(n > 0 && n <= liars ? LIES[n % LIES.length] : undefined);
  for (let n = 0; n < CLIENTS; n++) await world.addClient(KINDS[n % KINDS.length] as NatKind);
  await world.simulation.clock.runFor(60 * second);
  return world;
}

async function callMany(world: SignalWorld): Promise<CallResult[]> {
  const { random } = world.simulation.runtime;
  const results: CallResult[] = [];
  while (results.length < INTRODUCTIONS) {
    const [...order] = random.shuffle([...world.callers]);
    const pairs = Array.from({ length: AT_ONCE }, (_, n) => [order[2 * n] as Caller, order[2 * n + 1] as Caller] as const);
    results.push(...(await world.settle(Promise.all(pairs.map(([from, to]) => world.call(from, to))))));
    await world.simulation.clock.runFor(3 * second);
  }
  return results;
}

const total = (world: SignalWorld, key: 'forged' | 'repeated'): number => world.callers.reduce((sum, caller) => sum + caller[key], 0);

function report(world: SignalWorld, results: readonly CallResult[]): { readonly answered: number; readonly atOnce: number } {
  const answered = results.filter(({ isAnswered }) => isAnswered);
  const times = answered.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  const at = (part: number): string => (times[Math.floor(times.length * part)] as number).toFixed(0);
  const atOnce = answered.filter(({ attempts }) => attempts === 1).length;
  say(
    `  ${results.length} calls, ${answered.length} answered, ${atOnce} at the first attempt; p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, ` +
      `max ${at(0.9999)} ms; lies told ${world.liars.reduce((sum, liar) => sum + liar.told, 0)}, ` +
      `forged signals ${total(world, 'forged')}, repeated ${total(world, 'repeated')}`,
  );
  return { answered: answered.length, atOnce };
}

describe('calls between clients behind NATs', () => {
  it.each(seedsOf('kad-signals', ['signals-1']))('BN-14 BN-16 are answered, whatever the NATs are, seed %s', async (seed) => {
    const world = await build(seed, 0);
    const results = await callMany(world);
    const { answered } = report(world, results);
    expect(answered).toBe(results.length);
    expect(world.callers.map(({ forged }) => forged).filter(Boolean)).toEqual([]);
    for (const { node } of world.callers) expect(node.contact.contact.brokers).toHaveLength(3);
  });

  it.each(seedsOf('kad-signals-liars', ['liars-1']))(
    'T8 are answered through others when a fifth of the brokers drop, delay, swap or replay, seed %s',
    async (seed) => {
      const world = await build(seed, SERVERS / 5);
      const results = await callMany(world);
      const { answered } = report(world, results);
      expect(answered).toBe(results.length);
      for (const liar of world.liars) expect(liar.told).toBeGreaterThan(0);
      expect(total(world, 'forged')).toBeGreaterThan(0);
      expect(total(world, 'repeated')).toBeGreaterThan(0);
    },
  );
});
