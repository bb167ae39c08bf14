// The daemon's life on this machine, as a person meets it: homes side by side, a crash, members that do not answer.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI_PATH, type CommandResult } from '../../demos/lib/local-network.ts';
import { runCli, until } from './harness.ts';

let folder: string;
const pids = new Set<number>();
const BIND = ['--host', '127.0.0.1', '--kad-port', '0', '--bat-port', '0', '--keep-free', '0', '--no-lan-discovery'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-daemon-'));
});
afterAll(async () => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  await rm(folder, { recursive: true, force: true });
});

/** Starts a daemon in the background; it is ended with the tests. */
async function startDaemon(home: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<CommandResult> {
  const result = await runCli(['start', '--json', '--home', home, ...BIND, '--offer', '0', ...args], { env });
  if (result.code === 0) pids.add(await pidOf(home));
  return result;
}
const pidOf = async (home: string): Promise<number> => Number((await readFile(join(home, 'lock'), 'utf8')).split(' ')[0]);
const online = async (home: string): Promise<number> => (await runCli(['status', '--json', '--home', home])).last.peers?.online ?? 0;

describe('homes side by side', () => {
  it('two homes of one user have daemons of their own, without --home and without a runtime directory', async () => {
    const people = await Promise.all(
      ['ana', 'bo'].map(async (name) => {
        const userHome = join(folder, `user-${name}`);
        await mkdir(userHome);
        return { HOME: userHome, XDG_RUNTIME_DIR: '', XDG_DATA_HOME: '', XDG_CONFIG_HOME: '', XDG_STATE_HOME: '' };
      }),
    );
    const ids: string[] = [];
    for (const env of people) {
      const started = await runCli(['start', '--json', ...BIND, '--offer', '0'], { env });
      expect(started.code, started.stdout).toBe(0);
      pids.add(await pidOf(join(env.HOME, '.local', 'share', 'batchain')));
      ids.push(started.last.nodeId);
    }
    expect(new Set(ids).size).toBe(2);
    for (const [i, env] of people.entries()) expect((await runCli(['status', '--json'], { env })).last.nodeId).toBe(ids[i]);
    expect((await runCli(['stop'], { env: people[1] as Record<string, string> })).code).toBe(0);
    expect((await runCli(['status', '--json'], { env: people[0] as Record<string, string> })).last.nodeId).toBe(ids[0]);
    expect((await runCli(['stop'], { env: people[0] as Record<string, string> })).code).toBe(0);
  });
});

describe('a start without a word of advice taken', () => {
  it('says what is given, where it listens, how to change both, and the address to hand out', async () => {
    const home = join(folder, 'plain');
    const ports = ['--kad-port', '0', '--bat-port', '0', '--no-lan-discovery'];
    const started = await runCli(['start', '--home', home, ...ports, '--relay']);
    pids.add(await pidOf(home));
    expect(started.stderr).toContain(`Made a home at ${home}, offering 20.0 GiB of this disk`);
    expect(started.stdout).toContain(`20.0 GiB of this disk for files of others; change it: batchain config set offer 5GiB --home ${home}`);
    expect(started.stdout).toContain(`on all interfaces; on this computer only: batchain config set host 127.0.0.1 --home ${home}`);
    expect(started.stdout).toMatch(/others {5}join with: batchain start --join \S+:\d+$/m);
    expect((await runCli(['config', 'get', 'host', '--home', home])).code).toBe(0);
    await runCli(['stop', '--home', home]);
  });

  it('in the foreground says how to stop it, and that it stopped', async () => {
    const home = join(folder, 'plain-foreground');
    const child = spawn(process.execPath, [CLI_PATH, 'start', '--foreground', '--home', home, ...BIND, '--offer', '0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    pids.add(child.pid as number);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until('it says how to stop it', async () => said.includes('Stop it: Ctrl-C here') || undefined);
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(said.trim().split('\n').at(-1)).toBe('Stopped.');
  });
});

describe('after a crash', () => {
  it('a node that was killed finds the network again without being told a member, with the timers of every day', async () => {
    const first = join(folder, 'first');
    const second = join(folder, 'second');
    const started = await startDaemon(first);
    expect((await startDaemon(second, ['--join', started.last.kad])).code).toBe(0);
    for (const home of [first, second]) await until('both know one another', async () => (await online(home)) === 1 || undefined);
    // What was met is written down within seconds.
    for (const home of [first, second])
      await until('the peer is on disk', async () => (await readFile(join(home, 'db', 'kad-state')).catch(() => undefined)) !== undefined);
    process.kill(await pidOf(second), 'SIGKILL');
    const again = await until('the killed one is gone', async () => {
      const result = await startDaemon(second);
      return result.code === 0 && result;
    });
    expect(again.last.nodeId).not.toBe(started.last.nodeId);
    await until('it is back', async () => (await online(second)) === 1 || undefined, 15_000);
    for (const home of [first, second]) expect((await runCli(['stop', '--home', home])).code).toBe(0);
  });
});

describe('a member that does not answer', () => {
  const NOBODY = '127.0.0.1:9';
  const lines = (text: string): Record<string, any>[] =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, any>);
  const WARNING = { type: 'warning', text: expect.stringContaining(NOBODY), fix: expect.stringContaining('batchain peers') };

  it('SH-08 is not joined, and warned of, with a fix; ready stays the first line in the foreground, and joining goes on', async () => {
    const home = join(folder, 'alone');
    const args = ['start', '--foreground', '--json', '--home', home, ...BIND, '--offer', '0', '--profile', 'demo', '--join', NOBODY];
    const child = spawn(process.execPath, [CLI_PATH, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    pids.add(child.pid as number);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await until('ready and a warning', async () => out.split('\n').length > 2 || undefined);
    const [ready, warning] = lines(out);
    expect(ready).toMatchObject({ type: 'ready', joined: false });
    expect(warning).toMatchObject(WARNING);
    // Another that names the first brings both together.
    const other = join(folder, 'other');
    const started = await startDaemon(other, ['--join', ready?.kad, '--profile', 'demo']);
    expect(started.last).toMatchObject({ type: 'ready', joined: true });
    expect(lines(started.stdout)).toHaveLength(1);
    await until('they have met', async () => (await online(home)) === 1 || undefined);
    expect((await runCli(['stop', '--home', other])).code).toBe(0);
    child.kill('SIGTERM');
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(lines(out).at(-1)).toMatchObject({ type: 'result', stopped: true });
  });

  it('is warned of in the background too: before ready with --json, on stderr for a person', async () => {
    const home = join(folder, 'lonely');
    const json = lines((await startDaemon(home, ['--join', NOBODY])).stdout);
    expect(json).toMatchObject([WARNING, { type: 'ready', joined: false }]);
    await runCli(['stop', '--home', home]);
    const text = await runCli(['start', '--home', home, ...BIND, '--join', NOBODY]);
    pids.add(await pidOf(home));
    expect(text.stdout).toContain('Node is up');
    expect(text.stderr).toMatch(/^warning: no member of the network answered at 127\.0\.0\.1:9 [^\n]*\nwhy: {3}[^\n]+\nfix: {3}[^\n]+$/m);
    await runCli(['stop', '--home', home]);
  });
});

describe('a network whose members are all off', () => {
  it('is not forgotten: start, peers and put say how many are remembered, and that the node goes on trying', async () => {
    const [first, second] = [join(folder, 'off-first'), join(folder, 'off-second')];
    const started = await startDaemon(first);
    expect((await startDaemon(second, ['--join', started.last.kad])).last).toMatchObject({ joined: true });
    for (const home of [first, second]) expect((await runCli(['stop', '--home', home])).code).toBe(0);

    const text = await runCli(['start', '--home', second, ...BIND]);
    pids.add(await pidOf(second));
    expect(text.stdout).toContain('Node is up');
    expect(text.stderr).toMatch(/^warning: 1 member remembered from before: none answered; the node goes on trying[^\n]*\nwhy: /m);
    expect((await runCli(['peers', '--home', second])).stdout).toBe(
      'Nobody answers now: 1 member remembered from before; the node goes on trying\n',
    );
    const file = join(folder, 'off.txt');
    await writeFile(file, 'kept by others');
    expect((await runCli(['put', file, '--policy', '1of1', '--home', second, '--json'])).last).toMatchObject({
      code: 'BAT_E_NOT_ENOUGH_PEERS',
      what: 'no other computer answers now',
    });
    await runCli(['stop', '--home', second]);

    const json = await startDaemon(second);
    expect(json.last, 'scripts do not wait').toMatchObject({ type: 'ready', joined: false, remembered: 1 });
    await runCli(['stop', '--home', second]);
    const wrong = await runCli(['start', '--home', second, ...BIND, '--join', '127.0.0.1:9', '--join', 'no-such-host.invalid:1']);
    pids.add(await pidOf(second));
    expect(wrong.stderr).toContain('no member of the network answered at 127.0.0.1:9 (--join), nor did 1 member remembered from before');
    expect(wrong.stderr).toContain('no address is known for no-such-host.invalid:1 (--join)');
    await runCli(['stop', '--home', second]);
  });
});

describe('a daemon that is still starting', () => {
  const NOBODY = ['--join', '127.0.0.1:9'];

  it('is not called stopped, and stop ends it', async () => {
    const home = join(folder, 'slow');
    const starting = runCli(['start', '--json', '--home', home, ...BIND, '--offer', '0', ...NOBODY]);
    const pid = await until('it has the home', () => pidOf(home).catch(() => undefined));
    pids.add(pid);
    expect((await runCli(['status', '--home', home, '--json'])).last).toMatchObject({
      code: 'BAT_E_NO_DAEMON',
      what: expect.stringContaining('does not answer'),
    });
    expect(await runCli(['stop', '--home', home, '--json'])).toMatchObject({ code: 0, last: { wasRunning: true } });
    // What `start` says depends on how far it was; that it ends does not.
    await starting;
    await expect(readFile(join(home, 'lock'))).rejects.toThrow('ENOENT');
  });

  it('is given up at the --timeout of start, with the code that says so', async () => {
    const result = await startDaemon(join(folder, 'late'), [...NOBODY, '--timeout', '3s']);
    expect(result).toMatchObject({ code: 5, last: { type: 'error', code: 'BAT_E_TIMEOUT' } });
  });
});

describe('settings of a home', () => {
  it('flags of start hold for one run; config keeps a setting, says where each comes from, and init says how to change one', async () => {
    const home = join(folder, 'kept');
    const run = (args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> =>
      runCli([...args, '--home', home, '--json'], { env });
    const offer = async (): Promise<number> => (await run(['status'])).last.offer.bytes;
    await startDaemon(home, ['--offer', '1GiB', '--name', 'for-now']);
    expect(await offer()).toBe(2 ** 30);
    expect((await run(['config', 'get', 'offer'])).last).toMatchObject({ key: 'offer', value: 20 * 2 ** 30, origin: 'default' });
    expect(await run(['init', '--name', 'kept one', '--offer', '2GiB'])).toMatchObject({
      code: 8,
      last: {
        code: 'BAT_E_HOME_EXISTS',
        fix: `batchain config set name 'kept one' --home ${home} && batchain config set offer 2GiB --home ${home}`,
      },
    });
    expect(await run(['config', 'set', 'offer', '2GiB'])).toMatchObject({ code: 0, last: { key: 'offer', value: 2 ** 31 } });
    expect((await run(['config', 'set', 'name', 'kept one'])).code).toBe(0);
    expect(await offer(), 'a running node is not changed').toBe(2 ** 30);
    await run(['stop']);
    expect((await runCli(['start', '--json', '--home', home, ...BIND])).code).toBe(0);
    pids.add(await pidOf(home));
    expect((await run(['status'])).last).toMatchObject({ name: 'kept one', offer: { bytes: 2 ** 31 } });
    await run(['stop']);
    const { settings } = (await run(['config', 'list'], { BATCHAIN_OFFER: '0' })).last;
    const row = (key: string): unknown => settings.find((one: { key: string }) => one.key === key);
    expect(row('offer')).toEqual({ key: 'offer', value: 0, origin: 'environment' });
    expect(row('name')).toEqual({ key: 'name', value: 'kept one', origin: 'file' });
    expect(row('kad-port')).toEqual({ key: 'kad-port', value: 4870, origin: 'default' });
  });

  it('config refuses what is no setting or no value, and a broken file does not keep other commands from working', async () => {
    const home = join(folder, 'strict');
    const run = (...args: string[]): Promise<CommandResult> => runCli([...args, '--home', home, '--json']);
    await run('init', '--offer', '0');
    for (const [args, why] of [
      [['config', 'set', 'ofer', '1'], 'did you mean offer?'],
      [['config', 'set', 'offer', 'lots'], 'expected a size'],
      [['config', 'set', 'offer'], 'usage: batchain config set KEY VALUE'],
      [['config', 'sett', 'offer', '1'], 'did you mean set?'],
      [['config', 'list', 'offer'], 'usage: batchain config list'],
    ] as const) {
      expect(await run(...args)).toMatchObject({ code: 2, last: { code: 'BAT_E_USAGE', why: expect.stringContaining(why) } });
    }
    const { path } = (await run('config', 'path')).last;
    await writeFile(path, 'offer = = 1\n');
    for (const args of [['stop'], ['ls'], ['help', 'start'], ['config', 'path']])
      expect([args, (await run(...args)).code]).toEqual([args, 0]);
    for (const args of [['start'], ['config', 'list'], ['config', 'set', 'offer', '1']])
      expect(await run(...args), args.join(' ')).toMatchObject({ code: 2, last: { code: 'BAT_E_CONFIG', fix: `edit ${path}` } });
  });
});

describe('status --watch', () => {
  it('shows the state again and again until Ctrl-C, one object per line with --json', async () => {
    const home = join(folder, 'watched');
    await startDaemon(home);
    const child = spawn(process.execPath, [CLI_PATH, 'status', '--watch', '--json', '--home', home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await until('two states', async () => out.split('\n').length > 2 || undefined);
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(130);
    const all = out.trim().split('\n');
    for (const line of all.slice(0, -1)) expect(JSON.parse(line)).toMatchObject({ type: 'status', files: { total: 0 } });
    expect(JSON.parse(all.at(-1) ?? '')).toMatchObject({ type: 'error', code: 'BAT_E_INTERRUPTED', exit: 130 });
    await runCli(['stop', '--home', home]);
  });
});
