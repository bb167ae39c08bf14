// Sixty days of leases in simulated time: renewed while the owner's daemon runs, and what becomes of them when it never comes back.
import { MemoryOwnerStore, type OwnedFile } from '@batchain/bat-node';
import { BatChainError, day, hour, minute, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Manifest } from '../../packages/bat-node/src/manifest/manifest.ts';
import { encodeManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { signsOtherwise } from '../support/misbehaviour.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';
import { misbehaving } from '../support/tampered-stream.ts';

const KiB = 1024;
const SEGMENT_BYTES = 64 * KiB;
const SEGMENTS = 4;
const OFFER = 100 * 1024 * KiB;
let world: SimBatWorld;
let owner: SimMember;
let hosts: SimMember[];
/** Renewals that hosts were asked for, and that they took part in. */
let renewals: Map<SimMember, number>;

beforeEach(async () => {
  world = new SimBatWorld('leases');
  renewals = new Map();
  hosts = [];
  for (let i = 0; i < 6; i++) {
    const host = await world.add(OFFER, {
      serving: misbehaving({
        renew: async (visit) => {
          renewals.set(host, (renewals.get(host) ?? 0) + 1);
          await visit.serve({});
        },
      }),
    });
    hosts.push(host);
  }
  owner = await world.add(0);
});
afterEach(async () => {
  await world.close();
});

const runFor = (ms: number): Promise<void> => world.simulation.clock.runFor(ms);
const nowMs = (): number => world.simulation.clock.nowMs();
const put = (isCommitted = true, name = 'letters.tar') => {
  const bytes = world.simulation.runtime.random.bytes(SEGMENTS * SEGMENT_BYTES - 11);
  return world.settle(world.put(owner, hosts, bytes, { k: 4, segmentBytes: SEGMENT_BYTES, isCommitted, name }));
};

describe('BD-55 with the owner running', () => {
  it('for 60 days every host keeps every shard, and is asked once a week; one that was away for 12 days catches up', async () => {
    const { manifest } = await put();
    const { fileId } = manifest.roster;
    const away = hosts[2] as SimMember;
    const others = world.members.filter((member) => member !== away).map(({ machine }) => machine);
    await runFor(6 * day);
    const heal = world.network.partition(away.machine, others);
    await runFor(12 * day);
    expect(renewals.get(away) ?? 0).toBe(0);
    heal();
    await runFor(1 * day);
    expect(renewals.get(away)).toBe(1);
    await runFor(41 * day);

    for (const host of hosts) {
      expect(host.store.shards(fileId, { max: 100 })).toHaveLength(SEGMENTS);
      const file = host.store.file(fileId);
      expect(file?.isCommitted).toBe(true);
      // Renewed within the last week and a look, for 30 days.
      expect(file?.leaseUntilMs ?? 0).toBeGreaterThan(nowMs() + 22 * day);
      // A look comes every 6 to 6.6 h, so a renewal 7 to 7.3 days after the last: eight fit into 60 days.
      expect(renewals.get(host)).toBe(host === away ? 6 : 8);
    }
    expect(world.list.providersOf(fileId)).toHaveLength(6);
    const [entry] = await owner.ownerStore.list();
    expect(entry?.leases.every((lease) => lease.leaseUntilMs > nowMs() + 22 * day)).toBe(true);
    const audit = await world.settle(owner.node.audit('letters.tar'));
    expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: 6 });
  });

  it('a record that can not be read costs no other file its leases, and is tried again within minutes', async () => {
    let isUnreadable: (id: string) => boolean = () => false;
    class FailingStore extends MemoryOwnerStore {
      override async get(id: string): Promise<OwnedFile | undefined> {
        if (isUnreadable(id)) throw new BatChainError('BAT_E_HOME_UNUSABLE', { what: 'can not read the record' });
        return super.get(id);
      }
    }
    owner = await world.add(0, { ownerStore: new FailingStore() });
    const { manifest: first } = await put(true, 'letters.tar');
    const { manifest: second } = await put(true, 'photos.tar');
    isUnreadable = (id) => id === toHex(first.roster.fileId);
    await runFor(8 * day);
    const until = ({ roster }: Manifest): number => hosts[0]?.store.file(roster.fileId)?.leaseUntilMs ?? 0;
    expect(until(second)).toBeGreaterThan(nowMs() + 28 * day);
    expect(until(first)).toBeLessThan(nowMs() + 23 * day);
    isUnreadable = () => false;
    await runFor(12 * minute);
    expect(until(first)).toBeGreaterThan(nowMs() + 29 * day);
  });

  it('a host that signs for less than a full lease is not counted as renewed, and is asked again at each look', async () => {
    await put();
    const miser = hosts[0] as SimMember;
    const short = signsOtherwise((receipt) => ({ ...receipt, leaseUntilMs: nowMs() + day }));
    let asked = 0;
    miser.behave((session, stream, member) => {
      asked++;
      return short(session, stream, member);
    });
    await runFor(8 * day);
    const [entry] = await owner.ownerStore.list();
    const lease = entry?.leases.find(({ host }) => host === toHex(miser.keyPair.nodeId));
    expect(nowMs() - (lease?.renewedAtMs ?? 0)).toBeGreaterThan(7 * day);
    expect(asked).toBeGreaterThanOrEqual(2);
  });

  it('a receipt that names fewer shards does not free the host from answering for them', async () => {
    await put();
    const shirker = hosts[0] as SimMember;
    shirker.behave(signsOtherwise((receipt) => ({ ...receipt, shards: receipt.shards.slice(0, 1) })));
    await runFor(8 * day);
    const { fileId } = (await world.settle(owner.node.info('letters.tar'))) as { fileId: Uint8Array };
    expect(renewals.get(hosts[1] as SimMember)).toBe(1);
    const audit = await world.settle(owner.node.audit('letters.tar'));
    const rows = audit.rows.filter(({ host }) => host !== undefined && toHex(host) === toHex(shirker.keyPair.nodeId));
    expect(rows).toHaveLength(SEGMENTS);
    expect(toHex(audit.fileId)).toBe(toHex(fileId));
  });

  it('a file whose manifest is gone does not keep the others from being renewed', async () => {
    const first = await put(true, 'first.tar');
    const second = await put(true, 'second.tar');
    const [entry] = await owner.ownerStore.list();
    await owner.ownerStore.removeManifest(entry?.manifestPath as string);
    await runFor(8 * day);
    for (const { manifest } of [first, second]) {
      expect(hosts[0]?.store.file(manifest.roster.fileId)?.leaseUntilMs ?? 0).toBeGreaterThan(nowMs() + 28 * day);
    }
  });
});

