// A file of ours whose manifest is gone, damaged or another file's: it is said, costs the others nothing, and can be removed.
import { type FileId, MemoryOwnerStore } from '@batchain/bat-node';
import { toHex, utf8Bytes } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';

const SEGMENT_BYTES = 64 * 1024;
const OFFER = 100 * 1024 * 1024;
const PATH = '/manifest/letters.tar.batchain';
let world: SimBatWorld;
let owner: SimMember;
let store: MemoryOwnerStore;
let hosts: SimMember[];
let fileId: FileId;
let otherId: FileId;

beforeEach(async () => {
  world = new SimBatWorld('lost manifests');
  hosts = [await world.add(OFFER), await world.add(OFFER)];
  store = new MemoryOwnerStore();
  owner = await world.add(0, { ownerStore: store });
  const put = async (name: string): Promise<FileId> => {
    const bytes = world.simulation.runtime.random.bytes(3 * SEGMENT_BYTES);
    const options = { k: 1, segmentBytes: SEGMENT_BYTES, isCommitted: true, name };
    return (await world.settle(world.put(owner, hosts, bytes, options))).manifest.roster.fileId;
  };
  fileId = await put('letters.tar');
  otherId = await put('photos.tar');
});
afterEach(async () => {
  await world.close();
});

const overwrite = (bytes: Uint8Array) => store.saveManifest('', bytes, { path: PATH, isForced: true });
const damages = [
  ['gone', 'BAT_E_REF_NOT_FOUND', 4, () => store.removeManifest(PATH)],
  ['damaged', 'BAT_E_MANIFEST_MALFORMED', 7, () => overwrite(utf8Bytes('{'))],
  ['damaged', 'BAT_E_MANIFEST_MALFORMED', 7, async () => overwrite(await store.readManifest('/manifest/photos.tar.batchain'))],
] as const;

describe.each(damages)('a manifest that is %s (%s)', (state, code, exit, damage) => {
  beforeEach(async () => {
    await damage();
  });

  it('is seen in the list at once, the others are as they were', async () => {
    const [first, second] = await owner.node.list();
    expect(first).toMatchObject({
      name: 'letters.tar',
      health: 'unknown',
      manifestFault: { code, what: `the manifest of letters.tar is ${state}` },
    });
    expect(second).toMatchObject({ name: 'photos.tar', health: 'good' });
    expect(second?.manifestFault).toBeUndefined();
  });

  it.each([() => 'letters.tar', () => toHex(fileId), () => toHex(fileId).slice(0, 8)])(
    'is named by whatever needs it, with what helps',
    async (ref) => {
      const refusal = {
        code,
        exit,
        what: `the manifest of letters.tar is ${state}`,
        fix: expect.stringContaining(`put a copy back at ${PATH}`),
      };
      const { node } = owner;
      const works = [
        () => node.audit(ref()),
        () => node.info(ref()),
        () => node.download(ref(), '/nowhere'),
        () => node.downloadStream(ref()).next(),
      ];
      for (const work of works) await expect(world.settle<unknown>(work())).rejects.toMatchObject(refusal);
    },
  );

  it('does not keep the file from being removed: its record says who holds shards', async () => {
    const before = await store.readManifest('/manifest/photos.tar.batchain');
    const released = await world.settle(owner.node.release('letters.tar'));
    expect(released).toMatchObject({ fileId, released: 6, unreached: [] });
    for (const host of hosts) {
      expect(host.store.shards(fileId, { max: 100 })).toEqual([]);
      expect(host.store.shards(otherId, { max: 100 })).toHaveLength(3);
    }
    expect((await owner.node.list()).map(({ name }) => name)).toEqual(['photos.tar']);
    expect(await store.readManifest('/manifest/photos.tar.batchain')).toEqual(before);
  });

  it('and hosts that are away: the file is forgotten, and they are named', async () => {
    world.network.isolate((hosts[1] as SimMember).machine);
    const released = await world.settle(owner.node.release(toHex(fileId)));
    expect(released).toMatchObject({ released: 3, unreached: [hosts[1]?.keyPair.nodeId] });
    expect((await owner.node.list()).map(({ name }) => name)).toEqual(['photos.tar']);
  });
});

it('a manifest that is put back is good again, as a file by its path always was', async () => {
  const bytes = await store.readManifest(PATH);
  const copy = await store.saveManifest('copy', bytes);
  await store.removeManifest(PATH);
  await expect(owner.node.info(PATH)).rejects.toMatchObject({ what: 'the manifest of letters.tar is gone' });
  await world.settle(owner.node.audit(copy));
  expect(await owner.node.list()).toMatchObject([{ health: 'unknown' }, { health: 'good' }]);
  await overwrite(bytes);
  expect(await owner.node.list()).toMatchObject([{ health: 'good' }, { health: 'good' }]);
  await overwrite(utf8Bytes('{'));
  expect(await owner.node.list()).toMatchObject([{ health: 'unknown' }, { health: 'good' }]);
  await expect(owner.node.release('/nothing.batchain')).rejects.toMatchObject({ code: 'BAT_E_REF_NOT_FOUND' });
});

it('a manifest file that now holds another file is not removed with the record', async () => {
  const other = await store.readManifest('/manifest/photos.tar.batchain');
  await overwrite(other);
  await world.settle(owner.node.release(toHex(fileId)));
  expect(await store.readManifest(PATH)).toEqual(other);
});
