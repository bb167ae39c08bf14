// What an upload could not place is placed later by the owner's daemon, in simulated time: hosts that come back, that lie, that never come.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { UploadResult } from '@batchain/bat-node';
import { createCrypto, day, hour, minute, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shardIdAt } from '../../packages/bat-node/src/manifest/manifest.ts';
import { parseManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { writeSeededFile } from '../e2e/harness.ts';
import type { Serving } from '../support/bat-member.ts';
import { boasting } from '../support/misbehaviour.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';
import { misbehaving } from '../support/tampered-stream.ts';

const KiB = 1024;
const SEGMENT_BYTES = 64 * KiB;
const SEGMENTS = 4;
const OFFER = 100 * 1024 * KiB;
const POLICY = { k: 2, n: 5 };
let world: SimBatWorld;
let owner: SimMember;
let hosts: SimMember[];
let source: string;
/** Questions for room that hosts were asked. */
let asked: number;

const counting: Serving = misbehaving({
  status: async (visit) => {
    asked++;
    await visit.serve({});
  },
});

beforeEach(async () => {
  world = new SimBatWorld('placing the rest');
  asked = 0;
  owner = await world.add(0);
  hosts = [];
  for (let i = 0; i < 5; i++) hosts.push(await world.add(OFFER, { serving: counting }));
  world.list.prefer(hosts.map((host) => host.keyPair.nodeId));
  source = await writeSeededFile(join(world.folder, 'letters.tar'), SEGMENTS * SEGMENT_BYTES - 9, 71);
});
afterEach(async () => {
  await world.close();
});

const last = (): SimMember => hosts[4] as SimMember;
const runFor = (ms: number): Promise<void> => world.settle(world.simulation.clock.sleep(ms), ms + minute);
const entry = async () => (await owner.node.list())[0];
const put = async (): Promise<UploadResult> => {
  const up = await world.settleReal(owner.node.upload(source, { policy: POLICY, segmentSizeBytes: SEGMENT_BYTES }));
  expect(up.placed).toBe(4);
  expect(await entry()).toMatchObject({ health: 'degraded', shardsHealthy: 4 });
  return up;
};

/** Does the same, with a last host that takes two shards and vanishes. */
async function putWithVanishing(): Promise<UploadResult> {
  let stores = 0;
  let tookTwo: () => void = () => undefined;
  const hasTwo = new Promise<void>((resolve) => {
    tookTwo = resolve;
  });
  const vanishing = misbehaving({
    store: async (visit) => {
      const isFirst = ++stores <= 2;
      if (!isFirst) {
        await hasTwo;
        world.network.isolate(last().machine);
      }
      await visit.serve({});
      if (isFirst && last().store.usage().shardCount === 2) tookTwo();
    },
  });
  last().behave(vanishing);
  const up = await put();
  last().behave(undefined);
  return up;
}
const shardsAt = (host: SimMember, { fileId }: UploadResult) => host.store.shards(fileId, { max: 100 });

async function expectAllPlaced(up: UploadResult): Promise<void> {
  for (let segment = 0; segment < SEGMENTS; segment++) {
    const perHost = hosts.map((host) => shardsAt(host, up).filter((shard) => shard.segment === segment));
    expect(perHost.every((shards) => shards.length <= 1)).toBe(true);
    expect(
      perHost
        .flat()
        .map(({ index }) => index)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4]); // prettier-ignore
  }
  expect(await entry()).toMatchObject({ health: 'good', shardsHealthy: 5 });
  const audit = await world.settle(owner.node.audit(toHex(up.fileId), { isFull: true }));
  expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: 5 });
}