describe('when the owner never comes back', () => {
  it('leases end, then 14 days of grace, then 7 days of trash; then the bytes and the provider records are gone', async () => {
    const { manifest } = await put();
    const { fileId } = manifest.roster;
    const stranger = await world.add(0);
    const path = await stranger.ownerStore.saveManifest('letters', encodeManifest(manifest));
    await runFor(20 * day);
    await world.settle(owner.stop());
    const endsAtMs = Math.max(...hosts.map((host) => host.store.file(fileId)?.leaseUntilMs ?? 0));
    const startsAtMs = Math.min(...hosts.map((host) => host.store.file(fileId)?.leaseUntilMs ?? 0));
    expect(startsAtMs).toBeGreaterThan(nowMs() + 22 * day);

    await runFor(endsAtMs - nowMs() + 13 * day);
    expect(await world.settle(stranger.node.audit(path))).toMatchObject({ verdict: 'good' });

    await runFor(1 * day + 2 * hour);
    for (const host of hosts) {
      expect(host.store.file(fileId)).toBeUndefined();
      expect(host.store.usage().usedBytes).toBeGreaterThan(0);
    }
    expect(world.list.providersOf(fileId)).toEqual([]);
    const target = stranger.node.downloadStream(path).next();
    await expect(world.settle(target)).rejects.toMatchObject({ code: 'BAT_E_UNRECOVERABLE' });

    await runFor(7 * day);
    for (const host of hosts) expect(host.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0 });
  });

  it('an owner who comes back within the grace finds everything as it was', async () => {
    const { manifest } = await put();
    const { fileId } = manifest.roster;
    const others = hosts.map(({ machine }) => machine);
    const heal = world.network.partition(owner.machine, others);
    await runFor(43 * day);
    expect(hosts[0]?.store.file(fileId)?.leaseUntilMs ?? 0).toBeLessThan(nowMs());
    heal();
    await runFor(1 * day);
    for (const host of hosts) expect(host.store.file(fileId)?.leaseUntilMs ?? 0).toBeGreaterThan(nowMs() + 28 * day);
    expect(await world.settle(owner.node.audit('letters.tar'))).toMatchObject({ verdict: 'good' });
  });

  it('one who comes back too late hears that the shards are gone, from hosts that broke no promise', async () => {
    await put();
    const others = hosts.map(({ machine }) => machine);
    const heal = world.network.partition(owner.machine, others);
    await runFor(52 * day);
    heal();
    await runFor(10 * minute);
    const audit = await world.settle(owner.node.audit('letters.tar'));
    expect(audit.verdict).toBe('lost');
    expect(new Set(audit.rows.map(({ outcome }) => outcome))).toEqual(new Set(['inconclusive']));
    expect(audit.rows.every(({ reason }) => reason.includes('lease is over'))).toBe(true);
  });

  it('an upload that was never committed lapses after a day and the difference of clocks', async () => {
    const { manifest } = await put(false);
    const { fileId } = manifest.roster;
    await runFor(71 * hour);
    for (const host of hosts) expect(host.store.shards(fileId, { max: 100 })).toHaveLength(SEGMENTS);
    await runFor(3 * hour);
    for (const host of hosts) expect(host.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0, reservedBytes: 0 });
    expect(world.list.providersOf(fileId)).toEqual([]);
  });
});

describe('a file that its owner releases', () => {
  it('is no longer announced within the hour', async () => {
    const { manifest } = await put();
    const { fileId } = manifest.roster;
    await runFor(1 * minute);
    expect(world.list.providersOf(fileId)).toHaveLength(6);
    await world.settle(owner.node.release('letters.tar'));
    expect(hosts.map((host) => host.store.usage().usedBytes)).toEqual([0, 0, 0, 0, 0, 0]);
    await runFor(1 * hour + 1 * minute);
    expect(world.list.providersOf(fileId)).toEqual([]);
  });
});

describe('clocks', () => {
  it('an owner whose clock was set back years goes on renewing', async () => {
    const { manifest } = await put();
    const { fileId } = manifest.roster;
    const entry = (await owner.ownerStore.list())[0];
    if (entry === undefined) throw new Error('an entry');
    // What a wall clock that was years ahead had written.
    await owner.ownerStore.put({ ...entry, leases: entry.leases.map((lease) => ({ ...lease, renewedAtMs: nowMs() + 3000 * day })) });
    await runFor(1 * day);
    for (const host of hosts) {
      expect(renewals.get(host)).toBe(1);
      expect(host.store.file(fileId)?.leaseUntilMs ?? 0).toBeGreaterThan(nowMs() + 28 * day);
    }
  });
});
