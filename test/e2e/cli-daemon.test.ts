// The daemon's life on this machine, as a person meets it: homes side by side, a crash, members that do not answer.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
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

describe('BN-49 after a crash', () => {
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