describe('BN-20 BN-22 an upload that reached all hosts but one is a success, and', () => {
  it('the last host gets its shards when it comes back: rebuilt, committed, and named in the manifest', async () => {
    const heal = world.network.isolate(last().machine);
    const up = await put();
    // Nothing of it is needed: what is missing is made of what the others hold.
    await rm(source);
    await runFor(20 * minute);
    expect(await entry()).toMatchObject({ health: 'degraded' });
    heal();
    await runFor(20 * minute);
    await expectAllPlaced(up);
    const file = last().store.file(up.fileId);
    expect(file?.isCommitted).toBe(true);
    expect(file?.leaseUntilMs ?? 0).toBeGreaterThan(world.simulation.clock.nowMs() + 29 * day);
    const manifest = parseManifest(createCrypto().verifier, await owner.ownerStore.readManifest(up.manifestPath));
    expect(manifest.ok && manifest.value.hints.map(({ nodeId }) => toHex(nodeId)).sort()).toEqual(
      hosts.map(({ keyPair }) => toHex(keyPair.nodeId)).sort(),
    );
    // Done is done.
    const before = asked;
    await runFor(2 * hour);
    expect(asked).toBe(before);
  });

  it('what it got before it went away is kept, once it has proved it; no byte of that is sent again', async () => {
    const up = await putWithVanishing();
    const kept = shardsAt(last(), up);
    expect(kept).toHaveLength(2);
    const { bytes } = last().received;
    world.network.heal();
    await runFor(20 * minute);
    await expectAllPlaced(up);
    const given = shardsAt(last(), up).filter(({ segment }) => !kept.some((shard) => shard.segment === segment));
    expect(last().received.bytes - bytes).toBeLessThanOrEqual(given.reduce((sum, { length }) => sum + length, 0));
  });

  it('a host that only says that it has the shards is given them', async () => {
    const up = await putWithVanishing();
    const manifest = parseManifest(createCrypto().verifier, await owner.ownerStore.readManifest(up.manifestPath));
    if (!manifest.ok) throw new Error(manifest.reason);
    const { segments } = manifest.value.roster;
    let boasts = 0;
    const missing = segments.map((_, segment) => {
      const held = hosts.slice(0, 4).flatMap((host) => shardsAt(host, up).filter((shard) => shard.segment === segment));
      return [0, 1, 2, 3, 4].find((index) => !held.some((shard) => shard.index === index)) as number;
    });
    last().behave(
      boasting((receipt) => {
        boasts++;
        const shards = segments.map((named, segment) => {
          const index = missing[segment] as number;
          return { segment, index, shardId: shardIdAt(named, index), length: named.shardLength, isDamaged: false };
        });
        return { ...receipt, shards };
      }),
    );
    world.network.heal();
    await runFor(20 * minute);
    expect(boasts).toBeGreaterThan(0);
    await expectAllPlaced(up);
  });

  it('a new host takes the place of one that never comes back', async () => {
    world.network.isolate(last().machine);
    const up = await put();
    await runFor(10 * minute);
    const newcomer = await world.add(OFFER);
    await runFor(20 * minute);
    hosts.push(newcomer);
    await expectAllPlaced(up);
    expect(shardsAt(newcomer, up)).toHaveLength(SEGMENTS);
  });

  it('a file that is released meanwhile is left alone', async () => {
    const heal = world.network.isolate(last().machine);
    const up = await put();
    // Released in the very moment in which the daemon is giving shards to the last host.
    let start: () => void = () => undefined;
    const isAtIt = new Promise<void>((resolve) => {
      start = resolve;
    });
    last().behave(
      misbehaving({
        store: async (visit) => {
          start();
          await world.simulation.clock.sleep(50);
          await visit.serve({});
        },
      }),
    );
    heal();
    const releasing = isAtIt.then(() => owner.node.release(toHex(up.fileId)));
    const released = await world.settle(releasing, 60 * minute);
    expect(released.unreached).toEqual([]);
    await runFor(2 * hour);
    expect(await owner.node.list()).toEqual([]);
    for (const host of hosts) expect(shardsAt(host, up)).toEqual([]);
  });

  it('is given up after a week, with a reason', async () => {
    world.network.isolate(last().machine);
    const up = await put();
    await owner.ownerStore.update(toHex(up.fileId), (file) => {
      if (file.placing === undefined) throw new Error('something to place');
      return { ...file, placing: { ...file.placing, sinceMs: file.placing.sinceMs - 7 * day } };
    });
    await runFor(1 * hour);
    const [owned] = await owner.ownerStore.list();
    expect(owned?.placing).toMatchObject({ isOver: true, reason: 'no other host has room for the missing shards' });
    expect(await entry()).toMatchObject({ health: 'degraded' });
    world.network.heal();
    await runFor(1 * day);
    expect(shardsAt(last(), up)).toEqual([]);
  });

  it('a file that was audited meanwhile is audited again', async () => {
    const heal = world.network.isolate(last().machine);
    const up = await put();
    await world.settle(owner.node.audit(toHex(up.fileId)));
    const first = await entry();
    heal();
    await runFor(20 * minute);
    const second = await entry();
    expect(second).toMatchObject({ health: 'good', shardsHealthy: 5 });
    expect(second?.checkedAtMs ?? 0).toBeGreaterThan(first?.checkedAtMs ?? 0);
    await expectAllPlaced(up);
  });
});
