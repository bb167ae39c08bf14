// The shell on a pseudo-terminal: prompt, line editor, completion, history, Ctrl-C and Ctrl-D.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './harness.ts';
import { normalizeShell, openTerminalShell, readable, type ShellPlace } from './shell-driver.ts';

let folder: string;
let place: ShellPlace;
let home: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-st-'));
  const cwd = await mkdtemp(join(folder, 'cwd-'));
  const temp = await mkdtemp(join(folder, 'tmp-'));
  home = join(folder, 'home');
  await writeFile(join(cwd, 'test_file.txt'), `${'All nodes are equal. '.repeat(10).trim()}\n`.repeat(6));
  expect((await runCli(['init', '--no-input', '--home', home])).code).toBe(0);
  place = { args: ['--home', home], cwd, temp };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the shell on a terminal', () => {
  it('BD-10 BD-11 BD-12 BD-13 BD-15 BD-16 BD-17 BD-18 BD-19 BD-20 BD-21 BD-22 BD-23 BD-24 BD-25 DF-21 asks with a prompt, carries out every verb and says what came of it', async () => {
    const shell = await openTerminalShell({ ...place, env: { NO_COLOR: '1' } });
    const verbs = [
      'H',
      'll',
      'mm',
      'fn',
      'jn',
      'sz',
      'lh xyz',
      'wn',
      'lh',
      'rn',
      'wl test_file.txt 64 notes',
      'rl notes',
      'ld',
      'list',
      'ri',
      'ri csv',
      'pd',
      'test 1000',
      'dl notes',
      'dn',
      'rn',
      'ln',
      'jn',
      'frob',
    ];
    let text = '';
    for (const verb of verbs)
      text += `> ${verb}\n${readable(await shell.line(verb))
        .split('\n')
        .slice(1, -1)
        .join('\n')}\n`;
    shell.type('x\r');
    // Failed verbs are no failure of a shell in which a person saw them.
    expect(await shell.ended).toBe(0);
    await expect(normalizeShell(text, { [place.cwd]: 'CWD', [place.temp]: 'TMP' })).toMatchFileSnapshot('./transcripts/shell-terminal.txt');
    expect(await readdir(place.temp)).toEqual([]);
  });

  it('completes verbs and file names, gives up a line and a verb at Ctrl-C, refuses a line without end, ends at Ctrl-D', async () => {
    const shell = await openTerminalShell(place);
    shell.type('ro\t');
    await shell.untilShown('routes ');
    expect(readable(await shell.line('csv'))).toContain('bucket,node_id,kad');
    shell.type('WL te\t');
    await shell.untilShown('WL test_file.txt ');
    // What was begun is given up, the next line is whole.
    shell.type('rubbish\u0003');
    await shell.untilShown('^C');
    expect(readable(await shell.line('LL'))).toContain('control  listening');
    shell.type('MM 3\r');
    await new Promise((resolve) => setTimeout(resolve, 500));
    shell.type('\u0003');
    await shell.untilShown('BAT_E_INTERRUPTED');
    expect(readable(await shell.line('SZ'))).toMatch(/\d+ node/);
    expect(readable(await shell.line('x'.repeat(20_000)))).toContain('error: the line is too long');
    expect(readable(await shell.line('LL'))).toContain('bat      listening');
    shell.type('\u0004');
    expect(await shell.ended).toBe(0);
    expect(await readdir(place.temp)).toEqual([]);
  });

  it('keeps a history for the home, for its owner alone, and takes up lines of the shell before', async () => {
    const path = join(home, 'shell-history');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toMatch(/\nSZ\nLL\n$/);
    const shell = await openTerminalShell({ ...place, env: { TERM: 'xterm' } });
    expect(readable(await shell.line('\u001b[A'))).toContain('control  listening');
    shell.type('\u0004');
    expect(await shell.ended).toBe(0);
  });

  it('a dumb terminal gets no control sequence, and has Ctrl-C all the same', async () => {
    const shell = await openTerminalShell({ ...place, env: { TERM: 'dumb' } });
    shell.type('rubbish\u0003');
    await shell.untilShown('^C');
    expect(await shell.line('LL')).toContain('control  listening');
    shell.type('x\r');
    expect(await shell.ended).toBe(0);
    expect(shell.shown()).not.toContain('\u001b');
  });
});
