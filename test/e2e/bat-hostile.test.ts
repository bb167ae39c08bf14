// Hosts that serve wrong bytes, wrong claims or nothing (threats T1, hostile inputs 7 to 11): the file comes back right, or not at all.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileId, UploadResult } from '@batchain/bat-node';
import { toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HeldShard } from '../../packages/bat-node/src/wire/frames.ts';
import {
  asksAnother,
  claims,
  closesHalfway,
  flipsABit,
  hides,
  keepsOnlyHashes,
  lengthens,
  liesAboutLeafHashes,
  refusesHalfway,
  replaysAudits,
  servesAnotherShard,
  servesOtherBytes,
  truncates,
} from '../support/misbehaviour.ts';
import { misbehaving } from '../support/tampered-stream.ts';
import { type BatMember, BatWorld, type Serving } from './bat-world.ts';
import { writeSeededFile } from './harness.ts';

const KiB = 1024;
const SEGMENT_BYTES = 256 * KiB;
const FILE_BYTES = 4 * SEGMENT_BYTES + 17;
let world: BatWorld;

beforeEach(async () => {
  world = await BatWorld.create();
});
afterEach(async () => {
  await world.close();
});

interface Stored {
  readonly owner: BatMember;
  readonly hosts: readonly BatMember[];
  readonly up: UploadResult;
  readonly source: Buffer;
  readonly target: string;
  /** The host that keeps this shard. */
  readonly holder: (segment: number, index: number) => BatMember;
}

/** Five segments on `n` honest hosts. */
async function stored(k: number, n: number): Promise<Stored> {
  const hosts: BatMember[] = [];
  for (let i = 0; i < n; i++) hosts.push(await world.addHost());
  const owner = await world.add(0);
  const path = await writeSeededFile(join(world.folder, 'letters.tar'), FILE_BYTES, 7);
  const up = await owner.node.upload(path, { policy: { k, n }, segmentSizeBytes: SEGMENT_BYTES });
  const holder = (segment: number, index: number): BatMember => {
    const found = hosts.find((host) => host.store.shard({ fileId: up.fileId, segment, index }) !== undefined);
    if (found === undefined) throw new Error(`nobody keeps ${segment}/${index}`);
    return found;
  };
  return { owner, hosts, up, source: await readFile(path), target: join(world.folder, 'back'), holder };
}

const idOf = (member: BatMember): string => toHex(member.keyPair.nodeId);
const idsOf = (members: readonly BatMember[]): string[] => members.map(idOf).sort();
const hostsOf = (rejected: readonly { readonly host: Uint8Array }[]): string[] =>
  [...new Set(rejected.map(({ host }) => toHex(host)))].sort();

/** All that a host keeps of a file, as it would tell in HAVE. */
function heldBy(host: BatMember, fileId: FileId): HeldShard[] {
  return host.store
    .shards(fileId, { max: 1000 })
    .map(({ segment, index, shardId, length, isDamaged }) => ({ segment, index, shardId, length, isDamaged }));
}

