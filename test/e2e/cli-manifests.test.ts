// The built command line and the manifests: where they go, and what is said and can be done when one is lost.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult } from '../../demos/lib/local-network.ts';
import { type Daemon, Network, until, writeSeededFile } from './harness.ts';
import { jsonLines, transcriptOf } from './transcript.ts';

let network: Network;
let owner: Daemon;
let work: string;
const golden = (name: string): string => `./transcripts/${name}.txt`;
const transcript = (commands: readonly (readonly string[])[]): Promise<string> =>
  transcriptOf(
    commands.map((args) => [...args, '--home', owner.home]),
    { folders: { [owner.home]: 'HOME', [work]: 'WORK', [network.folder]: 'NETWORK' }, cwd: work },
  );

beforeAll(async () => {
  network = await Network.create();
  await network.startHosts(2);
  owner = await network.start({ name: 'owner', offer: '0', args: ['--name', 'owner'] });
  await until('the owner sees two hosts', async () => (await owner.run(['status'])).last.peers?.online >= 2);
  work = join(network.folder, 'work');
  await mkdir(work);
});
afterAll(async () => {
  await network?.close();
});

/** Which host has which id differs from run to run: neighbouring rows that begin with an id are put in order. */
function sortedRows(text: string): string {
  const rows = text.split('\n');
  const runs: string[][] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    if (last !== undefined && /^ +ID8/.test(row) && /^ +ID8/.test(last[0] ?? '')) last.push(row);
    else runs.push([row]);
  }
  return runs.flatMap((run) => run.sort()).join('\n');
}

it('put gives the manifest a place: a folder takes it under its name; a taken path, or one without a folder, is refused at once', async () => {
  const source = await writeSeededFile(join(work, 'plain.bin'), 5000, 14);
  const keys = join(work, 'keys');
  await mkdir(keys, { recursive: true });
  const put = (manifest: string, ...more: string[]) =>
    owner.run(['put', source, '--policy', '1of2', '--name', 'renamed.bin', '--manifest', manifest, ...more]);
  const first = await put(keys);
  expect(first).toMatchObject({ code: 0, last: { name: 'renamed.bin', manifest: join(keys, 'renamed.bin.batchain') } });
  expect(await put(keys)).toMatchObject({ code: 8, last: { code: 'BAT_E_TARGET_EXISTS', fix: expect.stringContaining('--manifest') } });
  expect(await put(join(keys, 'no', 'key'))).toMatchObject({ code: 8, last: { code: 'BAT_E_TARGET_UNWRITABLE' } });
  expect((await put(`${join(keys, 'no')}/`)).last.why).toBe(`there is no folder ${join(keys, 'no')}/`.replace(/\/$/, ''));
  expect((await readdir(keys)).sort()).toEqual(['renamed.bin.batchain']);
  const got = await owner.run(['get', 'renamed.bin', '-o', keys]);
  expect(got.last.path).toBe(join(keys, 'renamed.bin'));
  await owner.run(['rm', first.last.id, '--yes']);
});

describe('a file that lost its manifest', () => {
  it('is shown as such by ls, status and audit, which go on with the others; get says what helps, and rm works', async () => {
    const put = async (name: string, seed: number): Promise<CommandResult['last']> =>
      (await owner.run(['put', await writeSeededFile(join(work, name), 5000, seed), '--policy', '1of2'])).last;
    const gone = await put('gone.bin', 20);
    const torn = await put('torn.bin', 21);
    const whole = await put('whole.bin', 22);
    await rm(gone.manifest);
    await writeFile(torn.manifest, '{');
    const audit = await owner.run(['audit', '--all']);
    expect(audit).toMatchObject({
      code: 3,
      last: {
        files: [
          { id: gone.id, verdict: 'unknown', shards: [], reason: expect.stringContaining('the manifest of gone.bin is gone') },
          { id: torn.id, verdict: 'unknown', shards: [], reason: expect.stringContaining('the manifest of torn.bin is damaged') },
          { id: whole.id, verdict: 'good', reason: null },
        ],
      },
    });
    expect(jsonLines(audit).filter(({ type }) => type === 'warning')).toHaveLength(2);
    for (const args of [['ls'], ['ls', '--health']]) {
      const list = await owner.run(args);
      expect(list.last.files.map(({ health }: { health: string }) => health)).toEqual(['unknown', 'unknown', 'good']);
      expect(jsonLines(list).filter(({ type }) => type === 'warning')).toHaveLength(2);
    }
    expect(await owner.run(['status'])).toMatchObject({ code: 3, last: { files: { total: 3, good: 1, unknown: 2, withoutManifest: 2 } } });
    const text = await transcript([
      ['ls'],
      ['audit', '--all'],
      ['get', 'gone.bin'],
      ['get', torn.id],
      ['audit', 'gone.bin.batchain'],
      ['rm', 'gone.bin', '--yes'],
      ['rm', torn.manifest, '--yes'],
      ['ls'],
    ]);
    await expect(sortedRows(text)).toMatchFileSnapshot(golden('lost-manifest'));
    await owner.run(['rm', whole.id, '--yes']);
  });
});
