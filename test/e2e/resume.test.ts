// Interrupted work continues: the owner's daemon is killed at random moments of uploads and of downloads.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MiB, present } from '@batchain/shared';
import { SimRandom } from '@batchain/shared/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Daemon, Network, sha256Of, shardBytes, statusOf, until, writeSeededFile } from './harness.ts';

const ROUNDS = 5;
const KILLS_PER_ROUND = 2;
const SEGMENTS = 24;
const FILE_BYTES = SEGMENTS * MiB;
/** Kills fall into the first half of the work and this much more, so that a fast machine is not done before. */
const LINGER_MS_MAX = 15;

interface Upload {
  readonly id: string;
  readonly source: string;
  readonly sha256: string;
}

describe('an owner that is killed half way', () => {
  const random = SimRandom.fromSeed(process.env.SEED ?? 'kills', 'owner');
  let network: Network;
  let hosts: Daemon[];
  let owner: Daemon;
  const uploads: Upload[] = [];
  const homes = (): string[] => hosts.map(({ home }) => home);

  beforeAll(async () => {
    network = await Network.create();
    hosts = await network.startHosts(4);
    owner = await startOwner();
  });
  afterAll(async () => {
    await network?.close();
  });

  async function startOwner(): Promise<Daemon> {
    const started = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees four hosts', async () => (await statusOf(started.home)).peers.online >= 4);
    return started;
  }

  /** What the journal says that hosts have acknowledged, in segments. */
  async function journaled(): Promise<number> {
    const folder = join(owner.home, 'db', 'uploads');
    const names = await readdir(folder).catch((): string[] => []);
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
    const lines = texts.join('').split('\n').slice(0, -1);
    return new Set(lines.filter((line) => line.startsWith('{"t":"segment"')).map((line) => JSON.parse(line).segment)).size;
  }

  /** A killed process may leave a temporary file beside them until the next start. */
  const manifests = async (): Promise<string[]> =>
    (await readdir(join(owner.home, 'manifest'))).filter((name) => name.endsWith('.batchain')).sort();

  /** Everything in homes and folder that only an unfinished work may have. */
  async function leftovers(): Promise<string[]> {
    const parts = await Promise.all(homes().map((home) => readdir(join(home, 'hosted', 'tmp'))));
    const left = (await readdir(network.folder, { recursive: true })).filter((name) => /\.(tmp|part|dead|journal|once)$/.test(name));
    return [...parts.flat(), ...left];
  }

  /** What a daemon saves right now has its temporary name for a moment. */
  async function expectNoLeftovers(): Promise<void> {
    let left: string[] = [];
    const isClean = async (): Promise<boolean> => {
      left = await leftovers();
      return left.length === 0;
    };
    await until('nothing half is left', isClean, 2_000).catch(() => undefined);
    expect(left).toEqual([]);
  }

  /** Kills the owner's daemon a moment after the job under way has come so far. */
  async function killWhen(what: string, check: () => Promise<boolean>): Promise<void> {
    await until(what, async () => (await statusOf(owner.home)).jobs.running > 0 && (await check()), 20_000, 3);
    await new Promise((resolve) => setTimeout(resolve, random.below(LINGER_MS_MAX)));
    await owner.kill('SIGKILL');
  }

  it(`continues an upload after each of ${ROUNDS * KILLS_PER_ROUND} kills; every shard is stored once, and nothing half is left`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const source = await writeSeededFile(join(network.folder, `up${round}.bin`), FILE_BYTES, round + 1);
      const put = ['put', source, '--policy', '2of4', '--segment-size', '1MiB'];
      const before = { usedBytes: await shardBytes(homes()), manifests: await manifests() };
      let known = 0;
      for (let kill = 0; kill < KILLS_PER_ROUND; kill++) {
        const target = known + random.below(Math.max(1, (SEGMENTS / 2 - known) >> 1));
        const killed = owner.run(put);
        await killWhen(`${target} segments are stored`, async () => (await journaled()) >= target);
        expect((await killed).code).not.toBe(0);
        expect(await manifests()).toEqual(before.manifests);
        known = await journaled();
        owner = await startOwner();
      }
      const done = await owner.run(put);
      expect(done, done.stderr).toMatchObject({ code: 0, last: { placed: 4, resumedBytes: known * MiB, sha256: await sha256Of(source) } });
      // The shards of one upload, no more and no less.
      const stored = (done.last.hosts as { bytes: number }[]).reduce((sum, { bytes }) => sum + bytes, 0);
      expect((await shardBytes(homes())) - before.usedBytes).toBe(stored);
      await expectNoLeftovers();
      uploads.push({ id: done.last.id, source, sha256: done.last.sha256 });
    }
    expect(await manifests()).toHaveLength(ROUNDS);
  });

  it(`continues a download after each of ${ROUNDS * KILLS_PER_ROUND} kills; nothing lies under the final name before all is there`, async () => {
    expect(uploads).toHaveLength(ROUNDS);
    for (const [round, upload] of uploads.entries()) {
      const name = `down${round}.bin`;
      const target = join(network.folder, name);
      const get = ['get', upload.id, '-o', target];
      const part = async (): Promise<string | undefined> => (await readdir(network.folder)).find((entry) => entry.startsWith(`.${name}.`));
      const partBytes = async (): Promise<number> => {
        const found = await part();
        return found === undefined ? -1 : (await stat(join(network.folder, found)).catch(() => ({ size: -1 }))).size;
      };
      let known = 0;
      for (let kill = 0; kill < KILLS_PER_ROUND; kill++) {
        const wanted = known + random.below(Math.max(1, (FILE_BYTES / 2 - known) >> 1));
        const killed = owner.run(get);
        await killWhen(`${wanted} bytes came`, async () => (await partBytes()) >= wanted);
        expect((await killed).code).not.toBe(0);
        expect(await readdir(network.folder)).not.toContain(name);
        known = await partBytes();
        owner = await startOwner();
      }
      const done = await owner.run(get);
      expect(done, done.stderr).toMatchObject({ code: 0, last: { bytes: FILE_BYTES, sha256: upload.sha256, path: target } });
      expect(done.last.resumedBytes).toBe(Math.floor(present(known, 'a size') / MiB) * MiB);
      expect(await sha256Of(target)).toBe(upload.sha256);
      await expectNoLeftovers();
    }
  });
});
