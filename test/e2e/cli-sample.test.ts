// The sample network: one command, separate processes, a file that survives the loss of hosts.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli, until } from './harness.ts';
import { jsonLines, normalize } from './transcript.ts';

const SAMPLE_PATH = fileURLToPath(new URL('../../packages/cli/dist/sample-main.js', import.meta.url));
const MAIN_PATH = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));

let state: string;
const env = (): Record<string, string> => ({ XDG_STATE_HOME: state });

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'batchain-state-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

/** `batchain-sample`, with --json. */
async function runSample(args: readonly string[], cwd: string): Promise<{ readonly code: number; readonly last: Record<string, any> }> {
  const child = spawn(process.execPath, [SAMPLE_PATH, ...args, '--json'], {
    env: { ...process.env, ...env() },
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)));
  return { code, last: JSON.parse(out.trim().split('\n').at(-1) ?? '{}') };
}

describe('BN-54 sample', () => {
  it('batchain-sample alone says what it is for', async () => {
    const child = spawn(process.execPath, [SAMPLE_PATH], { env: { ...process.env, ...env() }, stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(out).toContain('batchain-sample -u FILE');
    expect(out).toContain('start that network first');
  });

  it('BN-44 BN-03 walks three processes through upload, loss, download, comparison and audit, and cleans up without a terminal', async () => {
    const result = await runCli(['sample'], { env: { ...env(), COLUMNS: '80' } });
    expect(result.code, result.stderr).toBe(0);
    const text = normalize(result.stdout, { [state]: 'STATE' })
      .replace(/(kad|bat) \d+/g, '$1 PORT')
      .replace(/in N s|in [\d.]+ min.*\./g, 'in N s');
    await expect(text).toMatchFileSnapshot('./transcripts/sample.txt');
    expect(await readdir(join(state, 'batchain', 'sample'))).toEqual([]);
  });

  it('BD-07 BN-41 other scenarios and sizes, told to programs: one host, hosts known by address, five hosts of which three stop', async () => {
    const one = await runCli(['sample', '--scenario', '1', '--json'], { env: env() });
    expect(jsonLines(one).at(-1)).toMatchObject({ type: 'result', policy: { k: 1, n: 1 }, stopped: [], identical: true, verdict: 'good' });
    const two = await runCli(['sample', '--scenario', '2', '--once', '--keep', '--json'], { env: env() });
    expect(two.last).toMatchObject({ identical: true, segments: 4, stopped: ['node2'], verdict: 'at-risk' });
    expect((two.last.hosts as { shards: number }[]).map(({ shards }) => shards)).toEqual([4, 4]);
    expect((await readdir(two.last.folder)).sort()).toEqual(['node1', 'node2', 'node3', 'you']);
    // Kept and stopped: its homes are started by the sample alone, which keeps them on loopback.
    expect((await runSample(['-l'], state)).last.files).toHaveLength(1);
    expect(await runSample(['-d', two.last.id], state)).toMatchObject({
      code: 5,
      last: { code: 'BAT_E_NO_DAEMON', fix: 'batchain sample' },
    });
    const five = await runCli(['sample', '--nodes', '6', '--json'], { env: env() });
    expect(five.last).toMatchObject({ policy: { k: 2, n: 5 }, stopped: ['node3', 'node4', 'node5'], identical: true });
    expect(five.code).toBe(0);
  });

  it('BN-46 on a terminal it stays up for batchain-sample in another one, until Ctrl-C cleans up', async () => {
    // `script` gives the command a terminal; `exec`: a shell that stays between would end on a Ctrl-C with a code of its own.
    const terminal = spawn('script', ['-qefc', `exec ${process.execPath} ${MAIN_PATH} sample`, '/dev/null'], {
      env: { ...process.env, ...env() },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    const ended = new Promise<number | null>((resolve) => terminal.once('close', resolve));
    try {
      await until('the network is up', async () => shown.includes('Press Ctrl-C') || undefined, 60_000);
      // The host that was stopped is back, and has proved what it holds.
      expect((await runSample(['-l'], state)).last.files).toMatchObject([{ name: 'example.txt', health: 'good', shardsHealthy: 2 }]);
      const work = await mkdtemp(join(state, 'work-'));
      await writeFile(join(work, 'note.txt'), 'from the other terminal');
      const put = await runSample(['-u', 'note.txt'], work);
      expect(put.last).toMatchObject({ type: 'result', name: 'note.txt', placed: 2 });
      expect((await runSample(['-l'], work)).last.files.map(({ name }: { name: string }) => name).sort()).toEqual([
        'example.txt',
        'note.txt',
      ]);
      expect(await runSample(['-d', put.last.manifest, '-o', 'back.txt'], work)).toMatchObject({ code: 0 });
      expect(await readFile(join(work, 'back.txt'), 'utf8')).toBe('from the other terminal');
      expect(await runCli(['sample', '--once', '--json'], { env: env() })).toMatchObject({ code: 11, last: { code: 'BAT_E_HOME_IN_USE' } });
    } finally {
      terminal.stdin.write('\u0003');
    }
    expect(await ended).toBe(0);
    expect(await readdir(join(state, 'batchain', 'sample'))).toEqual([]);
    expect((await runSample(['-l'], state)).last).toMatchObject({ code: 'BAT_E_NO_HOME', fix: 'batchain sample' });
  });
});
