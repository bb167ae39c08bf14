// The disk of one host becomes full in the middle of a real upload, for real, and is emptied again.
import { spawnSync } from 'node:child_process';
import { appendFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MiB } from '@batchain/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CommandResult,
  type Daemon,
  hostedDiskBytes,
  Network,
  sha256Of,
  shardBytes,
  statusOf,
  until,
  usedBytes,
  writeSeededFile,
} from './harness.ts';

const DISK_BYTES = 128 * MiB;
const FILE_BYTES = 64 * MiB;
/** What the small host has of the file when its disk becomes full. */
const FULL_AT_BYTES = 3 * MiB;
/** Each file has its own four of five hosts. */
const TRIES_MAX = 10;

/** A mount that nobody else sees, as root or in a user namespace of one's own. */
const NAMESPACE = [
  ['unshare', '-m'],
  ['unshare', '-rm'],
].find(([command = '', ...args]) => spawnSync(command, [...args, 'mount', '-t', 'tmpfs', 'none', tmpdir()]).status === 0);

/** Index and hosted shards of the home on one small disk; the daemon is the process that was spawned. */
const onSmallDisk = (home: string): string[] => [
  ...(NAMESPACE ?? []),
  'sh',
  '-c',
  `mkdir -p '${home}/db' '${home}/hosted' && mount -t tmpfs -o size=${DISK_BYTES},mode=0700 none '${home}/db' &&
   mkdir -m 700 '${home}/db/hosted' && mount --bind '${home}/db/hosted' '${home}/hosted' && exec "$0" "$@"`,
];

describe('a host whose disk becomes full', () => {
  let network: Network;
  let small: Daemon;
  let hosts: Daemon[];
  let owner: Daemon;

  beforeAll(async () => {
    if (NAMESPACE === undefined) return;
    network = await Network.create();
    hosts = await network.startHosts(4);
    small = await network.start({ name: 'small', runner: onSmallDisk(network.home('small')) });
    hosts.push(small);
    owner = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees five hosts', async () => (await statusOf(owner.home)).peers.online >= 5);
  });
  afterAll(async () => {
    await network?.close();
  });

  /** A path on the small disk, as seen from outside. */
  const onDisk = (...path: string[]): string => join('/proc', String(small.pid), 'root', small.home, 'db', ...path);
  const stranger = (): string => onDisk('stranger');
  /** As their files are seen from outside. */
  const homes = (): string[] => hosts.map((host) => (host === small ? onDisk() : host.home));

  async function fillUp(): Promise<void> {
    for (const size of [4 * MiB, MiB, 65_536, 4096]) {
      const bytes = new Uint8Array(size);
      while (
        await appendFile(stranger(), bytes).then(
          () => true,
          () => false,
        )
      );
    }
  }

  /** Starts the upload; fills the disk once the small host has some of it. False in the second when it got none. */
  async function putWhileFilling(source: string, policy: string): Promise<readonly [CommandResult, boolean]> {
    const before = await usedBytes([small.home]);
    let isOver = false;
    const put = owner.run(['put', source, '--policy', policy, '--segment-size', '1MiB']).finally(() => {
      isOver = true;
    });
    const isHalf = await until(
      'the small host has some of it',
      async () => {
        if ((await usedBytes([small.home])) >= before + FULL_AT_BYTES) return { isHalf: true };
        return isOver && { isHalf: false };
      },
      60_000,
      5,
    );
    if (isHalf.isHalf) await fillUp();
    return [await put, isHalf.isHalf && (await stat(stranger())).size > 0];
  }

  /** What the small host says that it has is what its disk has; what was under way when the upload ended may take a moment. */
  async function expectCountedRight(): Promise<void> {
    await until('what is counted is there', async () => (await usedBytes([small.home])) === (await hostedDiskBytes(onDisk())));
  }

  it.skipIf(NAMESPACE === undefined)('BN-13 BN-22 is replaced by another with a warning, and the file is whole', async () => {
    for (let attempt = 0; ; attempt++) {
      expect(attempt).toBeLessThan(TRIES_MAX);
      const source = await writeSeededFile(join(network.folder, `spare${attempt}.bin`), FILE_BYTES, attempt + 1);
      const [put, wasFull] = await putWhileFilling(source, '2of4');
      expect(put, put.stderr).toMatchObject({ code: 0, last: { placed: 4 } });
      // It was the spare this time, or had all of it before the stranger came.
      const isWarned = put.stdout.includes(`${small.nodeId.slice(0, 8)} has a full disk`);
      if (wasFull && isWarned) {
        await expectCountedRight();
        const target = join(network.folder, 'spare.back');
        expect(await owner.run(['get', put.last.id, '-o', target])).toMatchObject({ code: 0, last: { rejected: [] } });
        expect(await sha256Of(target)).toBe(await sha256Of(source));
        expect(await owner.run(['audit', put.last.id])).toMatchObject({ code: 0, last: { files: [{ verdict: 'good' }] } });
      }
      await rm(stranger(), { force: true });
      expect((await owner.run(['rm', put.last.id, '--yes'])).code).toBe(0);
      if (wasFull && isWarned) break;
    }
    expect(await shardBytes(homes())).toBe(0);
  });

  it.skipIf(NAMESPACE === undefined)(
    'BN-22 fails the upload with one error where no other is left; with room again the repeated one goes on',
    async () => {
      const source = await writeSeededFile(join(network.folder, 'needs-all.bin'), FILE_BYTES, 77);
      const [failed, wasFull] = await putWhileFilling(source, '4of5');
      expect(wasFull).toBe(true);
      expect(failed).toMatchObject({ code: 6, last: { type: 'error', code: 'BAT_E_NOT_ENOUGH_PEERS' } });
      expect(failed.last.why).toContain(`${small.nodeId.slice(0, 8)} has a full disk`);
      expect(failed.stdout.split('\n').filter((line) => line.includes('"type":"error"'))).toHaveLength(1);
      expect(await readdir(join(owner.home, 'manifest'))).toEqual([]);
      expect((await owner.run(['ls'])).last.files).toEqual([]);
      await expectCountedRight();

      await rm(stranger());
      const repeated = await until('the host takes shards again', async () => {
        const put = await owner.run(['put', source, '--policy', '4of5', '--segment-size', '1MiB']);
        return put.code === 0 && put;
      });
      expect(repeated.last).toMatchObject({ placed: 5, sha256: await sha256Of(source) });
      expect(repeated.last.resumedBytes).toBeGreaterThanOrEqual(FULL_AT_BYTES);
      const stored = (repeated.last.hosts as { bytes: number }[]).reduce((sum, { bytes }) => sum + bytes, 0);
      expect(await shardBytes(homes())).toBe(stored);
      await expectCountedRight();
      expect(await owner.run(['audit', repeated.last.id, '--full'])).toMatchObject({ code: 0, last: { files: [{ verdict: 'good' }] } });
    },
  );

  if (NAMESPACE === undefined) process.stdout.write('  SKIPPED: no mount namespace can be made here, no disk of a daemon was filled\n');
});
