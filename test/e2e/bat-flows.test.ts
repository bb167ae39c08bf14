// Upload, download, audit and release between BatNodes in one process, over real connections.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@batchain/shared';
import { afterEach, describe, expect, it } from 'vitest';
import { misbehaving } from '../support/tampered-stream.ts';
import { type BatMember, BatWorld } from './bat-world.ts';
import { writeSeededFile } from './harness.ts';

const MiB = 1024 * 1024;
let world: BatWorld;

afterEach(async () => {
  await world?.close();
});

async function open(hostCount: number): Promise<{ owner: BatMember; hosts: BatMember[] }> {
  world = await BatWorld.create();
  const hosts: BatMember[] = [];
  for (let i = 0; i < hostCount; i++) hosts.push(await world.add(100 * MiB));
  return { owner: await world.add(0), hosts };
}

describe('a file between BatNodes', () => {
  it.each([0, 1, 65_536, 100_000, 3 * MiB + 17])('BN-24 BN-25 of %i bytes goes up and comes back', async (bytes) => {
    const { owner, hosts } = await open(5);
    const source = await writeSeededFile(join(world.folder, 'source'), bytes, bytes + 1);
    const up = await owner.node.upload(source, { policy: { k: 2, n: 5 }, segmentSizeBytes: MiB });
    expect(up).toMatchObject({ bytes, placed: 5, receipts: 5, segments: Math.max(1, Math.ceil(bytes / MiB)) });
    const target = join(world.folder, 'target');
    const down = await owner.node.download(toHex(up.fileId), target);
    expect(down).toMatchObject({ bytes, sha256: up.sha256, rejected: [] });
    expect((await readFile(target)).equals(await readFile(source))).toBe(true);
    expect(hosts.every((host) => host.store.usage().shardCount === up.segments)).toBe(true);
    const audit = await owner.node.audit('source');
    expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: 5, shardsTotal: 5 });
    expect(audit.rows.every((row) => row.outcome === 'passed')).toBe(true);
  });

  it('a range of it is streamed from the segments that hold it, and from no other', async () => {
    world = await BatWorld.create();
    const fetched = new Set<number>();
    const watched = misbehaving({
      fetch: (visit) => {
        fetched.add(visit.request.segment);
        return visit.serve({});
      },
    });
    for (let i = 0; i < 2; i++) await world.addHost(watched);
    const owner = await world.add(0);
    const source = await writeSeededFile(join(world.folder, 'source'), MiB + 17, 9);
    await owner.node.upload(source, { policy: { k: 1, n: 2 }, segmentSizeBytes: 64 * 1024 });
    const whole = await readFile(source);
    const read = async (offset: number, length?: number): Promise<readonly [Buffer, number[]]> => {
      fetched.clear();
      const parts: Uint8Array[] = [];
      const range = length === undefined ? { offset } : { offset, length };
      for await (const part of owner.node.downloadStream('source', range)) parts.push(part);
      return [Buffer.concat(parts), [...fetched].sort((a, b) => a - b)];
    };
    expect(await read(200_000, 100_000)).toEqual([whole.subarray(200_000, 300_000), [3, 4]]);
    expect(await read(65_536, 65_536)).toEqual([whole.subarray(65_536, 131_072), [1]]);
    expect(await read(MiB + 10)).toEqual([whole.subarray(MiB + 10), [16]]);
    expect(await read(MiB + 10, 1000)).toEqual([whole.subarray(MiB + 10), [16]]);
    expect(await read(5, 0)).toEqual([Buffer.alloc(0), []]);
    expect(await read(2 * MiB)).toEqual([Buffer.alloc(0), []]);
    expect((await read(0))[0].equals(whole)).toBe(true);
    expect(fetched.size).toBe(17);
  });

  it('DF-18 comes back while n - k hosts are gone, and says plainly when one more is', async () => {
    const { owner, hosts } = await open(4);
    const source = await writeSeededFile(join(world.folder, 'source'), 2 * MiB, 5);
    const up = await owner.node.upload(source, { policy: { k: 2, n: 4 }, segmentSizeBytes: MiB });
    await hosts[0]?.stop();
    await hosts[3]?.stop();
    const target = join(world.folder, 'target');
    await owner.node.download('source', target);
    expect((await readFile(target)).equals(await readFile(source))).toBe(true);
    const audit = await owner.node.audit('source');
    expect(audit.verdict).toBe('at-risk');
    const offline = new Set(audit.rows.filter((row) => row.outcome === 'offline').map((row) => row.host && toHex(row.host)));
    expect(offline).toEqual(new Set([hosts[0], hosts[3]].map((host) => toHex(host?.keyPair.nodeId as Uint8Array))));
    await hosts[1]?.stop();
    await expect(owner.node.download('source', join(world.folder, 'never'))).rejects.toMatchObject({ code: 'BAT_E_TOO_FEW_SHARDS' });
    await expect(readFile(join(world.folder, 'never'))).rejects.toThrow();
    expect(up.placed).toBe(4);
  });

  it('is released at every host', async () => {
    const { owner, hosts } = await open(3);
    const source = await writeSeededFile(join(world.folder, 'source'), MiB, 6);
    await owner.node.upload(source, { policy: { k: 1, n: 3 } });
    expect(hosts.map((host) => host.store.usage().shardCount)).toEqual([1, 1, 1]);
    expect(await owner.node.release('source')).toMatchObject({ released: 3, unreached: [] });
    expect(hosts.map((host) => host.store.usage().usedBytes)).toEqual([0, 0, 0]);
    await expect(owner.node.info('source')).rejects.toMatchObject({ code: 'BAT_E_REF_NOT_FOUND' });
  });

  it('BN-13 BN-20 BN-22 goes to another host when one is full, and fails loudly when too few are left', async () => {
    const { owner, hosts } = await open(3);
    const full = await world.add(1024);
    const source = await writeSeededFile(join(world.folder, 'source'), MiB, 7);
    const up = await owner.node.upload(source, { policy: { k: 1, n: 3 } });
    expect(up.hosts.map((host) => toHex(host.nodeId)).sort()).toEqual(hosts.map((host) => toHex(host.keyPair.nodeId)).sort());
    expect(full.store.usage().usedBytes).toBe(0);
    await expect(owner.node.upload(source, { policy: { k: 2, n: 4 } })).rejects.toMatchObject({
      code: 'BAT_E_NOT_ENOUGH_PEERS',
      why: expect.stringContaining('no-room'),
    });
  });

  it('BN-13 the default policy is for the hosts that answer, not for those that are only known', async () => {
    const { owner, hosts } = await open(4);
    await hosts[1]?.stop();
    const source = await writeSeededFile(join(world.folder, 'source'), 1000, 8);
    expect(await owner.node.upload(source)).toMatchObject({ policy: { k: 1, n: 3 }, placed: 3 });
  });

  it('a single copy needs the word', async () => {
    const { owner } = await open(1);
    const source = await writeSeededFile(join(world.folder, 'source'), 1000, 8);
    await expect(owner.node.upload(source)).rejects.toMatchObject({ code: 'BAT_E_NOT_ENOUGH_PEERS', fix: expect.stringContaining('1of1') });
    expect(await owner.node.upload(source, { policy: { k: 1, n: 1 } })).toMatchObject({ placed: 1 });
  });
});
