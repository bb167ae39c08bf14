import { FsShardStore } from '@batchain/bat-node';
import { KiB, MiB, toHex } from '@batchain/shared';
import { createSimRuntime, SimRandom } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { FaultDisk } from '../support/fault-disk.ts';
import { type Step, StoreModel } from '../support/store-model.ts';
import { storeShard, testShard } from '../support/stored-shards.ts';

const SMALL = 20 * KiB;
const shard = (options: Parameters<typeof testShard>[0] = {}) => testShard({ length: SMALL, ...options });
const [first, second, third] = [shard(), shard({ index: 1 }), shard({ segment: 1 })];
const twin = shard({ file: 'boat', owner: 'bo', content: 'holiday 0 0' });

const SCRIPTS: Readonly<Record<string, readonly Step[]>> = {
  'store one': [{ do: 'put', shards: [first] }],
  'store three at once, release one': [
    { do: 'put', shards: [first, second, third] },
    { do: 'release', of: second, isWhole: false },
  ],
  'store, commit the lease with a roster, renew the roster': [
    { do: 'put', shards: [first] },
    { do: 'roster', of: first, content: 'roster' },
    { do: 'commit-lease', of: first },
    { do: 'roster', of: first, content: 'another roster' },
  ],
  'two owners of equal bytes, one releases all': [
    { do: 'put', shards: [first] },
    { do: 'put', shards: [twin] },
    { do: 'release', of: first, isWhole: true },
  ],
  'interrupt, resume, release, store again': [
    { do: 'interrupt', shard: first },
    { do: 'put', shards: [first] },
    { do: 'release', of: first, isWhole: true },
    { do: 'put', shards: [first] },
  ],
};

const simulation = createSimRuntime('store crash');
const { runtime } = simulation;
const nowMs = (): number => runtime.clock.nowMs();

function storeOn(disk: FaultDisk): FsShardStore {
  const config = { hostedPath: '/hosted', offerBytes: MiB, keepFreeBytes: 0, ownerShare: 1 };
  return new FsShardStore(runtime, disk.files, disk.table, config);
}

type Fates = Parameters<FaultDisk['memory']['crash']>[0];

/** What the disk kept of what was not synced. */
const AFTERMATHS: Readonly<Record<string, (seed: string) => Fates>> = {
  'keeps nothing that was not synced': () => () => 'lose',
  'keeps everything': () => () => 'keep',
  'keeps names before bytes': () => (change) => (change.kind === 'name' ? 'keep' : 'lose'),
  'keeps a random part, writes torn': (seed) => {
    const random = SimRandom.fromSeed(seed, 'fates');
    return () => (['keep', 'lose', 'tear'] as const)[random.below(3)] ?? 'lose';
  },
};

interface Crash {
  readonly script: readonly Step[];
  readonly crashAt: number;
  readonly fates: Fates;
  readonly isIndexLost: boolean;
}

/** A store whose machine went down while it followed a script, power back on. */
async function crashed({ script, crashAt, fates, isIndexLost }: Crash): Promise<{ disk: FaultDisk; model: StoreModel; calls: string[] }> {
  const disk = new FaultDisk();
  const model = new StoreModel(() => !disk.isCrashed, nowMs);
  const store = storeOn(disk);
  await store.open();
  disk.arm({ crashAt });
  await model.follow(store, script);
  const { calls } = disk;
  await powerCut(disk, store, fates);
  if (isIndexLost) await disk.tableMemory.destroy();
  return { disk, model, calls };
}

async function powerCut(disk: FaultDisk, store: FsShardStore, fates: Fates): Promise<void> {
  disk.isCrashed = true;
  await store.close();
  disk.memory.crash(fates);
  disk.revive();
}

/** Opens the store until it has settled, and says what is wrong with it. */
async function findFaults(disk: FaultDisk, model: StoreModel): Promise<string[]> {
  const after = storeOn(disk);
  await after.open();
  const faults = await model.findFaults(after);
  for (const doubtful of model.doubtful()) {
    const kept = await storeShard(after, doubtful, nowMs() + 1000);
    if (!kept.ok) faults.push(`can not be stored again: ${kept.reason} ${kept.detail}`);
  }
  await after.close();
  const onceMore = storeOn(disk);
  await onceMore.open();
  faults.push(...(await model.findFaults(onceMore)), ...(await findLitter(disk, onceMore)));
  await onceMore.close();
  return faults;
}

/** Files that nobody answers for; parts may be there, half-written files and unnamed shards not. */
async function findLitter(disk: FaultDisk, store: FsShardStore): Promise<string[]> {
  const files = [...store.files()];
  const named = new Set(files.flatMap(({ fileId }) => store.shards(fileId, { max: 1000 }).map(({ shardId }) => toHex(shardId))));
  const litter: string[] = [];
  for (const folder of disk.memory.folders()) {
    const names = await disk.memory.list(folder);
    const isShards = /\/[0-9a-f]{2}$/.test(folder);
    litter.push(...names.filter((name) => name.endsWith('.tmp') || (isShards && !named.has(name))));
    if (folder.endsWith('/files') && names.length !== files.length) litter.push(`${names.length} journals of ${files.length} files`);
    const rosters = files.filter(({ rosterId }) => rosterId !== undefined).length;
    if (folder.endsWith('/rosters') && names.length !== rosters) litter.push(`${names.length} rosters, not ${rosters}`);
  }
  return litter;
}

