// The command line on a terminal: questions, bars, colors. `script` gives each command a terminal of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI_PATH } from '../../demos/lib/local-network.ts';
import { Network, until, writeSeededFile } from './harness.ts';

let folder: string;
let network: Network | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-terminal-'));
});
afterAll(async () => {
  await network?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  /** Typed when this text has been shown. */
  readonly after: string;
  readonly type: string;
}

/** Runs a command on a terminal of 100 columns and answers its questions. */
async function onTerminal(
  args: readonly string[],
  answers: readonly Answer[] = [],
  env: Record<string, string> = {},
): Promise<{ readonly code: number; readonly shown: string }> {
  // `exec`: a shell that stays between would end on a Ctrl-C with a code of its own.
  const command = ['exec', process.execPath, CLI_PATH, ...args].join(' ');
  const { NO_COLOR: _, ...rest } = process.env;
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { ...rest, TERM: 'xterm', COLUMNS: '100', LC_ALL: 'C.UTF-8', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  for (const { after, type } of answers) {
    await until(`the question ${JSON.stringify(after)}`, async () => shown.includes(after) || undefined);
    child.stdin.write(type);
  }
  return { code: await ended, shown: shown.replaceAll('\r\n', '\n') };
}

describe('BD-01 on a terminal', () => {
  it('init asks for a name and an offer, takes defaults for empty answers, and asks again for a wrong one', async () => {
    const home = join(folder, 'ana');
    const { code, shown } = await onTerminal(
      ['init', '--home', home],
      [
        { after: 'Name of this computer [', type: 'ana-laptop\n' },
        { after: 'free) [20.0 GiB]: ', type: 'lots\n' },
        { after: 'lots is no size', type: '3GiB\n' },
      ],
    );
    expect(code, shown).toBe(0);
    expect(await readFile(join(home, 'config.toml'), 'utf8')).toMatch(/^name = "ana-laptop"$[\s\S]*^offer = "3GiB"$/m);
    const quiet = await onTerminal(['init', '--home', join(folder, 'bo'), '--no-input']);
    expect(quiet.shown).not.toContain('Name of this computer');
  });

  it('Ctrl-C at a question leaves nothing behind and ends in 130', async () => {
    const home = join(folder, 'carl');
    const { code, shown } = await onTerminal(['init', '--home', home], [{ after: 'Name of this computer [', type: '\u0003' }]);
    expect(code, shown).toBe(130);
    expect(shown).toContain('error:');
    await expect(readFile(join(home, 'identity'))).rejects.toThrow('ENOENT');
  });

  it('DF-20 BN-56 shows bars with rate, removes only after a yes, and colors unless NO_COLOR forbids it', async () => {
    network = await Network.create();
    await network.startHosts(2);
    const owner = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees two hosts', async () => (await owner.run(['status'])).last.peers?.online >= 2 || undefined);
    const source = await writeSeededFile(join(network.folder, 'film.bin'), 64 * 1024 * 1024, 21);
    const put = await onTerminal(['put', source, '--policy', '1of2', '--home', owner.home]);
    expect(put.code, put.shown).toBe(0);
    expect(put.shown).toMatch(/\[#*-*\] +\d+% {3}/);
    expect(put.shown).toContain('/ 64.0 MiB');
    const [, painted = ''] = put.shown.split('\u001b[32m');
    expect(painted.split('\u001b[39m')[0]).toMatch(/^Stored film\.bin as [0-9a-f]{8}$/);
    expect(put.shown).toContain('any 1 of 2 peers can restore it; 1 may fail');
    // At most two redraws a second, so a transfer of seconds has few.
    expect(put.shown.split('\u001b[2K').length).toBeLessThan(60);
    const plain = await onTerminal(['ls', '--home', owner.home], [], { NO_COLOR: '1' });
    expect(plain.shown).toContain('good 2/2');
    expect(plain.shown).not.toContain('\u001b[');

    const no = await onTerminal(['rm', 'film.bin', '--home', owner.home], [{ after: '[y/N]: ', type: '\n' }]);
    expect(no.code).not.toBe(0);
    expect(no.shown).toContain('Nothing removed.');
    expect(no.shown).not.toContain('error:');
    expect((await owner.run(['ls'])).last.files).toHaveLength(1);
    const yes = await onTerminal(['rm', 'film.bin', '--home', owner.home], [{ after: '[y/N]: ', type: 'y\n' }]);
    expect(yes.code, yes.shown).toBe(0);
    expect((await owner.run(['ls'])).last.files).toEqual([]);
  });
});

describe('a dumb terminal', () => {
  it('gets no control sequence at all', async () => {
    await writeFile(join(folder, 'x'), '');
    const { shown } = await onTerminal(['status', '--home', join(folder, 'bo')], [], { TERM: 'dumb' });
    expect(shown).toContain('error: no daemon runs');
    expect(shown).not.toContain('\u001b');
  });
});
