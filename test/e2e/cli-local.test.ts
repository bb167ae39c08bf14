// The built command line as a process, where no network is needed: what it prints, how it fails, which exit codes it gives.
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ERROR_CODES } from '@batchain/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI_PATH, type CommandResult } from '../../demos/lib/local-network.ts';
import { typeCommand } from '../support/command-line.ts';
import { runCli } from './harness.ts';
import { jsonLines, transcriptOf } from './transcript.ts';

let folder: string;
let home: string;
/** A home without a daemon. */
const folders = (): Record<string, string> => ({ [home]: 'HOME', [folder]: 'FOLDER' });
const golden = (name: string): string => `./transcripts/${name}.txt`;
const run = (args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> => runCli(args, { env, cwd: folder });
/** For rows of many: without a process each. */
const type = (args: readonly string[]): Promise<CommandResult> => typeCommand(args, { cwd: folder });

/** A line of a shell, with its pipes. */
const runShell = (line: string): Promise<Pick<CommandResult, 'code' | 'stdout' | 'stderr'>> =>
  new Promise((resolve) =>
    execFile('sh', ['-c', line], { cwd: folder }, (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr })),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-cli-'));
  home = join(folder, 'ana');
  await writeFile(join(folder, 'hello.txt'), 'hello\n');
  expect((await run(['init', '--home', home, '--no-input', '--name', 'ana', '--offer', '1GiB'])).code).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('BD-01 command line without a network', () => {
  it('BN-53 helps: bare, by flag, by word, for each command, with examples first', async () => {
    const text = await transcriptOf([[], ['-h'], ['help', 'put'], ['get', '--help'], ['help', 'putt']], {
      folders: folders(),
      cwd: folder,
    });
    await expect(text).toMatchFileSnapshot(golden('help'));
    const all = jsonLines(await run(['help', '--json']))[0]?.commands as { name: string }[];
    for (const { name } of all) {
      const help = await type(['help', name]);
      expect([name, help.code]).toEqual([name, 0]);
      expect(help.stdout, name).toContain(`Usage: batchain ${name}`);
    }
    // Only verbs that exist are listed.
    const bare = (await type([])).stdout;
    for (const verb of ['invite', 'share', 'repair', 'mount']) expect(bare).not.toContain(verb);
  });

  it('tells what is wrong and what would be right, in at most four lines, without a stack', async () => {
    const text = await transcriptOf(
      [
        ['putt', 'a'],
        ['put'],
        ['put', 'a', 'b'],
        ['-u', 'a', '-d', 'b'],
        ['-u'],
        ['put', 'a', '--polizy', '1of2'],
        ['put', 'a', '--policy', '3of2', '--home', home],
        ['start', '--offer', 'lots', '--home', home],
        ['rm', 'x', '--home', home],
        ['audit', 'x', '--all', '--home', home],
        ['get', 'x', '--stdout', '--json', '--home', home],
        ['explain', 'BAT_E_NO_HOM'],
      ],
      { folders: folders(), cwd: folder, run: typeCommand },
    );
    await expect(text).toMatchFileSnapshot(golden('usage-errors'));
  });

  it('BN-55 lists, informs, hashes and helps without a daemon; the others say in one line that none runs', async () => {
    const text = await transcriptOf(
      [
        ['ls', '--home', home],
        ['-l', '--home', home],
        ['hash', 'hello.txt'],
        ['-s', 'hello.txt'],
        ['put', 'hello.txt', '--home', home],
        ['get', 'x', '--home', home],
        ['status', '--home', home],
        ['status', '--quiet', '--home', home],
        ['peers', '--home', home],
        ['audit', '--home', home],
        ['rm', 'x', '--yes', '--home', home],
        ['ls', '--health', '--home', home],
        ['stop', '--home', home],
        ['info', 'x', '--home', home],
        ['version'],
        ['explain', 'BAT_E_NO_DAEMON'],
      ],
      { folders: folders(), cwd: folder },
    );
    await expect(text.replace(/^\d+\.\d+\.\d+$/gm, 'VERSION')).toMatchFileSnapshot(golden('no-daemon'));
  });

  it('sets a home up once, private, with one settings file; init, and all that need a home, say where there is none', async () => {
    const text = await transcriptOf(
      [
        ['init', '--home', home, '--no-input'],
        ['init', '--home', join(folder, 'bo'), '--no-input', '--name', 'bo', '--offer', '0'],
        ['ls', '--home', join(folder, 'nobody')],
        ['put', 'hello.txt', '--home', join(folder, 'nobody')],
        ['status', '--home', join(folder, 'nobody')],
        ['stop', '--home', join(folder, 'nobody')],
      ],
      { folders: folders(), cwd: folder },
    );
    await expect(text).toMatchFileSnapshot(golden('init'));
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect((await stat(join(home, 'identity'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(home, 'config.toml'), 'utf8')).toMatch(/^name = "ana"$/m);
  });

  it('init warns of an offer that is beyond the disk or holds nothing, and says in words why a place is none for a home', async () => {
    const init = (name: string, offer: string): Promise<CommandResult> =>
      run(['init', '--no-input', '--home', join(folder, name), '--offer', offer]);
    const large = await init('large', '900TiB');
    expect(large).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^warning: the offer of 900\.0 TiB is more than the .* that are free$/m),
    });
    expect(large.stderr).toMatch(/^fix: {3}batchain config set offer \d+GiB --home \S+$/m);
    expect((await init('tiny', '50')).stderr).toContain('warning: an offer of 50 B holds hardly a shard');
    expect((await init('usual', '20GiB')).stderr).not.toContain('hardly');
    expect(await readFile(join(folder, 'usual', 'config.toml'), 'utf8')).toMatch(/^offer = "20GiB"$/m);
    expect((await run(['start', '--json', '--home', '/'])).last).toMatchObject({
      code: 'BAT_E_HOME_UNUSABLE',
      what: '/ can not be a home',
    });
    const secret = join(folder, 'no-secret');
    const start = ['start', '--foreground', '--json', '--home', home, '--network-secret-file', secret];
    expect((await run(start)).last).toMatchObject({ code: 'BAT_E_CONFIG', why: 'nothing is at that path', fix: `ls -l ${secret}` });
    await writeFile(secret, '\n');
    expect((await run(start)).last.what).toBe(`the network secret ${secret} is empty`);
    const picture = join(folder, 'picture.batchain');
    await writeFile(picture, Buffer.from([0xff, 0xd8, 0xff, 0xe0]));
    expect((await run(['info', picture, '--json', '--home', home])).last.what).toBe(`${picture} is not a BatChain manifest`);
  });

  it('refuses an identity that others can read or that is damaged, says how to repair it, and repairs nothing by itself', async () => {
    const bo = join(folder, 'exposed');
    await run(['init', '--home', bo, '--no-input']);
    await chmod(join(bo, 'identity'), 0o644);
    const exposed = await run(['start', '--foreground', '--home', bo, '--json']);
    expect(exposed).toMatchObject({ code: 8, last: { code: 'BAT_E_IDENTITY_EXPOSED', fix: `chmod 600 ${join(bo, 'identity')}` } });
    await chmod(join(bo, 'identity'), 0o600);
    await writeFile(join(bo, 'identity'), (await readFile(join(bo, 'identity'), 'utf8')).slice(0, 40));
    expect(await run(['start', '--home', bo, '--json'])).toMatchObject({ code: 12, last: { code: 'BAT_E_IDENTITY_DAMAGED' } });
  });

  it('BD-08 takes flags before the environment and that before the settings file; each long flag has its variable', async () => {
    expect((await run(['ls'], { BATCHAIN_HOME: home, BATCHAIN_JSON: '1' })).last).toMatchObject({ type: 'result', files: [] });
    expect((await run(['ls', '--home', home], { BATCHAIN_HOME: join(folder, 'nobody') })).code).toBe(0);
    expect(await run(['status', '--home', home, '--json'], { BATCHAIN_TIMEOUT: 'soon' })).toMatchObject({
      code: 2,
      last: { code: 'BAT_E_CONFIG', what: 'BATCHAIN_TIMEOUT: "soon" can not be used' },
    });
    const config = join(folder, 'wrong.toml');
    await writeFile(config, 'ofer = 1\n');
    expect(await run(['ls', '--home', home, '--config', config, '--json'])).toMatchObject({ code: 2, last: { code: 'BAT_E_CONFIG' } });
  });

  it('BN-57 prints the content hash of a file, and says what is wrong with what is none', async () => {
    await mkdir(join(folder, 'dir'), { recursive: true });
    await symlink('hello.txt', join(folder, 'link')).catch(() => undefined);
    const sha256 = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03';
    expect(await run(['hash', 'link', '--json'])).toMatchObject({ code: 0, last: { sha256 } });
    expect(await run(['-s', 'none', '--json'])).toMatchObject({ code: 4, last: { code: 'BAT_E_FILE_NOT_FOUND' } });
    expect(await run(['hash', 'dir', '--json'])).toMatchObject({ code: 2, last: { code: 'BAT_E_NOT_A_FILE' } });
  });

  it('explains every error code offline, with the exit code that it ends in', async () => {
    for (const word of ['no_home', 'NO-HOME', 'BAT_E_NO_HOME'])
      expect((await type(['explain', word, '--json'])).last.code).toBe('BAT_E_NO_HOME');
    expect((await type(['explain', '11', '--json'])).last).toMatchObject({ exit: 11, codes: [{ code: 'BAT_E_HOME_IN_USE' }] });
    expect((await type(['explain', '--json'])).last.codes).toHaveLength(Object.keys(ERROR_CODES).length);
    for (const [code, { exit, meaning }] of Object.entries(ERROR_CODES).slice(0, 5)) {
      expect(await type(['explain', code.toLowerCase(), '--json'])).toMatchObject({ code: 0, last: { code, exit, meaning } });
    }
  });

  it('ends every command with --json in exactly one result or error, whatever is wrong', async () => {
    const cases: readonly (readonly [readonly string[], number])[] = [
      [['--json'], 0],
      [['help', '--json'], 0],
      [['help', 'put', '--json'], 0],
      [['version', '--json'], 0],
      [['--version', '--json'], 0],
      [['explain', 'BAT_E_USAGE', '--json'], 0],
      [['explain', 'x', '--json'], 2],
      [['explain', '--json'], 0],
      [['explain', '7', '--json'], 0],
      [['help', 'flags', '--json'], 0],
      [['nonsense', '--json'], 2],
      [['nonsense', '--json=true'], 2],
      [['config', '--json', '--home', join(folder, 'nobody')], 0],
      [['config', 'get', 'nothing', '--json'], 2],
      [['--json', '--nonsense'], 2],
      [['put', '--json'], 2],
      [['put', 'hello.txt', '--timeout', '0', '--json'], 2],
      [['-u', 'a', '-d', 'b', '--json'], 2],
      [['hash', 'hello.txt', '--json'], 0],
      [['init', '--json', '--home', home], 8],
      [['init', '--json', '--home', '/proc/nowhere'], 8],
      [['init', '--json', '--home', '/'], 8],
      [['ls', '--json', '--home', home], 0],
      [['ls', '--json=1', '--home', home], 0],
      [['ls', '--json', '--home', join(folder, 'nobody')], 10],
      [['info', 'x', '--json', '--home', home], 4],
      [['info', 'x', '--json', '--home', join(folder, 'nobody')], 10],
      [['info', join(folder, 'hello.txt'), '--json', '--home', home], 7],
      [['put', 'hello.txt', '--json', '--home', home], 5],
      [['get', 'x', '--json', '--home', home], 5],
      [['audit', '--json', '--home', home], 5],
      [['peers', '--json', '--home', home], 5],
      [['status', '--json', '--home', home], 5],
      [['status', '--json', '--quiet', '--home', home], 5],
      [['rm', 'x', '--json', '--home', home], 2],
      [['rm', 'x', '--yes', '--json', '--home', home], 5],
      [['stop', '--json', '--home', home], 0],
      [['start', '--json', '--home', home, '--offer', 'x'], 2],
    ];
    for (const [args, code] of cases) {
      const result = await type(args);
      expect([args, result.code, result.stderr]).toEqual([args, code, '']);
      const last = jsonLines(result).at(-1);
      if (code !== 0)
        expect(last).toMatchObject({
          type: 'error',
          exit: code,
          code: expect.stringMatching(/^BAT_E_/),
          what: expect.any(String),
          why: expect.any(String),
          fix: expect.any(String),
        });
      expect(JSON.stringify(last)).not.toMatch(/\n\s+at /);
    }
  });

  it('says when its result can not be written, and nothing when the reader has seen enough', async () => {
    const cli = `${process.execPath} ${CLI_PATH}`;
    const full = await runShell(`${cli} hash hello.txt > /dev/full`);
    expect(full).toMatchObject({ code: 8, stderr: expect.stringContaining('BAT_E_TARGET_UNWRITABLE') });
    const endless = await runShell(`yes sz | { timeout 30 ${cli} shell --home nobody; echo "exit $?" >&2; } | head -1`);
    expect(endless).toMatchObject({ stdout: '1 node: this one, nobody else is known\n', stderr: expect.stringMatching(/exit 130\n$/) });
  });

  it('Ctrl-C while the program still loads ends as any other: 130 and one error line with --json', async () => {
    // Sends itself the signal when the first of the parts that take long is asked for.
    const hooks =
      'export const resolve = (name, at, next) => { if (name.includes("run-process")) process.kill(process.pid, "SIGINT"); return next(name, at); };';
    await writeFile(join(folder, 'hooks.mjs'), hooks);
    await writeFile(join(folder, 'hook.mjs'), 'import { register } from "node:module"; register("./hooks.mjs", import.meta.url);');
    const result = await run(['ls', '--home', home, '--json'], { NODE_OPTIONS: `--import=${join(folder, 'hook.mjs')}` });
    expect(result).toMatchObject({ code: 130, last: { type: 'error', code: 'BAT_E_INTERRUPTED', exit: 130 } });
  });

  it('BN-56 colors errors when told to, never when NO_COLOR says so, and shows a stack only with --debug', async () => {
    const colored = await runCli(['putt', '--color', 'always'], { env: { NO_COLOR: '' } });
    expect(colored.stderr).not.toContain('\u001b[');
    const status = ['status', '--home', home, '--color', 'always'];
    expect((await runCli(status, { env: { NO_COLOR: '' } })).stderr).toContain('\u001b[31merror:');
    expect((await runCli(status, { env: { NO_COLOR: '1' } })).stderr).not.toContain('\u001b[');
    expect((await runCli(status.slice(0, 3), { env: { NO_COLOR: '' } })).stderr).not.toContain('\u001b[');
    expect((await runCli(status)).stderr).not.toContain('    at ');
    expect((await runCli([...status, '--debug'])).stderr).toContain('    at ');
  });
});