/** Fixed ones, or those of SEEDS=from-to for a longer run. */
const [SEED_FROM = 0, SEED_TO = 12] = (process.env.SEEDS ?? '').split('-').filter(Boolean).map(Number);
const SEEDS = Array.from({ length: SEED_TO - SEED_FROM }, (_, i) => SEED_FROM + i);

function drawStep(random: SimRandom): Step {
  const draw = () => {
    const file = ['boat', 'holiday', 'tax'][random.below(3)] ?? '';
    const index = random.below(4);
    // Some places share their bytes with places of other files and owners.
    return shard({ file, owner: `${file} owner`, index, content: index < 2 ? `shared ${index}` : `${file} ${index}` });
  };
  const kind = random.below(10);
  if (kind < 5) return { do: 'put', shards: Array.from({ length: 1 + random.below(4) }, draw) };
  if (kind === 5) return { do: 'interrupt', shard: draw() };
  if (kind === 6) return { do: 'commit-lease', of: draw() };
  if (kind === 7) return { do: 'roster', of: draw(), content: `roster ${random.below(3)}` };
  return { do: 'release', of: draw(), isWhole: random.below(2) === 0 };
}

const CHANGING_CALLS = /^(?:create|write|truncate|datasync|rename|remove|sync-folder|table-write|destroy)/;

describe('a crash at every call of the disk', () => {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    for (const isIndexLost of [false, true]) {
      it(`I9 loses nothing acknowledged and invents nothing: ${name}${isIndexLost ? ', the index lost as well' : ''}`, async () => {
        const faults: string[] = [];
        for (const [aftermath, fatesOf] of Object.entries(AFTERMATHS)) {
          let callCount = 1;
          for (let crashAt = 0; crashAt <= callCount; crashAt++) {
            const fates = fatesOf(`${name} ${crashAt}`);
            const { disk, model, calls } = await crashed({ script, crashAt, fates, isIndexLost });
            callCount = calls.length;
            const found = await findFaults(disk, model);
            faults.push(...found.map((fault) => `crash at ${crashAt} (${calls[crashAt] ?? 'the end'}), disk ${aftermath}: ${fault}`));
          }
          expect(callCount, aftermath).toBeGreaterThan(5);
        }
        expect(faults).toEqual([]);
      });
    }
  }

  it('I9 loses nothing when the start after a crash is cut short as well, wherever', async () => {
    const script = SCRIPTS['interrupt, resume, release, store again'] ?? [];
    const faults: string[] = [];
    for (const isIndexLost of [false, true]) {
      for (const crashAt of [10, 16, 22, 28, 34, 40]) {
        const crash: Crash = { script, crashAt, fates: () => 'keep', isIndexLost };
        const rehearsal = await crashed(crash);
        await storeOn(rehearsal.disk).open();
        const changing = rehearsal.disk.calls.flatMap((call, i) => (CHANGING_CALLS.test(call) ? [i] : []));
        expect(changing.length).toBeGreaterThan(0);
        for (const cutAt of changing) {
          const { disk, model } = await crashed(crash);
          disk.arm({ crashAt: cutAt });
          const store = storeOn(disk);
          await store.open().catch(() => undefined);
          await powerCut(disk, store, () => 'lose');
          const found = await findFaults(disk, model);
          faults.push(...found.map((fault) => `crash at ${crashAt}, then at ${cutAt} (${rehearsal.disk.calls[cutAt]}): ${fault}`));
        }
      }
    }
    expect(faults).toEqual([]);
  });

  it('I9 loses nothing over long random lives with many crashes', async () => {
    const faults: string[] = [];
    for (const seed of SEEDS) {
      const random = SimRandom.fromSeed(seed, 'life');
      const disk = new FaultDisk();
      const model = new StoreModel(() => !disk.isCrashed, nowMs);
      for (let life = 0; life < 12; life++) {
        const store = storeOn(disk);
        await store.open();
        faults.push(...(await model.findFaults(store)).map((fault) => `seed ${seed}, life ${life}: ${fault}`));
        model.settle(store);
        disk.arm({ crashAt: 5 + random.below(120) });
        await model.follow(
          store,
          Array.from({ length: 14 }, () => drawStep(random)),
        );
        await powerCut(disk, store, () => (['keep', 'lose', 'tear'] as const)[random.below(3)] ?? 'lose');
        if (random.below(4) === 0) await disk.tableMemory.destroy();
      }
    }
    expect(faults).toEqual([]);
  }, 60_000);

  it('I9 makes a new store, or one that the next start makes', async () => {
    for (const fate of ['lose', 'keep'] as const) {
      let callCount = 1;
      for (let crashAt = 0; crashAt <= callCount; crashAt += crashAt < 240 ? 40 : 1) {
        const disk = new FaultDisk();
        disk.arm({ crashAt });
        const opened = await storeOn(disk)
          .open()
          .then(
            () => 'open',
            () => 'failed',
          );
        callCount = disk.calls.length;
        expect(opened).toBe(crashAt < callCount ? 'failed' : 'open');
        disk.memory.crash(() => fate);
        disk.revive();
        const store = storeOn(disk);
        await store.open();
        expect(await storeShard(store, first, nowMs() + 1000)).toMatchObject({ ok: true });
        await store.close();
      }
    }
  });
});
