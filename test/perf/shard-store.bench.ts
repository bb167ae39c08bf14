// driven: how fast shards become durable, beside plain files written with fdatasync in the same run.
// node --conditions=@batchain/source --import tsx perf/shard-store.bench.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FsShardStore, LevelKeyValueStore, nodeFileSystem } from '@batchain/bat-node';
import { GiB, KiB, MiB } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { PROVISIONAL_MS, storeShard, type TestShard, testShard } from '../support/stored-shards.ts';

const ROUNDS = 5;
const LANES = 4;
const PIECE_BYTES = 256 * KiB;
const runtime = createSystemRuntime();

async function inLanes(
  shards: readonly TestShard[],
  lanes: number,
  work: (shard: TestShard, number: number) => Promise<void>,
): Promise<number> {
  const beganAtMs = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let number = next++; number < shards.length; number = next++) await work(shards[number] as TestShard, number);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes.length, 0);
  return bytes / MiB / ((performance.now() - beganAtMs) / 1000);
}

/** Plain files: temporary name, one sync each, rename. */
async function plain(home: string, shards: readonly TestShard[], lanes: number): Promise<number> {
  return inLanes(shards, lanes, async ({ bytes }, number) => {
    const file = await nodeFileSystem.open(join(home, `${number}.tmp`), 'create');
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) await file.write(bytes.subarray(at, at + PIECE_BYTES), at);
    await file.datasync();
    await file.close();
    await nodeFileSystem.rename(join(home, `${number}.tmp`), join(home, `${number}`));
  });
}

async function stored(home: string, shards: readonly TestShard[], lanes: number): Promise<number> {
  const table = new LevelKeyValueStore(join(home, 'db'));
  const config = { hostedPath: join(home, 'hosted'), offerBytes: 64 * GiB, keepFreeBytes: 0, ownerShare: 1 };
  const store = new FsShardStore(runtime, nodeFileSystem, table, config);
  await store.open();
  const rate = await inLanes(shards, lanes, async (shard) => {
    const kept = await storeShard(store, shard, runtime.clock.nowMs() + PROVISIONAL_MS, PIECE_BYTES);
    if (!kept.ok) throw new Error(`refused: ${kept.reason}`);
  });
  await store.close();
  return rate;
}

async function inHome(work: (home: string) => Promise<number>): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), 'batchain-bench-'));
  try {
    return await work(home);
  } finally {
    await rm(home, { recursive: true });
  }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;
const spread = (list: readonly number[]): string =>
  `${Math.round(median(list))} [${Math.round(Math.min(...list))}-${Math.round(Math.max(...list))}]`;

console.log('shard size, at a time: store MB/s, plain files MB/s, ratio');
for (const [length, count] of [
  [4 * MiB, 64],
  [MiB, 160],
  [256 * KiB, 400],
] as const) {
  const shards = Array.from({ length: count }, (_, i) => testShard({ segment: i >> 8, index: i & 255, length }));
  for (const lanes of [1, LANES, 4 * LANES]) {
    const [ours, floor]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      floor.push(await inHome((home) => plain(home, shards, lanes)));
      ours.push(await inHome((home) => stored(home, shards, lanes)));
    }
    console.log(`${length / KiB} KiB, ${lanes}: ${spread(ours)}, ${spread(floor)}, ${(median(ours) / median(floor)).toFixed(2)}`);
  }
}
