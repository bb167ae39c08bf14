// Two owners and a stranger against the same hosts: nobody reads, renews or releases another's shards (threats T1, T11, T15).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileId, UploadResult } from '@batchain/bat-node';
import { createCrypto, equalBytes, fromBase64Url, keyPairFromSeed, toBase64Url, toHex, utf8Bytes } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Manifest, type SignedRoster, shardIdAt } from '../../packages/bat-node/src/manifest/manifest.ts';
import { ManifestBuilder } from '../../packages/bat-node/src/manifest/manifest-builder.ts';
import { encodeManifest, parseManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import { type BatMember, BatWorld } from './bat-world.ts';
import { writeSeededFile } from './harness.ts';

const KiB = 1024;
const crypto = createCrypto();
const runtime = createSystemRuntime();
let world: BatWorld;
let hosts: BatMember[];
let ana: BatMember;
let bo: BatMember;
let stranger: BatMember;
let up: UploadResult;
let manifest: Manifest;

beforeEach(async () => {
  world = await BatWorld.create();
  hosts = [await world.addHost(), await world.addHost(), await world.addHost()];
  ana = await world.add(0);
  bo = await world.add(0);
  stranger = await world.add(0);
  const source = await writeSeededFile(join(world.folder, 'letters.tar'), 100 * KiB, 3);
  up = await ana.node.upload(source, { policy: { k: 2, n: 3 }, segmentSizeBytes: 64 * KiB });
  manifest = await manifestOf(ana, up);
});
afterEach(async () => {
  await world.close();
});

async function manifestOf(owner: BatMember, { manifestPath }: UploadResult): Promise<Manifest> {
  const parsed = parseManifest(crypto.verifier, await owner.ownerStore.readManifest(manifestPath));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

/** The verbs of a member at a host, over its own authenticated connection. */
async function clientOf(member: BatMember, host: BatMember): Promise<ShardClient> {
  const { record } = host;
  const session = await member.pool.connect({ nodeId: record.nodeId, record }, { signal: new AbortController().signal, timeoutMs: 5_000 });
  if (!session.ok) throw new Error(session.reason);
  return new ShardClient(runtime, session.value, { signer: member.keyPair, verifier: crypto.verifier });
}

const first = (): BatMember => hosts[0] as BatMember;
const kept = (): number[] => hosts.map((host) => host.store.usage().shardCount);
const outcome = (result: { readonly ok: boolean; readonly reason?: string }): string => (result.ok ? 'ok' : (result.reason as string));

describe('somebody else than the owner', () => {
  it.each(['another owner', 'a stranger'])('%s can not renew, release or commit', async (who) => {
    const member = who === 'another owner' ? bo : stranger;
    if (who === 'another owner') {
      const own = await writeSeededFile(join(world.folder, 'own.tar'), 10 * KiB, 4);
      await bo.node.upload(own, { policy: { k: 1, n: 3 } });
    }
    const before = kept();
    const lease = first().store.file(up.fileId)?.leaseUntilMs;
    const client = await clientOf(member, first());
    const signed: SignedRoster = manifest;
    expect(outcome(await client.renew(up.fileId))).toBe('not-owner');
    expect(outcome(await client.release(up.fileId, null))).toBe('not-owner');
    expect(outcome(await client.release(up.fileId, [[0, 0]]))).toBe('not-owner');
    expect(outcome(await client.commit(signed))).toBe('not-owner');
    expect(kept()).toEqual(before);
    expect(first().store.file(up.fileId)?.leaseUntilMs).toBe(lease);
  });

  it('who does not have the access key can not fetch, challenge or list, even with all ids', async () => {
    const client = await clientOf(bo, first());
    const guess = { fileId: up.fileId, accessSeed: new Uint8Array(32).fill(77) };
    const held = first().store.shards(up.fileId, { max: 1 })[0];
    if (held === undefined) throw new Error('held');
    const shard = { segment: held.segment, index: held.index, shardId: held.shardId, shardBytes: held.length };
    const into = new Uint8Array(held.length);
    expect(outcome(await client.fetch({ ...guess, ...shard, into }))).toBe('refused');
    expect(into.every((byte) => byte === 0)).toBe(true);
    expect(outcome(await client.challenge(guess, shard, [0]))).toBe('refused');
    for await (const page of client.have(guess)) expect(outcome(page)).toBe('refused');
  });

  it('can not use the proof of somebody who may, on a connection of its own', async () => {
    // The proof names the prover: bo asks with a signer that says that he is ana.
    const { record } = first();
    const signal = new AbortController().signal;
    const session = await bo.pool.connect({ nodeId: record.nodeId, record }, { signal, timeoutMs: 5_000 });
    if (!session.ok) throw new Error(session.reason);
    const asAna = new ShardClient(runtime, session.value, { signer: ana.keyPair, verifier: crypto.verifier });
    for await (const page of asAna.have({ fileId: up.fileId, accessSeed: manifest.accessSeed })) expect(outcome(page)).toBe('refused');
  });

  it('can not put shards into the file: neither new ones nor others in their place', async () => {
    const client = await clientOf(bo, first());
    const held = first().store.shards(up.fileId, { max: 1 })[0];
    const file = first().store.file(up.fileId);
    if (held === undefined || file === undefined) throw new Error('held');
    const leafHashes = first().store.leafHashes(held);
    if (!leafHashes.ok) throw new Error('hashes');
    const bytes = new Uint8Array(held.length);
    const order = { ...file, ...held, leaseId: new Uint8Array(16) };
    // As his own file: the id does not follow from his key.
    expect(outcome(await client.store({ ...order, ownerKey: bo.keyPair.publicKey }, leafHashes.value, bytes))).toBe('wrong-file-id');
    // In ana's name, at a place that her roster does not name.
    expect(outcome(await client.store({ ...order, segment: 99 }, leafHashes.value, bytes))).toBe('not-owner');
    // In ana's name, at a place that it names: only with the lease that ana agreed, and only the right bytes.
    expect(outcome(await client.store(order, leafHashes.value, bytes))).toBe('conflict');
    expect(kept()).toEqual([2, 2, 2]);
  });

  it('who knows ids and hashes but not the bytes of a shard does not get it counted as his', async () => {
    const held = first().store.shards(up.fileId, { max: 1 })[0];
    const leafHashes = held && first().store.leafHashes(held);
    if (held === undefined || leafHashes?.ok !== true) throw new Error('held');
    const own = await writeSeededFile(join(world.folder, 'own.tar'), 10 * KiB, 4);
    const mine = await bo.node.upload(own, { policy: { k: 1, n: 3 } });
    const file = first().store.file(mine.fileId);
    if (file === undefined) throw new Error('file');
    const client = await clientOf(bo, first());
    const order = { ...file, segment: 5, index: 0, shardId: held.shardId, length: held.length };
    expect(outcome(await client.store(order, leafHashes.value, new Uint8Array(held.length)))).toBe('bad-bytes');
    expect(first().store.shard({ fileId: mine.fileId, segment: 5, index: 0 })).toBeUndefined();
  });
});

describe('a stranger with the manifest', () => {
  it('reads and audits, and can not remove', async () => {
    const path = await stranger.ownerStore.saveManifest('letters', await ana.ownerStore.readManifest(up.manifestPath));
    const target = join(world.folder, 'back');
    await stranger.node.download(path, target);
    expect((await readFile(target)).equals(await readFile(join(world.folder, 'letters.tar')))).toBe(true);
    expect(await stranger.node.audit(path)).toMatchObject({ verdict: 'good', shardsHealthy: 3 });
    await expect(stranger.node.release(path)).rejects.toMatchObject({ code: 'BAT_E_NOT_OWNER' });
    expect(kept()).toEqual([2, 2, 2]);
  });
});

describe("a stranger's manifest with another owner's roster parts", () => {
  /** The same shards under a roster of the stranger's own. */
  function forge(fileNonce: Uint8Array): Uint8Array {
    const builder = new ManifestBuilder(stranger.keyPair, {
      keys: { fileNonce, fileKey: manifest.secret.fileKey, accessSeed: new Uint8Array(32).fill(9) },
      scheme: manifest.roster.scheme,
      segmentSizeBytes: manifest.secret.segmentSizeBytes,
    });
    manifest.roster.segments.forEach((segment, index) => {
      const shardIds = Array.from({ length: 3 }, (_, at) => shardIdAt(segment, at));
      builder.addSegment(index, { salt: manifest.secret.salts[index] as Uint8Array, shardLength: segment.shardLength, shardIds });
    });
    return encodeManifest(builder.build(builder.signRoster(), manifest.secret.entries, manifest.hints));
  }

  it('signed by the stranger is another file, of which nobody holds anything', async () => {
    const path = await stranger.ownerStore.saveManifest('forged', forge(manifest.roster.fileNonce));
    const target = join(world.folder, 'forged');
    await expect(stranger.node.download(path, target)).rejects.toMatchObject({ code: 'BAT_E_UNRECOVERABLE' });
    await expect(readFile(target)).rejects.toThrow('ENOENT');
    const info = await stranger.node.info(path);
    expect(equalBytes(info.fileId, up.fileId)).toBe(false);
    expect(await stranger.node.release(path)).toMatchObject({ released: 0 });
    expect(kept()).toEqual([2, 2, 2]);
  });

  it('with the roster as it is but another signature, key or access is refused before anybody is asked', async () => {
    const json = JSON.parse(new TextDecoder().decode(await ana.ownerStore.readManifest(up.manifestPath))) as Record<string, string>;
    const flip = (text: string): string => {
      const bytes = fromBase64Url(text) as Uint8Array;
      bytes[5] = (bytes[5] as number) ^ 1;
      return toBase64Url(bytes);
    };
    for (const field of ['roster', 'signature', 'access']) {
      const path = await stranger.ownerStore.saveManifest(
        `bent-${field}`,
        utf8Bytes(JSON.stringify({ ...json, [field]: flip(json[field] as string) })),
      );
      const failed = await stranger.node.download(path, join(world.folder, 'bent')).catch((error: { code: string }) => error.code);
      expect(failed).toMatch(/^BAT_E_MANIFEST_/);
    }
    await expect(readFile(join(world.folder, 'bent'))).rejects.toThrow('ENOENT');
  });

  it('hints at hosts that are not those they say costs nothing but the hint', async () => {
    const nobody = keyPairFromSeed(new Uint8Array(32).fill(200)).nodeId;
    const hints = [
      { nodeId: nobody, record: first().record.bytes },
      ...manifest.hints,
      { nodeId: stranger.keyPair.nodeId, record: undefined },
    ];
    const path = await stranger.ownerStore.saveManifest('hinted', encodeManifest({ ...manifest, hints }));
    await stranger.node.download(path, join(world.folder, 'back'));
    expect(toHex((await stranger.node.info(path)).fileId)).toBe(toHex(up.fileId as FileId));
  });
});
