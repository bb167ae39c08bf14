// The shell through a pipe: what a class-room's grader sees, bad input, ends of every kind.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Network, until } from './harness.ts';
import { normalizeShell, openPipedShell, pipeJson, type ShellPlace } from './shell-driver.ts';

/** Five pieces of 256 bytes. */
const TEST_TEXT = `${'All nodes are equal. '.repeat(10).trim()}
`.repeat(6);

let folder: string;
let place: ShellPlace;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-st-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  const cwd = await mkdtemp(join(folder, 'cwd-'));
  const temp = await mkdtemp(join(folder, 'tmp-'));
  await writeFile(join(cwd, 'test_file.txt'), TEST_TEXT);
  place = { args: ['--home', join(cwd, 'home')], cwd, temp };
});

/** Processes whose command line names this text. */
function processesOf(text: string): string[] {
  const all = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n');
  return all.filter((line) => line.includes(text) && !line.includes('ps -eo'));
}

async function expectNothingLeft(): Promise<void> {
  expect(await readdir(place.temp)).toEqual([]);
  expect(processesOf(place.temp)).toEqual([]);
}

describe('BD-30 BD-31 the shell in a pipe', () => {
  it('BD-10 BD-11 BD-12 BD-13 BD-15 BD-16 BD-17 BD-18 BD-19 BD-20 BD-21 BD-22 BD-23 BD-24 BD-25 DF-21 carries out every verb and says what came of it, with a node of its own', async () => {
    const verbs = [
      'h',
      'LL',
      'SZ',
      'JN',
      'MM',
      'FN',
      'JN',
      'SZ',
      'WN',
      'RN',
      'LH',
      'W L test_file.txt 64 notes',
      'RL notes',
      'LD',
      'LIST',
      'RI',
      'RI csv',
      'PD',
      'TEST 1000',
      'DL notes',
      'DN',
      'RN',
      'clear',
      'retrieve nothing',
      'LN',
      'JN',
      'frobnicate',
      'quit',
    ];
    const shell = openPipedShell({ ...place, env: { NO_COLOR: '1' } });
    const { code, text } = await shell.end(`${verbs.join('\n')}\n`);
    expect(code).toBe(3);
    await expect(normalizeShell(text, { [place.cwd]: 'CWD', [place.temp]: 'TMP' })).toMatchFileSnapshot('./transcripts/shell-pipe.txt');
    await expectNothingLeft();
  });

  it('BD-12 BD-18 BD-32 printf MM SZ X: one JSON object a verb, a result, exit 0, nothing left', async () => {
    const { code, verbs, last } = await pipeJson(place, 'MM\nSZ\nX\nSZ\n');
    expect(verbs.map(({ verb, ok }) => [verb, ok])).toEqual([
      ['MM', true],
      ['SZ', true],
      ['X', true],
    ]);
    expect(verbs[0]?.nodes).toHaveLength(2);
    expect(verbs[1]).toMatchObject({ estimate: 3, error: 0 });
    expect(last).toMatchObject({ type: 'result', command: 'shell', verbs: 3, failed: 0 });
    expect(code).toBe(0);
    await expectNothingLeft();
  });

  it('BD-24 SIGTERM in the middle of MM ends it with 143, and nothing is left', async () => {
    const shell = openPipedShell(place);
    shell.write('LL\nMM 3\n');
    await until('MM is at work', async () => processesOf(place.temp).length >= 1 || undefined);
    shell.kill('SIGTERM');
    const { code, text } = await shell.end();
    expect([code, text.includes('BAT_E_INTERRUPTED')]).toEqual([143, true]);
    await expectNothingLeft();
  });

  it('BD-24 what a shell that was killed left behind goes with the next one, its nodes at once', async () => {
    const shell = openPipedShell(place);
    shell.write('MM 1\n');
    await until('MM is done', async () => shell.text().includes('1 node up') || undefined);
    shell.kill('SIGKILL');
    expect((await shell.end()).code).toBe(137);
    await until('its node has ended', async () => processesOf(place.temp).length === 0);
    expect(await readdir(place.temp)).toHaveLength(1);
    expect((await pipeJson(place, 'LL\n')).code).toBe(0);
    await expectNothingLeft();
  });
});

