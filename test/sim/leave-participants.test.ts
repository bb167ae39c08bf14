// Whole participants over the simulated network and a real DHT: one leaves, and the others learn so from its records and its host.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, toHex } from '@batchain/shared';
import { afterEach, expect, it } from 'vitest';
import { writeSeededFile } from '../e2e/harness.ts';
import { ParticipantWorld, type SimParticipant } from './participant-world.ts';

const KiB = 1024;
let world: ParticipantWorld;
let folder: string;
afterEach(async () => {
  await world.stop();
  await rm(folder, { recursive: true, force: true });
});

it('SH-04 SH-12 a participant that leaves is a host no more: its contact says so, its provider record goes, the new host’s comes, and the owner finds all', async () => {
  world = new ParticipantWorld('leaving participants');
  folder = await mkdtemp(join(tmpdir(), 'batchain-leave-'));
  const owner = await world.add('owner', { address: '203.0.113.1' }, [], { offerBytes: 0 });
  const hosts: SimParticipant[] = [];
  for (let i = 0; i < 5; i++) {
    hosts.push(await world.add(`host ${i}`, { address: `198.51.${100 + i}.7` }, [world.kadAddress(owner)], { offerBytes: 4096 * KiB }));
  }
  await world.simulation.clock.runFor(10_000);
  const source = await writeSeededFile(join(folder, 'letters.tar'), 150 * KiB, 5);
  const up = await world.settle(owner.node.files.upload(source, { policy: { k: 2, n: 4 }, segmentSizeBytes: 64 * KiB }));
  expect(up).toMatchObject({ placed: 4, segments: 3 });
  await world.simulation.clock.runFor(5000);
  const leaver = hosts.find(({ nodeId }) => equalBytes(nodeId, up.hosts[0]?.nodeId as Uint8Array)) as SimParticipant;
  const spare = hosts.find(({ nodeId }) => !up.hosts.some((host) => equalBytes(host.nodeId, nodeId))) as SimParticipant;
  const providers = async (): Promise<string[]> => {
    const found = await world.settle(owner.node.kad.findProviders(up.fileId));
    return found.hostIds.map((id) => toHex(id));
  };
  expect(await providers()).toContain(toHex(leaver.nodeId));
  const result = await world.settle(leaver.node.files.leave());
  expect(result).toMatchObject({ movedShards: 3, leftCount: 0 });
  expect(leaver.node.kad.contact.contact.flags).toMatchObject({ isLeaving: true, stores: false });
  const now = await providers();
  expect(now).not.toContain(toHex(leaver.nodeId));
  expect(now).toContain(toHex(spare.nodeId));
  expect(spare.node.files.usage().shardCount).toBe(3);
  const found = await world.settle(owner.node.kad.findHosts(up.fileId, { count: 10 }));
  expect(found.filter(({ contact }) => contact.flags.stores).map(({ nodeId }) => toHex(nodeId))).not.toContain(toHex(leaver.nodeId));
  await world.settle(leaver.node.stop());
  world.members.splice(world.members.indexOf(leaver), 1);
  const audit = await world.settle(owner.node.files.audit(toHex(up.fileId)));
  expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: 4 });
  expect(audit.rows.every(({ outcome }) => outcome === 'passed')).toBe(true);
  const info = await world.settle(owner.node.files.info(toHex(up.fileId)));
  expect(info.hosts.map((id) => toHex(id))).toContain(toHex(spare.nodeId));
});

it('BD-17 BD-16 an emergency cuts a leave short wherever it is, and who comes back after it serves again what is still his', async () => {
  world = new ParticipantWorld('leaving in an emergency');
  folder = await mkdtemp(join(tmpdir(), 'batchain-leave-'));
  const owner = await world.add('owner', { address: '203.0.113.1' }, [], { offerBytes: 0 });
  const hosts: SimParticipant[] = [];
  for (let i = 0; i < 3; i++) {
    hosts.push(await world.add(`host ${i}`, { address: `198.51.${100 + i}.7` }, [world.kadAddress(owner)], { offerBytes: 4096 * KiB }));
  }
  await world.simulation.clock.runFor(10_000);
  const source = await writeSeededFile(join(folder, 'letters.tar'), 150 * KiB, 5);
  const up = await world.settle(owner.node.files.upload(source, { policy: { k: 2, n: 3 }, segmentSizeBytes: 64 * KiB }));
  expect(up).toMatchObject({ placed: 3, segments: 3 });
  const [leaver] = hosts as [SimParticipant];
  const { clock } = world.simulation;
  for (const beforeMs of [0, 40, 1500, 16_000]) {
    const long = leaver.node.membership.leave();
    await clock.runFor(beforeMs);
    const startMs = clock.elapsedMs;
    const short = await world.settle(leaver.node.membership.leave({ isEmergency: true }));
    expect(clock.elapsedMs - startMs, `after ${beforeMs} ms`).toBeLessThan(10_000);
    expect(short.told).toBeGreaterThan(0);
    await world.settle(long);
    expect(leaver.node.membership.state).toBe('left');
    expect(await world.settle(leaver.node.membership.rejoin())).toBe(true);
    expect(leaver.node.membership.state).toBe('member');
    expect(leaver.node.kad.isAway).toBe(false);
    await clock.runFor(5000);
    const { hostIds } = await world.settle(owner.node.kad.findProviders(up.fileId));
    expect(hostIds.map((id) => toHex(id))).toContain(toHex(leaver.nodeId));
  }
  const audit = await world.settle(owner.node.files.audit(toHex(up.fileId)));
  expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: 3 });
});
