import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('../support/full-disk-child.ts', import.meta.url));
const NODE_ARGS = [process.execPath, '--conditions=@batchain/source', '--import', 'tsx', CHILD];
const TMPFS_BYTES = 24 * 1024 * 1024;
const FILE_BLOCKS_MAX = 2048;

/** A mount that nobody else sees, as root or in a user namespace of one's own. */
const NAMESPACES = [
  ['unshare', '-m'],
  ['unshare', '-rm'],
].find(([command = '', ...args]) => spawnSync(command, [...args, 'mount', '-t', 'tmpfs', 'none', tmpdir()]).status === 0);

interface Verdict {
  readonly isOk: boolean;
  readonly story: readonly string[];
}

async function tell(command: readonly string[]): Promise<Verdict> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(stderr).toBe('');
  return { isOk: code === 0, story: stdout.trimEnd().split('\n') };
}

describe('a disk that is really full', () => {
  let home = '';
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'batchain-full-'));
  });
  afterEach(() => rm(home, { recursive: true }));

  it.skipIf(NAMESPACES === undefined)('BN-22 refuses with disk-full, stays readable, and works again when there is room', async () => {
    const shell = `mount -t tmpfs -o size=${TMPFS_BYTES} none '${home}' && exec "$0" "$@"`;
    const verdict = await tell([...(NAMESPACES ?? []), 'sh', '-c', shell, ...NODE_ARGS, home, 'until full']);
    expect(verdict).toEqual({
      isOk: true,
      story: [
        'some shards were stored, then: disk-full',
        'no part is left of the refused shard',
        'all stored shards are right',
        'a stranger fills the rest of the disk',
        'refused: disk-full',
        'renewed until: disk-full',
        'all stored shards are right',
        'released 3 on the full disk',
        'the stranger goes',
        'stored again without a restart',
        'renewed: true',
        'after a restart all stored shards are right',
      ],
    });
  });

  it('BN-22 refuses a shard that is longer than files may be here, and goes on with shorter ones', async () => {
    const shell = `ulimit -f ${FILE_BLOCKS_MAX} && exec "$0" "$@"`;
    const verdict = await tell(['sh', '-c', shell, ...NODE_ARGS, home, 'file too large']);
    expect(verdict).toEqual({
      isOk: true,
      story: ['refused: disk-full', 'no part is left of the refused shard', 'a shorter one is stored', 'all stored shards are right'],
    });
  });

  if (NAMESPACES === undefined)
    process.stdout.write('  SKIPPED: no mount namespace can be made here, a full disk is tried by file size only\n');
});
