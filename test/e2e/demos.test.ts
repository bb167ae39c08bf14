import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// The demos check their own end states; here they run as a visitor runs them, and what they left on disk is looked at from outside.

const RUN = fileURLToPath(new URL('../../demos/run.mjs', import.meta.url));

let folder: string;
let elsewhere: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-demos-'));
  elsewhere = await mkdtemp(join(tmpdir(), 'batchain-elsewhere-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(elsewhere, { recursive: true, force: true });
});

/** Runs `demo WORDS...` from a folder that has nothing to do with the repository. */
async function demo(...words: string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [RUN, ...words], {
    cwd: elsewhere,
    env: { ...process.env, DEMOS_FOLDER: join(folder, 'work') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

const below = (...path: string[]): string => join(folder, 'work', ...path);

/** Files named like shards below a home's folder, without the index and the records of the store. */
const shardsIn = (...path: string[]): string[] =>
  readdirSync(below(...path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name) && !entry.parentPath.endsWith('/files'))
    .map((entry) => entry.name)
    .sort();

const manifestsIn = async (...path: string[]): Promise<string[]> =>
  (await readdir(below(...path, 'manifest'))).filter((name) => name.endsWith('.batchain'));

describe('the demos, from any directory', () => {
  it('BN-40 BN-48 one file to one host: it lies sealed in the hosted folder, and comes back', async () => {
    const { code, output } = await demo('1');
    expect(output).toContain('end state as promised');
    expect(code).toBe(0);
    expect(shardsIn('write-to-one-host', 'node2', 'hosted')).toHaveLength(1);
    expect(await manifestsIn('write-to-one-host', 'node1')).toEqual(['example.txt.batchain']);
  });

  it('BN-41 BN-42 a text and a PDF to two hosts that are known by address: four shards of the text on each', async () => {
    const { code, output } = await demo('shards-to-two-hosts');
    expect(output).toContain('end state as promised');
    expect(output).toContain('server1 keeps 4 shards of example.txt');
    expect(output).toContain('server2 keeps 4 shards of example.txt');
    expect(code).toBe(0);
    const kept = ['server1', 'server2'].map((server) => shardsIn('shards-to-two-hosts', server, 'hosted'));
    expect(kept[0]?.length).toBeGreaterThan(4);
    expect(kept[0]).toEqual(kept[1]);
    expect(shardsIn('shards-to-two-hosts', 'client', 'shards')).toEqual(kept[0]);
    expect(await manifestsIn('shards-to-two-hosts', 'client')).toEqual(
      expect.arrayContaining(['example.pdf.batchain', 'example.txt.batchain']),
    );
  });

  it('BN-44 BN-45 BN-49 three pairs find one another through Kademlia; after a restart of all the file still comes back', async () => {
    const { code, output } = await demo('3');
    expect(output).toContain('the file is identical after the restart');
    expect(code).toBe(0);
    const kept = ['node1', 'node2'].map((node) => shardsIn('find-hosts-by-kademlia', node, 'hosted'));
    expect(kept[0]).toHaveLength(4);
    expect(kept[0]).toEqual(kept[1]);
    expect(shardsIn('find-hosts-by-kademlia', 'node3', 'shards')).toEqual(kept[0]);
    expect(await manifestsIn('find-hosts-by-kademlia', 'node3')).toEqual(['example.txt.batchain']);
  });

  it('BD-55 ten participants, three of them killed: the file comes back and the audit names exactly the three', async () => {
    const { code, output } = await demo('local-swarm');
    expect(output).toContain('the audit names exactly the three as offline');
    expect(code).toBe(0);
  });

  it('BN-47 BN-43 reset takes one demo away, clean takes everything', async () => {
    expect((await readdir(below())).sort()).toEqual(['find-hosts-by-kademlia', 'local-swarm', 'shards-to-two-hosts', 'write-to-one-host']);
    expect(await demo('reset', '1')).toEqual({ code: 0, output: `removed ${below('write-to-one-host')}\n` });
    expect((await demo('reset', '1')).output).toBe(`nothing to remove: ${below('write-to-one-host')}\n`);
    expect((await readdir(below())).sort()).toEqual(['find-hosts-by-kademlia', 'local-swarm', 'shards-to-two-hosts']);
    expect((await demo('clean')).code).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  it('a word that names no demo is told what there is', async () => {
    const { code, output } = await demo('7');
    expect(code).toBe(2);
    expect(output).toContain('find-hosts-by-kademlia');
  });
});
