// driven: a host on a disk that is too small, telling what happens. Arguments: home, story.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FsShardStore, LevelKeyValueStore, nodeFileSystem } from '@batchain/bat-node';
import { GiB, MiB } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { PROVISIONAL_MS, readShard, storeShard, type TestShard, testShard } from './stored-shards.ts';

const [home = '', story = ''] = process.argv.slice(2);
const runtime = createSystemRuntime();
const say = (line: string): void => console.log(line);
const stored: TestShard[] = [];

function makeStore(): FsShardStore {
  const config = { hostedPath: join(home, 'hosted'), offerBytes: GiB, keepFreeBytes: 0, ownerShare: 1 };
  return new FsShardStore(runtime, nodeFileSystem, new LevelKeyValueStore(join(home, 'db', 'store')), config);
}

/** A file-size limit sends a signal first, which ends a process that does not expect it. */
process.on('SIGXFSZ', () => undefined);
let store = makeStore();
await store.open();

async function put(index: number, length: number): Promise<string> {
  const shard = testShard({ index, length });
  const kept = await storeShard(store, shard, runtime.clock.nowMs() + PROVISIONAL_MS, MiB / 4);
  if (kept.ok) stored.push(shard);
  return kept.ok ? 'stored' : kept.reason;
}

async function checkAll(): Promise<string> {
  for (const shard of stored) {
    const bytes = await readShard(store, shard.order);
    if (typeof bytes === 'string' || Buffer.compare(bytes, shard.bytes) !== 0)
      return `shard ${shard.order.index} is wrong: ${String(bytes)}`;
  }
  return 'all stored shards are right';
}

const listParts = async (): Promise<string> => {
  const parts = await readdir(join(home, 'hosted', 'tmp'));
  return parts.length === 0 ? 'no part is left of the refused shard' : `parts are left: ${parts.join(' ')}`;
};

/** Takes every free byte of the disk, as somebody else's file does. */
async function fillUp(path: string): Promise<void> {
  for (const size of [MiB, 64 * 1024, 4096, 1]) {
    for (;;) {
      try {
        await writeFile(path, new Uint8Array(size), { flag: 'a' });
      } catch {
        break;
      }
    }
  }
}

const RENEWALS_MAX = 500;

function renew(number: number) {
  const { fileId } = testShard().order;
  return store.extendLease(fileId, { leaseUntilMs: runtime.clock.nowMs() + PROVISIONAL_MS + number, isCommitted: true });
}

/** Journal and index have room left in blocks that are theirs; each renewal takes some of it. */
async function renewUntilRefused(): Promise<string> {
  for (let number = 0; number < RENEWALS_MAX; number++) {
    const renewed = await renew(number);
    if (!renewed.ok) return `renewed until: ${renewed.reason}`;
  }
  return 'never refused';
}

if (story === 'until full') {
  let answer = 'stored';
  for (let index = 0; answer === 'stored'; index++) answer = await put(index, 2 * MiB);
  say(stored.length > 5 ? `some shards were stored, then: ${answer}` : `only ${stored.length} shards were stored, then: ${answer}`);
  say(await listParts());
  say(await checkAll());
  await fillUp(join(home, 'stranger'));
  say('a stranger fills the rest of the disk');
  say(`refused: ${await put(100, 4096)}`);
  say(await renewUntilRefused());
  say(await checkAll());
  const gone = stored.splice(0, 3).map(({ order }) => order);
  say(`released ${await store.release((gone[0] as TestShard['order']).fileId, gone)} on the full disk`);
  await rm(join(home, 'stranger'));
  say('the stranger goes');
  await setTimeout(1100);
  say(`${await put(101, 2 * MiB)} again without a restart`);
  say(`renewed: ${(await renew(RENEWALS_MAX)).ok}`);
  await store.close();
  store = makeStore();
  await store.open();
  say(`after a restart ${await checkAll()}`);
} else {
  say(`refused: ${await put(0, 4 * MiB)}`);
  say(await listParts());
  say(`a shorter one is ${await put(1, 64 * 1024)}`);
  say(await checkAll());
}
await store.close();
