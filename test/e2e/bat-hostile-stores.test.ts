// Hosts that take shards and do not keep them, sign what they should not, or go away in the middle (threats T1, T2, T15).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileId } from '@batchain/bat-node';
import { toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepsNothing, signsOtherwise } from '../support/misbehaviour.ts';
import { misbehaving } from '../support/tampered-stream.ts';
import { type BatMember, BatWorld, type Serving } from './bat-world.ts';
import { writeSeededFile } from './harness.ts';

const KiB = 1024;
const DAY_MS = 86_400_000;
const SEGMENT_BYTES = 256 * KiB;
let world: BatWorld;
let owner: BatMember;
let source: string;

beforeEach(async () => {
  world = await BatWorld.create();
  owner = await world.add(0);
  source = await writeSeededFile(join(world.folder, 'letters.tar'), 6 * SEGMENT_BYTES - 5, 11);
});
afterEach(async () => {
  await world.close();
});

/** Hosts in the order in which they are asked. */
async function hostsLike(...servings: (Serving | undefined)[]): Promise<BatMember[]> {
  const hosts: BatMember[] = [];
  for (const serving of servings) hosts.push(await world.addHost(serving));
  world.list.prefer(hosts.map((host) => host.keyPair.nodeId));
  return hosts;
}

const put = (k: number, n: number) => owner.node.upload(source, { policy: { k, n }, segmentSizeBytes: SEGMENT_BYTES });
const idOf = (member: BatMember | undefined): string => toHex(member?.keyPair.nodeId as Uint8Array);

/** Per segment the indexes that the hosts keep, one list per host that keeps any. */
function spread(hosts: readonly BatMember[], fileId: FileId): number[][][] {
  return Array.from({ length: 6 }, (_, segment) =>
    hosts
      .map((host) => host.store.shards(fileId, { max: 1000 }).filter((shard) => shard.segment === segment))
      .filter((shards) => shards.length > 0)
      .map((shards) => shards.map(({ index }) => index)),
  );
}

/** Each segment has its n shards, each on a host of its own. */
function expectFullSpread(hosts: readonly BatMember[], fileId: FileId, n: number): void {
  for (const perHost of spread(hosts, fileId)) {
    expect(perHost.every((indexes) => indexes.length === 1)).toBe(true);
    expect(perHost.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, index) => index));
  }
}

async function expectComesBack(fileId: FileId): Promise<void> {
  const target = join(world.folder, 'back');
  await owner.node.download(toHex(fileId), target);
  expect((await readFile(target)).equals(await readFile(source))).toBe(true);
}

describe('BD-55 what hosts sign for', () => {
  it('and then leave out of the receipt that counts is stored elsewhere', async () => {
    const hosts = await hostsLike(keepsNothing({ commit: 'omits' }), undefined, undefined, undefined, undefined);
    const up = await put(2, 4);
    expect(up).toMatchObject({ placed: 4, receipts: 4 });
    expect(up.hosts.map((host) => toHex(host.nodeId))).not.toContain(idOf(hosts[0]));
    expectFullSpread(hosts.slice(1), up.fileId, 4);
    await expectComesBack(up.fileId);
  });

  it('counts only where it was given to them: a receipt that invents shards makes nobody happy', async () => {
    const nothing = (): Serving => keepsNothing({ commit: 'omits' });
    await hostsLike(keepsNothing({ commit: 'invents' }), nothing(), nothing(), undefined);
    await expect(put(2, 4)).rejects.toMatchObject({ code: 'BAT_E_NOT_ENOUGH_PEERS', details: { found: 2, needed: 4 } });
    expect(await owner.node.list()).toEqual([]);
  });

  it('for a shorter time than a full lease counts for nothing', async () => {
    const short = signsOtherwise((receipt) => ({ ...receipt, leaseUntilMs: Date.now() + DAY_MS }));
    const hosts = await hostsLike(short, undefined, undefined, undefined, undefined);
    const up = await put(2, 4);
    expect(up.placed).toBe(4);
    expect(up.hosts.map((host) => toHex(host.nodeId))).not.toContain(idOf(hosts[0]));
  });

  const otherFile = signsOtherwise((receipt) => ({ ...receipt, fileId: receipt.fileId.map((byte) => byte ^ 1) as FileId }));
  const otherLease = signsOtherwise((receipt) => ({ ...receipt, leaseId: receipt.leaseId.map((byte) => byte ^ 1) }));
  const otherOwner = signsOtherwise((receipt) => ({ ...receipt, ownerKey: receipt.hostKey }));
  it.each([
    ['another file', otherFile],
    ['another lease', otherLease],
    ['another owner', otherOwner],
  ])('under the name of %s is no receipt; one try is enough', async (_, serving) => {
    let stores = 0;
    const counted: Serving = (session, stream, member) => {
      stores++;
      return serving(session, stream, member);
    };
    const hosts = await hostsLike(counted, undefined, undefined, undefined, undefined);
    const up = await put(2, 4);
    expect(up.placed).toBe(4);
    expectFullSpread(hosts.slice(1), up.fileId, 4);
    // The question for room, and the segments that were under way at once.
    expect(stores).toBeLessThanOrEqual(8);
  });
});

describe('BN-13 BN-22 a host that', () => {
  const full = misbehaving({
    store: async ({ answer, stream }) => {
      await answer({ kind: 'refused', reason: 'no-room', detail: '' });
      await stream.end();
    },
  });

  it('says that it has room and then refuses is passed over, and so are the next, until hosts take the shards', async () => {
    const hosts = await hostsLike(full, full, full, full, full, full, undefined, undefined, undefined);
    const up = await put(1, 3);
    expect(up.placed).toBe(3);
    expectFullSpread(hosts.slice(6), up.fileId, 3);
    await expectComesBack(up.fileId);
  });

  it('and so do all others: the error names them, and nothing enters the list', async () => {
    const hosts = await hostsLike(full, full, full, full);
    await expect(put(1, 3)).rejects.toMatchObject({
      code: 'BAT_E_NOT_ENOUGH_PEERS',
      why: expect.stringContaining(`${idOf(hosts[0]).slice(0, 8)} refused (no-room)`),
      details: { found: 0, needed: 3 },
    });
    expect(await owner.node.list()).toEqual([]);
  });

  it('goes away with several segments under way is replaced for all of them', async () => {
    let stores = 0;
    const dying: Serving = async (_, stream, { honest }) => {
      stores++;
      // The first stream asks for room.
      if (stores > 3) await hosts[0]?.stop();
      await honest(stream);
    };
    const hosts = await hostsLike(dying, undefined, undefined, undefined, undefined, undefined, undefined, undefined);
    const up = await put(4, 6);
    expect(up.placed).toBe(6);
    expectFullSpread(hosts.slice(1), up.fileId, 6);
    await expectComesBack(up.fileId);
  });

  it('goes away before it can commit is replaced as well', async () => {
    const shy = misbehaving({ commit: async ({ session }) => session.close('no') });
    const hosts = await hostsLike(shy, undefined, undefined, undefined, undefined);
    const notes: string[] = [];
    const up = await owner.node.upload(source, {
      policy: { k: 2, n: 4 },
      segmentSizeBytes: SEGMENT_BYTES,
      onNote: (note) => notes.push(note),
    });
    expect(up.placed).toBe(4);
    expectFullSpread(hosts.slice(1), up.fileId, 4);
  });
});