describe('DF-18 a host that serves', () => {
  const wrong: readonly (readonly [what: string, serving: Serving])[] = [
    ['one flipped bit', flipsABit],
    ['a shard cut short', truncates],
    ['more bytes than the shard has', lengthens],
    ['other bytes under the right hashes', servesOtherBytes],
    ['wrong leaf hashes', liesAboutLeafHashes],
    ['zeros for bytes that it no longer has', keepsOnlyHashes],
  ];
  it.each(wrong)('%s is found out and named; the file is right', async (_, serving) => {
    const { owner, up, source, target, holder } = await stored(2, 4);
    const culprit = holder(0, 0);
    culprit.behave(serving);
    const down = await owner.node.download('letters.tar', target);
    expect((await readFile(target)).equals(source)).toBe(true);
    expect(down.sha256).toBe(up.sha256);
    expect(hostsOf(down.rejected)).toEqual([idOf(culprit)]);
    expect(down.rejected.every(({ reason }) => reason === 'bad-bytes')).toBe(true);
  });

  it('another right shard in place of the one that was asked for is found out and named', async () => {
    const { owner, hosts, up, source, target, holder } = await stored(2, 4);
    const culprit = holder(0, 0);
    const other = holder(1, 0).store;
    const ref = { fileId: up.fileId, segment: 1, index: 0 };
    const bytes = await other.read(ref, 0, other.shard(ref)?.length ?? 0);
    if (!bytes.ok) throw new Error(bytes.reason);
    culprit.behave(servesAnotherShard(() => bytes.value));
    const down = await owner.node.download('letters.tar', target);
    expect((await readFile(target)).equals(source)).toBe(true);
    expect(hostsOf(down.rejected)).toEqual([idOf(culprit)]);
    expect(hosts).toHaveLength(4);
  });

  const broken: readonly (readonly [what: string, serving: Serving])[] = [
    ['refuses after half of the data', refusesHalfway],
    ['closes the connection after half of the data', closesHalfway],
    ['resets every stream', misbehaving({ fetch: async ({ stream }) => stream.reset('no') })],
  ];
  it.each(broken)('%s costs only itself, and soon', async (_, serving) => {
    const { owner, source, target, holder } = await stored(2, 4);
    let requests = 0;
    holder(0, 0).behave((session, stream, member) => {
      requests++;
      return serving(session, stream, member);
    });
    const startedMs = performance.now();
    const down = await owner.node.download('letters.tar', target);
    expect((await readFile(target)).equals(source)).toBe(true);
    // It broke off, it did not lie.
    expect(down.rejected).toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(requests).toBeLessThan(40);
  });

  it('claims to hold what it has not: each shard is looked for elsewhere', async () => {
    const { owner, hosts, source, target, holder } = await stored(2, 4);
    const liar = holder(0, 0);
    liar.behave(claims((fileId) => hosts.flatMap((host) => heldBy(host, fileId))));
    const down = await owner.node.download('letters.tar', target);
    expect((await readFile(target)).equals(source)).toBe(true);
    expect(down.rejected.every(({ host, reason }) => toHex(host) === idOf(liar) && reason === 'not-held')).toBe(true);
  });

  it('claims shards that the roster does not have: such rows count for nothing', async () => {
    const { owner, source, target, holder } = await stored(2, 4);
    const nonsense: HeldShard[] = [
      { segment: 4000, index: 0, shardId: new Uint8Array(32) as HeldShard['shardId'], length: 64, isDamaged: false },
      { segment: 0, index: 255, shardId: new Uint8Array(32) as HeldShard['shardId'], length: 64, isDamaged: false },
      { segment: 0, index: 0, shardId: new Uint8Array(32) as HeldShard['shardId'], length: 64, isDamaged: false },
    ];
    holder(0, 0).behave(claims(() => nonsense));
    expect((await owner.node.download('letters.tar', target)).rejected).toEqual([]);
    expect((await readFile(target)).equals(source)).toBe(true);
  });

  it('names one shard per page for ever: it is not listened to for ever', async () => {
    const { owner, source, target, holder } = await stored(2, 4);
    let pages = 0;
    const row = (segment: number): HeldShard => ({
      segment,
      index: 200,
      shardId: new Uint8Array(32) as HeldShard['shardId'],
      length: 64,
      isDamaged: false,
    });
    holder(0, 0).behave(
      misbehaving({
        have: async ({ answer, stream }) => {
          await answer({ kind: 'held', shards: [row(pages++)], hasMore: true });
          await stream.end();
        },
      }),
    );
    await owner.node.download('letters.tar', target);
    expect((await readFile(target)).equals(source)).toBe(true);
    // 5 segments of 4 shards: more rows than that no honest host has.
    expect(pages).toBeLessThanOrEqual(21);
  });
});

describe('DF-18 with n - k hosts wrong at once', () => {
  it('the file comes back byte by byte, and every culprit is named', async () => {
    const { owner, hosts, source, target } = await stored(2, 6);
    const culprits = hosts.slice(1, 5);
    [flipsABit, truncates, lengthens, liesAboutLeafHashes].forEach((serving, i) => {
      culprits[i]?.behave(serving);
    });
    const down = await owner.node.download('letters.tar', target);
    expect((await readFile(target)).equals(source)).toBe(true);
    expect(hostsOf(down.rejected)).toEqual(idsOf(culprits));
  });

  it('and one more it says that it is unrecoverable, how many are right, and leaves nothing under the name', async () => {
    const { owner, hosts, target } = await stored(2, 4);
    for (const host of hosts.slice(0, 3)) host.behave(flipsABit);
    await expect(owner.node.download('letters.tar', target)).rejects.toMatchObject({
      code: 'BAT_E_UNRECOVERABLE',
      message: expect.stringContaining('1 right shard'),
      details: { right: 1, needed: 2 },
    });
    await expect(readFile(target)).rejects.toThrow('ENOENT');
  });

  it('and the others hiding what they hold, likewise', async () => {
    const { owner, hosts, target } = await stored(2, 4);
    for (const host of hosts.slice(0, 3)) host.behave(hides);
    await expect(owner.node.download('letters.tar', target)).rejects.toMatchObject({
      code: 'BAT_E_UNRECOVERABLE',
      details: { right: 1, needed: 2 },
    });
    await expect(readFile(target)).rejects.toThrow('ENOENT');
  });

  it('some wrong and some away: it may come right later, and says who is away', async () => {
    const { owner, hosts, target } = await stored(2, 4);
    for (const host of hosts.slice(0, 2)) host.behave(flipsABit);
    const away = hosts[2] as BatMember;
    await away.stop();
    await expect(owner.node.download('letters.tar', target)).rejects.toMatchObject({
      code: 'BAT_E_TOO_FEW_SHARDS',
      details: { needed: 2, away: [idOf(away)] },
    });
    expect((await readdir(world.folder)).filter((name) => name === 'back')).toEqual([]);
  });
});

