// Sessions that are over without a word: a network that was gone for a while costs a flow a new dial, not a host (BN-15, BN-28).
import { join } from 'node:path';
import { day, second, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSeededFile } from '../e2e/harness.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';

const KiB = 1024;
const SEGMENT_BYTES = 64 * KiB;
const OFFER = 100 * 1024 * KiB;
/** Longer than two pings go unanswered, shorter than a dial waits. */
const GONE_MS = 6.5 * second;
const HOSTS = 4;
let world: SimBatWorld;
let owner: SimMember;
let hosts: SimMember[];
let source: string;

beforeEach(async () => {
  world = new SimBatWorld('lost sessions');
  owner = await world.add(0);
  hosts = [];
  for (let i = 0; i < HOSTS; i++) hosts.push(await world.add(OFFER));
  source = await writeSeededFile(join(world.folder, 'letters.tar'), 3 * SEGMENT_BYTES - 9, 61);
});
afterEach(async () => {
  await world.close();
});

const put = (path = source) =>
  world.settleReal(owner.node.upload(path, { policy: { k: HOSTS, n: HOSTS }, segmentSizeBytes: SEGMENT_BYTES }));

/** The network of a host goes away now, with its sessions, and comes back in time for a dial. */
function loseFor(host: SimMember, ms: number): void {
  const heal = world.network.isolate(host.machine);
  world.simulation.clock.setTimer(ms, heal);
}

describe('a session that ended unnoticed costs no shard of', () => {
  it('an audit, which needs every one', async () => {
    const up = await put();
    loseFor(hosts[1] as SimMember, GONE_MS);
    const audit = await world.settle(owner.node.audit(toHex(up.fileId)));
    expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: HOSTS });
  });

  it('an upload that has no host to spare', async () => {
    await put();
    const second = await writeSeededFile(join(world.folder, 'post.tar'), 3 * SEGMENT_BYTES - 9, 62);
    loseFor(hosts[2] as SimMember, GONE_MS);
    expect(await put(second)).toMatchObject({ placed: HOSTS, receipts: HOSTS });
  });

  it('a download for which every host is needed', async () => {
    const up = await put();
    loseFor(hosts[3] as SimMember, GONE_MS);
    const stream = owner.node.downloadStream(toHex(up.fileId));
    let bytes = 0;
    for (let next = await world.settle(stream.next()); next.done !== true; next = await world.settle(stream.next()))
      bytes += next.value.length;
    expect(bytes).toBe(up.bytes);
  });

  it('a release: every host is told', async () => {
    const up = await put();
    loseFor(hosts[0] as SimMember, GONE_MS);
    const released = await world.settle(owner.node.release(toHex(up.fileId)));
    expect(released).toMatchObject({ released: 3 * HOSTS, unreached: [] });
  });

  it('a renewal', async () => {
    await put();
    const [entry] = await owner.ownerStore.list();
    if (entry === undefined) throw new Error('an entry');
    const weekAgoMs = world.simulation.clock.nowMs() - 8 * day;
    await owner.ownerStore.put({ ...entry, leases: entry.leases.map((lease) => ({ ...lease, renewedAtMs: weekAgoMs })) });
    loseFor(hosts[0] as SimMember, GONE_MS);
    expect(await world.settle(owner.node.renewLeases())).toBe(HOSTS);
  });
});

it('a host that stays away is dialled once more, and named as away', async () => {
  const up = await put();
  const gone = hosts[1] as SimMember;
  world.network.isolate(gone.machine);
  const audit = await world.settle(owner.node.audit(toHex(up.fileId)));
  const rows = audit.rows.filter(({ host }) => host !== undefined && toHex(host) === toHex(gone.keyPair.nodeId));
  expect(rows.map(({ outcome }) => outcome)).toEqual(['offline', 'offline', 'offline']);
  expect(audit.verdict).toBe('unknown');
});

describe('audits of many files', () => {
  it('wait for a host that is away once, not once for each file', async () => {
    const ups = [await put(), await put(await writeSeededFile(join(world.folder, 'post.tar'), 3 * SEGMENT_BYTES, 63))];
    world.network.isolate((hosts[1] as SimMember).machine);
    await world.simulation.clock.runUntilSettled(world.simulation.clock.sleep(60 * second), { deadlineMs: day });
    const away = new Map<string, string>();
    const tookMs: number[] = [];
    for (const { fileId } of ups) {
      const beganMs = world.simulation.clock.elapsedMs;
      const audit = await world.settle(owner.node.audit(toHex(fileId), { away }));
      tookMs.push(world.simulation.clock.elapsedMs - beganMs);
      expect(audit.rows.filter(({ outcome }) => outcome === 'offline')).toHaveLength(3);
    }
    expect([...away.keys()]).toEqual([toHex((hosts[1] as SimMember).keyPair.nodeId)]);
    expect(tookMs[0]).toBeGreaterThan(second);
    expect(tookMs[1]).toBeLessThan(second);
  });
});