describe('the shell over the daemon of a home', () => {
  let network: Network;
  beforeAll(async () => {
    network = await Network.create();
  });
  afterAll(() => network.close());

  it('BD-13 BD-14 BD-16 a shell with a node of its own finds it by host and range of ports, joins it, and writes to it', async () => {
    const daemon = await network.start({ name: 'bo', join: [] });
    const port = Number(daemon.kad.split(':')[1]);
    const lines = ['FN 127.0.0.1 1', `FN 127.0.0.1 ${port}-${Math.min(65_535, port + 3)}`, 'JN', 'SZ', 'WN', 'RN', 'DN', 'X'];
    const { code, verbs } = await pipeJson(place, `${lines.join('\n')}\n`);
    expect(verbs[0]).toMatchObject({ verb: 'FN', ok: false, code: 'BAT_E_NO_ANSWER' });
    expect(verbs[1]).toMatchObject({ verb: 'FN', ok: true, entry: daemon.kad, nodeId: daemon.nodeId, foundBy: 'ports' });
    expect(verbs[2]).toMatchObject({ verb: 'JN', ok: true, joined: true, contacts: 1 });
    expect(verbs[3]).toMatchObject({ verb: 'SZ', estimate: 2 });
    expect(verbs[4]).toMatchObject({
      verb: 'WN',
      ok: true,
      storedOn: 1,
      pieces: 5,
      pieceBytes: 256,
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(verbs[5]).toMatchObject({ verb: 'RN', ok: true, hash: verbs[4]?.key, bytes: Buffer.from(TEST_TEXT).toString('base64') });
    expect(verbs.slice(6).map(({ ok }) => ok)).toEqual([true, true]);
    expect(code).toBe(3);
    await daemon.kill('SIGTERM');
  });

  it('BD-30 answers bad input at each verb with a one-line reason and a code; shell and daemon stay up', async () => {
    const daemon = await network.start({ name: 'ana' });
    place = { ...place, args: ['--home', daemon.home] };
    const bad = [
      'frob',
      'LL now',
      'MM many',
      'MM 0',
      'FN host 70000',
      'FN 4880-4870',
      'LH',
      'LH nothex',
      'LH abcd',
      'JN',
      'JN here',
      'JN 127.0.0.1:0',
      'SZ 3',
      'RI table',
      'WN gone.txt',
      'WN test_file.txt big',
      'WN /',
      'WN test_file.txt 0',
      'RN none',
      'RL none',
      `RN ${'0'.repeat(64)}`,
      'DN none',
      'DL none',
      'TEST lots',
      'CLEAR all',
      "WN 'open",
      'RN \u001b[2J\u0000',
      'H frob',
      'LD x',
      'PD x',
      'LIST x',
      'X y',
    ];
    const long = Buffer.alloc(10 * 1024 * 1024, 'x');
    const input = Buffer.concat([Buffer.from(`${bad.join('\n')}\nWN `), long, Buffer.from('\nLL\n')]);
    const { code, verbs, last } = await pipeJson(place, input);
    expect(verbs).toHaveLength(bad.length + 2);
    const [listening, tooLong, ...refused] = verbs.toReversed();
    for (const [i, verb] of refused.reverse().entries()) {
      expect({ line: bad[i], ...verb }).toMatchObject({ ok: false, code: expect.stringMatching(/^BAT_E_/) });
      expect([bad[i], verb.code === 'BAT_E_INTERNAL', /\n/.test(`${verb.what}${verb.why}`)]).toEqual([bad[i], false, false]);
    }
    expect(tooLong).toMatchObject({ verb: 'WN', ok: false, what: 'the line is too long' });
    expect(listening).toMatchObject({ verb: 'LL', ok: true, listening: true });
    expect([code, last.failed]).toEqual([3, bad.length + 1]);
    // X ends the shell alone.
    expect((await daemon.run(['status'])).code).toBe(0);
    await expectNothingLeft();
  });
});