describe('BN-05 an audit of a host that', () => {
  const rowsOf = async (owner: BatMember, host: BatMember, isFull = false): Promise<string[]> => {
    const audit = await owner.node.audit('letters.tar', { isFull });
    const rows = audit.rows.filter((row) => row.host !== undefined && toHex(row.host) === idOf(host));
    expect(rows.length).toBeGreaterThanOrEqual(5);
    expect(audit.rows.filter((row) => !rows.includes(row)).every((row) => row.outcome === 'passed')).toBe(true);
    return [...new Set(rows.map((row) => row.outcome))];
  };

  it('keeps only hashes fails it, sampled and in full', async () => {
    const { owner, holder } = await stored(2, 4);
    const culprit = holder(0, 1);
    culprit.behave(keepsOnlyHashes);
    expect(await rowsOf(owner, culprit)).toEqual(['failed']);
    expect(await rowsOf(owner, culprit, true)).toEqual(['failed']);
  });

  it('replays its earlier answers fails it', async () => {
    const { owner, holder } = await stored(2, 4);
    const culprit = holder(0, 1);
    culprit.behave(replaysAudits());
    // The first answer is recorded and right; what follows is that answer again.
    const audit = await owner.node.audit('letters.tar');
    const outcomes = audit.rows.filter((row) => row.host !== undefined && toHex(row.host) === idOf(culprit)).map((row) => row.outcome);
    expect(outcomes.filter((outcome) => outcome === 'passed').length).toBeLessThanOrEqual(1);
    expect(await rowsOf(owner, culprit)).toEqual(['failed']);
  });

  it('asks another host for the answer gets nothing there: the proof of access is bound to the connection', async () => {
    const { owner, hosts, holder, up } = await stored(2, 4);
    const culprit = holder(0, 1);
    const friend = hosts.find((host) => host !== culprit) as BatMember;
    // The friend has the same shards: only the proof stands between them.
    for (const shard of culprit.store.shards(up.fileId, { max: 100 })) {
      const file = culprit.store.file(up.fileId);
      const leafHashes = culprit.store.leafHashes(shard);
      const bytes = await culprit.store.read(shard, 0, shard.length);
      if (file === undefined || !leafHashes.ok || !bytes.ok) throw new Error('held');
      const { leaseId } = friend.store.file(up.fileId) ?? file;
      const begun = await friend.store.begin({ ...file, ...shard, leaseId }, leafHashes.value, Date.now() + 1000);
      if (!begun.ok || begun.value.kind !== 'writing') throw new Error('begun');
      await begun.value.writer.write(bytes.value);
      await begun.value.writer.commit();
    }
    culprit.behave(asksAnother(friend));
    const audit = await owner.node.audit('letters.tar');
    const rows = audit.rows.filter((row) => row.host !== undefined && toHex(row.host) === idOf(culprit));
    expect(rows.map((row) => row.outcome)).not.toContain('passed');
    expect(rows[0]?.reason).toContain('refused');
  });

  it('hides what it holds is asked all the same, and passes', async () => {
    const { owner, holder } = await stored(2, 4);
    const shy = holder(0, 1);
    shy.behave(hides);
    expect(await rowsOf(owner, shy)).toEqual(['passed']);
  });

  it('takes the question and hangs up is contained, not offline', async () => {
    const { owner, holder } = await stored(2, 4);
    const culprit = holder(0, 1);
    culprit.behave(misbehaving({ challenge: async ({ session }) => session.close('no') }));
    expect(await rowsOf(owner, culprit)).toEqual(['contained']);
  });

  it('BN-58 flipped one bit on its disk fails for exactly that shard, by its own word', async () => {
    const { owner, holder, up } = await stored(2, 4);
    const culprit = holder(2, 1);
    const ref = { fileId: up.fileId, segment: 2, index: 1 };
    const name = toHex(culprit.store.shard(ref)?.shardId as Uint8Array);
    const { files } = culprit.store.disk;
    for (const folder of files.folders()) {
      if ((await files.list(folder)).includes(name)) files.rot(`${folder}/${name}`, 77_777);
    }
    const audit = await owner.node.audit('letters.tar', { isFull: true });
    expect(audit.rows.filter((row) => row.outcome !== 'passed')).toMatchObject([{ segment: 2, index: 1, outcome: 'failed' }]);
    expect(audit).toMatchObject({ verdict: 'at-risk', shardsHealthy: 3 });
  });
});
