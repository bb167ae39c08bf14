// Whole participants behind simulated NATs, brokers and relays among them that lie: what that costs, and what they never get. MEETINGS=480 makes it more.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, type KeyPair, KiB, type Runtime, toHex } from '@batchain/shared';
import type { NatKind } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BROKER_LIES, type BrokerLie, HostileBroker } from '../support/hostile-broker.ts';
import { bendingRelay, type HostileRelay, PosingRelay } from '../support/hostile-relay.ts';
import { bytesNamed } from '../support/stored-shards.ts';
import { HostileWorld, type Meeting, NotingRelay } from './hostile-world.ts';
import type { SimParticipant } from './participant-world.ts';
import { say, seedsOf } from './simulator.ts';

const MEETINGS = Number(process.env.MEETINGS ?? 80);
const MEETING_MS = 20_000;
const HOMES: readonly NatKind[] = ['linux', 'symmetric', 'port-restr', 'full-cone'];
const MEETINGS_PER_WORLD = HOMES.length * (HOMES.length - 1) + 2 * HOMES.length;
const WORLDS_PER_LIE = Math.ceil(MEETINGS / MEETINGS_PER_WORLD / BROKER_LIES.length);
/** Relayed sessions are over by then, and old signals are no longer answered. */
const AWAY_MS = 90_000;
/** A new relay is a broker of all by then, and looked at. */
const FOUND_MS = 130_000;
const LIAR = '203.0.114.40';
const FILE_BYTES = 20 * KiB;
let world: HostileWorld;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-hostile-'));
});
afterEach(async () => {
  await world.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Two honest brokers, one of them a relay, and one that lies: every home has all three. */
async function growWithLiar(seed: string, lie: BrokerLie): Promise<{ readonly liar: HostileBroker; readonly relay: NotingRelay }> {
  world = new HostileWorld(seed);
  const liar = new HostileBroker(lie, { host: LIAR, port: 4870 });
  const relay = await world.addRelay('relay', '203.0.113.10', NotingRelay);
  await world.addPublic('liar', LIAR, { wrapRpc: liar.wrap });
  await world.addPublic('kad', '198.51.100.20');
  await world.addHomes(HOMES);
  return { liar, relay };
}

/** Every home meets every other one, and those who call as well meet each of them. */
async function meetPairs(callers: readonly SimParticipant[] = []): Promise<Meeting[]> {
  const { homes } = world;
  const pairs = homes.flatMap((to, n) => [...callers, ...homes.slice(0, n)].map((from) => [from, to] as const));
  const meetings: Meeting[] = [];
  for (const [from, to] of pairs) meetings.push(await world.meet(from, to));
  return meetings;
}

const count = (meetings: readonly Meeting[]): string => `${meetings.filter(({ isMet }) => isMet).length} of ${meetings.length}`;

/** Each home gives each other one a shard that is needed, and gets it back. */
async function putAndGet(): Promise<{
  readonly pairs: number;
  readonly identical: number;
  readonly givenBytes: ReadonlyMap<string, number>;
}> {
  let pairs = 0;
  let identical = 0;
  const givenBytes = new Map<string, number>();
  for (const { name, node } of world.homes) {
    const n = world.homes.length - 1;
    const source = bytesNamed(`letter of ${name}`, FILE_BYTES);
    const path = join(folder, name.replace(/\W/g, '-'));
    await writeFile(path, source);
    const up = await world.settle(node.files.upload(path, { policy: { k: n, n }, manifestPath: `${path}.batchain` }));
    pairs += up.hosts.length;
    for (const { nodeId, bytes } of up.hosts) givenBytes.set(toHex(nodeId), (givenBytes.get(toHex(nodeId)) ?? 0) + bytes);
    const stream = node.files.downloadStream(toHex(up.fileId));
    const back: Uint8Array[] = [];
    for (let next = await world.settle(stream.next()); next.done !== true; next = await world.settle(stream.next())) back.push(next.value);
    if (equalBytes(Buffer.concat(back), source)) identical++;
  }
  return { pairs, identical, givenBytes };
}

/** Bytes that a store took beyond what was meant for it. */
const strayOf = (givenBytes: ReadonlyMap<string, number>): number =>
  world.members.reduce((sum, { nodeId, received }) => sum + Math.abs(received.bytes - (givenBytes.get(toHex(nodeId)) ?? 0)), 0);

const receivedBy = (members: readonly SimParticipant[]): number => members.reduce((sum, { received }) => sum + received.bytes, 0);

describe('a malicious broker', () => {
  const cases = BROKER_LIES.flatMap((lie) =>
    seedsOf(
      'reach-hostile',
      Array.from({ length: WORLDS_PER_LIE }, (_, n) => `hostile-${n + 1}`),
    ).map((seed) => ({ lie, seed })),
  );
  it.each(cases)(
    'T8 that $lie costs time and no meeting: others bring the signals, nobody meets a stranger, no byte goes astray (seed $seed)',
    async ({ lie, seed }) => {
      const { liar, relay } = await growWithLiar(`${lie} ${seed}`, lie);
      const callers = world.publics.slice(-1);
      const meetings = await meetPairs(callers);
      const { pairs, identical, givenBytes } = await putAndGet();
      await world.rest(AWAY_MS);
      meetings.push(...(await meetPairs(callers)));
      const slowestMs = Math.max(...meetings.map(({ durationMs }) => durationMs));
      const strayBytes = strayOf(givenBytes);
      const [forged, replayed] = [world.logged('reach.bad-signal'), world.logged('reach.replayed-call')];
      say(
        `  a broker that ${lie}: ${count(meetings)} met, slowest ${(slowestMs / 1000).toFixed(1)} s; ` +
          `${liar.trusted} signals entrusted to it, ${liar.forged} forged and ${liar.repeated} repeated by it, ` +
          `${forged} and ${replayed} dropped as such; ${world.ends.length} ends, ${world.wrongEnds()} wrong; ` +
          `${pairs} shards put, ${identical} of ${HOMES.length} files got back, ${strayBytes} bytes astray`,
      );
      expect(meetings.filter(({ isMet }) => !isMet).map(({ told }) => told)).toEqual([]);
      expect(slowestMs).toBeLessThan(MEETING_MS);
      expect(world.wrongEnds()).toBe(0);
      expect([pairs, identical]).toEqual([HOMES.length * (HOMES.length - 1), HOMES.length]);
      expect(strayBytes).toBe(0);
      expect(liar.trusted).toBeGreaterThan(0);
      // Each was dropped, and none began a meeting of its own.
      expect(forged).toBe(liar.forged);
      expect(forged > 0).toBe(lie === 'alters');
      if (lie === 'replays') expect(replayed).toBeGreaterThan(0);
      expect(relay.askedAgain).toBe(0);
    },
  );
});

const RELAY_LIES: readonly [string, new (runtime: Runtime, keyPair: KeyPair) => HostileRelay][] = [
  ['flips a bit in every 3rd frame', bendingRelay(3)],
  ['flips a bit in every 12th frame', bendingRelay(12)],
  ['poses as the other node', PosingRelay],
];

describe('a malicious relay', () => {
  it.each(RELAY_LIES)(
    'T9 that %s carries nothing: work fails with a reason while nobody else relays, and is done through an honest one from then on',
    async (what, Relay) => {
      world = new HostileWorld(`relay ${what}`);
      const liar = await world.addRelay('liar', LIAR, Relay);
      await world.addPublic('kad', '198.51.100.20');
      await world.addHomes(HOMES);
      const alone = await meetPairs();
      const failure = await putAndGet().catch(({ code, message }: Error & { code?: string }) => ({ code, message }));
      const shardsThrough = world.homes.reduce((sum, { node }) => sum + node.files.usage().shardCount, 0);
      const liesAlone = liar.lies;
      const honest = await world.addRelay('relay', '203.0.113.10', NotingRelay);
      await world.rest(FOUND_MS);
      // Each end may have to find out once more.
      await meetPairs();
      const beside = await meetPairs();
      const { pairs, identical } = await putAndGet();
      const strayBytes = receivedBy(world.publics);
      say(
        `  a relay that ${what}: alone ${count(alone)} met, ${shardsThrough} shards stored, ${'code' in failure ? failure.code : 'no failure'}; ` +
          `beside an honest one ${count(beside)} met, ${pairs} shards put, ${identical} of ${HOMES.length} files got back; ` +
          `${liesAlone} and ${liar.lies - liesAlone} lies, ${honest.usage().circuitsTotal} circuits of the honest one, ` +
          `${liar.readBytes} bytes read, ${strayBytes} astray, ${world.wrongEnds()} wrong ends`,
      );
      expect(failure).toMatchObject({ code: 'BAT_E_NOT_ENOUGH_PEERS' });
      // A bit that is flipped after the handshake ends a connection that had won already, before its HELLO: the meeting itself says so.
      const reasons =
        /relay failed (error|wrong-identity|timeout)|signal failed|relay won .*; not met: (refused|error|timeout|wrong-identity)$/;
      for (const { isMet, told } of alone) if (!isMet) expect(told).toMatch(reasons);
      expect(liesAlone).toBeGreaterThan(0);
      expect(beside.filter(({ isMet }) => !isMet).map(({ told }) => told)).toEqual([]);
      expect([pairs, identical]).toEqual([HOMES.length * (HOMES.length - 1), HOMES.length]);
      expect(honest.usage().circuitsTotal).toBeGreaterThanOrEqual(beside.length);
      expect([liar.readBytes, strayBytes, world.wrongEnds()]).toEqual([0, 0, 0]);
    },
  );
});
