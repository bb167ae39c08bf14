// A participant that keeps shards of a file, as one of its hosts, reads and audits them where they are.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UploadResult } from '@batchain/bat-node';
import { createCrypto, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeManifest, parseManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { type BatMember, BatWorld } from './bat-world.ts';
import { until, writeSeededFile } from './harness.ts';

const KiB = 1024;
let world: BatWorld;
let hosts: BatMember[];
let owner: BatMember;
let source: string;

beforeEach(async () => {
  world = await BatWorld.create();
  hosts = [];
  for (let i = 0; i < 4; i++) hosts.push(await world.addHost());
  owner = await world.add(0);
  source = await writeSeededFile(join(world.folder, 'letters.tar'), 700 * KiB, 91);
});
afterEach(async () => {
  await world.close();
});

const reader = (): BatMember => hosts[0] as BatMember;
const put = (): Promise<UploadResult> => owner.node.upload(source, { policy: { k: 4, n: 4 }, segmentSizeBytes: 256 * KiB });

/** The manifest in the reader's hands. */
async function give(up: UploadResult, hints: 'hints' | 'no hints' = 'hints'): Promise<string> {
  const parsed = parseManifest(createCrypto().verifier, await owner.ownerStore.readManifest(up.manifestPath));
  if (!parsed.ok) throw new Error(parsed.reason);
  const manifest = hints === 'hints' ? parsed.value : { ...parsed.value, hints: [] };
  return reader().ownerStore.saveManifest('letters.tar', encodeManifest(manifest));
}

describe('BN-09 a host of a file', () => {
  it.each(['hints', 'no hints'] as const)('reads its own shard where all are needed, from a manifest with %s', async (hints) => {
    const up = await put();
    await until('all four are announced', async () => world.list.providersOf(up.fileId).length === 4);
    const target = join(world.folder, 'back');
    const down = await reader().node.download(await give(up, hints), target);
    expect(down.hosts.map(toHex)).toContain(toHex(reader().keyPair.nodeId));
    expect((await readFile(target)).equals(await readFile(source))).toBe(true);
    expect(
      reader()
        .pool.sessions()
        .map(({ nodeId }) => toHex(nodeId)),
    ).not.toContain(toHex(reader().keyPair.nodeId)); // prettier-ignore
  });

  it('audits its own shards like those of others, and sees that one has gone bad', async () => {
    const up = await put();
    const path = await give(up);
    const own = toHex(reader().keyPair.nodeId);
    const rowsOf = async () => (await reader().node.audit(path)).rows.filter(({ host }) => host !== undefined && toHex(host) === own);
    expect((await rowsOf()).map(({ outcome }) => outcome)).toEqual(['passed', 'passed', 'passed']);
    const [shard] = reader().store.shards(up.fileId, { max: 1 });
    if (shard === undefined) throw new Error('a shard');
    await reader().store.release(up.fileId, [shard]);
    const audit = await reader().node.audit(path);
    expect(audit.shardsHealthy).toBe(3);
  });

  it('that keeps nothing of it any more reads from the others', async () => {
    const up = await owner.node.upload(source, { policy: { k: 2, n: 4 }, segmentSizeBytes: 256 * KiB });
    const path = await give(up);
    await reader().store.release(up.fileId);
    const target = join(world.folder, 'back');
    const down = await reader().node.download(path, target);
    expect(down.hosts.map(toHex)).not.toContain(toHex(reader().keyPair.nodeId));
    expect((await readFile(target)).equals(await readFile(source))).toBe(true);
  });
});
