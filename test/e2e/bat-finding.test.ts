// Shards are found again: announced once they are durable, found through providers alone, and at hosts that have moved.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileId, UploadOptions, UploadResult } from '@batchain/bat-node';
import { createCrypto, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Manifest } from '../../packages/bat-node/src/manifest/manifest.ts';
import { encodeManifest, parseManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { misbehaving } from '../support/tampered-stream.ts';
import { type BatMember, BatWorld } from './bat-world.ts';
import { until, writeSeededFile } from './harness.ts';

const KiB = 1024;
const OFFER = 100 * 1024 * KiB;
let world: BatWorld;
let hosts: BatMember[];
let owner: BatMember;
let source: string;

beforeEach(async () => {
  world = await BatWorld.create();
  hosts = [];
  for (let i = 0; i < 4; i++) hosts.push(await world.addHost());
  owner = await world.add(0);
  source = await writeSeededFile(join(world.folder, 'letters.tar'), 700 * KiB, 51);
});
afterEach(async () => {
  await world.close();
});

const idOf = (member: BatMember): string => toHex(member.keyPair.nodeId);
const put = (more: UploadOptions = {}): Promise<UploadResult> =>
  owner.node.upload(source, { policy: { k: 2, n: 4 }, segmentSizeBytes: 256 * KiB, ...more });
const allAnnounced = (up: UploadResult): Promise<boolean | undefined> =>
  until('four hosts are announced', async () => world.list.providersOf(up.fileId).length === 4);

async function manifestOf({ manifestPath }: UploadResult): Promise<Manifest> {
  const parsed = parseManifest(createCrypto().verifier, await owner.ownerStore.readManifest(manifestPath));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

async function expectReadable(reader: BatMember, ref: string): Promise<void> {
  const target = join(world.folder, 'back');
  await reader.node.download(ref, target);
  expect((await readFile(target)).equals(await readFile(source))).toBe(true);
}

/** The host stops and comes back with its disk, at another port. */
async function move(host: BatMember): Promise<BatMember> {
  await host.stop();
  return world.add(OFFER, { seed: hosts.indexOf(host) + 1, disk: host.store.disk });
}

describe('BN-02 BN-21 a host', () => {
  it('announces a file when a shard of it is durable, not when it was promised', async () => {
    const promised = new Set<FileId>();
    // Takes every byte and never finishes.
    const unfinished = misbehaving({
      store: async ({ answer, readAll, session, request }) => {
        await answer({ kind: 'accepted', offset: 0 });
        await readAll();
        promised.add(request.order.fileId);
        await session.closed;
      },
    });
    const abort = new AbortController();
    for (const host of hosts) host.behave(unfinished);
    const working = owner.node.upload(source, { policy: { k: 2, n: 4 }, segmentSizeBytes: 256 * KiB, signal: abort.signal });
    const ended = expect(working).rejects.toMatchObject({ code: 'BAT_E_INTERRUPTED' });
    await until('a shard was taken', async () => promised.size > 0);
    abort.abort();
    await ended;

    for (const host of hosts) host.behave(undefined);
    const up = await put({ isFresh: true });
    // Announcements of the first file would have come before these.
    await allAnnounced(up);
    expect(world.list.providersOf(up.fileId).sort()).toEqual(hosts.map(idOf).sort());
    for (const fileId of promised) expect(world.list.providersOf(fileId)).toEqual([]);
  });
});

describe('BN-09 a file', () => {
  it('whose manifest names no host is found through providers alone', async () => {
    const up = await put();
    await allAnnounced(up);
    const stranger = await world.add(0);
    const path = await stranger.ownerStore.saveManifest('bare', encodeManifest({ ...(await manifestOf(up)), hints: [] }));
    await expectReadable(stranger, path);
    expect(await stranger.node.audit(path)).toMatchObject({ verdict: 'good', shardsHealthy: 4 });
  });

  it('whose hosts have all moved since is found at their new addresses', async () => {
    const up = await put();
    for (const host of hosts) await move(host);
    await expectReadable(owner, toHex(up.fileId));
    expect(await owner.node.audit(toHex(up.fileId))).toMatchObject({ verdict: 'good' });
    expect(await owner.node.release(toHex(up.fileId))).toMatchObject({ released: 12, unreached: [] });
  });

  it('is renewed at hosts that have moved', async () => {
    const up = await put();
    const moved: BatMember[] = [];
    for (const host of hosts) moved.push(await move(host));
    const [entry] = await owner.ownerStore.list();
    if (entry === undefined) throw new Error('an entry');
    const weekAgoMs = Date.now() - 8 * 86_400_000;
    await owner.ownerStore.put({ ...entry, leases: entry.leases.map((lease) => ({ ...lease, renewedAtMs: weekAgoMs })) });
    expect(await owner.node.renewLeases()).toBe(4);
    expect(moved.every((host) => host.store.file(up.fileId)?.isCommitted === true)).toBe(true);
  });

  it('that a host has lost altogether is not announced by it any more, and the others carry it', async () => {
    const up = await put();
    await allAnnounced(up);
    const empty = hosts[0] as BatMember;
    await empty.stop();
    await world.add(OFFER, { seed: 1 });
    await expectReadable(owner, toHex(up.fileId));
    const audit = await owner.node.audit(toHex(up.fileId));
    const rows = audit.rows.filter(({ host }) => host !== undefined && toHex(host) === idOf(empty));
    expect(rows.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed']);
    expect(audit.verdict).toBe('at-risk');
  });
});

describe('BN-09 a file on many hosts', () => {
  it('has one shard of each segment on each, and makes the runtime complain of nothing', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning.message);
    };
    process.on('warning', onWarning);
    for (let i = hosts.length; i < 20; i++) hosts.push(await world.addHost());
    const up = await owner.node.upload(source, { policy: { k: 5, n: 18 }, segmentSizeBytes: 128 * KiB });
    expect(up).toMatchObject({ placed: 18, receipts: 18, segments: 6 });
    expect(hosts.map((host) => host.store.usage().shardCount).sort((a, b) => b - a)).toEqual([...Array(18).fill(6), 0, 0]);
    await expectReadable(owner, toHex(up.fileId));
    expect(await owner.node.audit(toHex(up.fileId))).toMatchObject({ verdict: 'good', shardsHealthy: 18 });
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});
