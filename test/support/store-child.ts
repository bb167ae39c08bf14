// driven: a host that stores and releases shards as fast as it can and says so, until it is killed.
// Arguments: home, number of the first shard to store, sizes of shards in bytes.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { FsShardStore, LevelKeyValueStore, nodeFileSystem } from '@batchain/bat-node';
import { MiB, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { PROVISIONAL_MS, readShard, storeShard, testShard } from './stored-shards.ts';

const [home = '', first = '0', ...sizes] = process.argv.slice(2);
const runtime = createSystemRuntime();
const index = new LevelKeyValueStore(join(home, 'db', 'store'));
const config = { hostedPath: join(home, 'hosted'), offerBytes: 512 * MiB, keepFreeBytes: 0, ownerShare: 1 };
const store = new FsShardStore(runtime, nodeFileSystem, index, config);

/** Written before the call returns: what the parent reads was true when it was written. */
const say = (line: string): number => writeSync(1, `${line}\n`);

const numbered = (number: number) => {
  const length = Number(sizes[number % sizes.length]);
  return testShard({ file: `file ${number % 7}`, segment: number >> 8, index: number & 255, content: `shard ${number}`, length });
};

await store.open();
for (const file of store.files()) {
  for (const { segment, index: place } of store.shards(file.fileId, { max: 100_000 })) {
    const number = segment * 256 + place;
    const shard = numbered(number);
    const bytes = await readShard(store, shard.order);
    const isRight = typeof bytes !== 'string' && toHex(bytes) === toHex(shard.bytes);
    say(`holds ${number} ${isRight ? 'right' : `wrong: ${typeof bytes === 'string' ? bytes : 'other bytes'}`}`);
  }
}
say('ready');

async function work(from: number, step: number): Promise<never> {
  for (let number = from; ; number += step) {
    const shard = numbered(number);
    say(`storing ${number}`);
    let kept = await storeShard(store, shard, runtime.clock.nowMs() + PROVISIONAL_MS);
    // Another lane may just have released the last other shard of the same file.
    while (!kept.ok && kept.reason === 'busy') kept = await storeShard(store, shard, runtime.clock.nowMs() + PROVISIONAL_MS);
    say(kept.ok ? `stored ${number}` : `refused ${number} ${kept.reason}`);
    // One in ten stays for good, so that later lives find old shards too.
    const old = number - 4 * step;
    if (old < 0 || old % 10 === 0) continue;
    say(`releasing ${old}`);
    await store.release(numbered(old).order.fileId, [numbered(old).order]);
    say(`released ${old}`);
  }
}

await Promise.all([0, 1, 2, 3].map((lane) => work(Number(first) + lane, 4)));
