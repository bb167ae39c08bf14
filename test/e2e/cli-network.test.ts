// The built command line against a network of real daemons: transcripts, JSON, signals, several commands at once.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI_PATH, type CommandResult } from '../../demos/lib/local-network.ts';
import { type Daemon, Network, runCli, until, writeSeededFile } from './harness.ts';
import { jsonLines, PLAIN_ENV, transcriptOf } from './transcript.ts';

const sha256Of = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

let network: Network;
let hosts: Daemon[];
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
  hosts = await network.startHosts(3);
  owner = await network.start({ name: 'owner', offer: '0', args: ['--name', 'owner'] });
  await until('the owner sees three hosts', async () => (await owner.run(['status'])).last.peers?.online >= 3);
  work = join(network.folder, 'work');
  await mkdir(work);
});
afterAll(async () => {
  await network?.close();
});

/** Starts a command and collects what it prints. */
function launch(args: readonly string[]): {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly ended: Promise<CommandResult>;
} {
  const child = spawn(process.execPath, [CLI_PATH, ...args, '--home', owner.home], { cwd: work, env: { ...process.env, ...PLAIN_ENV } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<CommandResult>((resolve) =>
    child.on('close', (code) => {
      const last = stdout.trim().split('\n').at(-1) ?? '';
      resolve({ code: code ?? -1, stdout, stderr, last: last.startsWith('{') ? JSON.parse(last) : { type: 'none' } });
    }),
  );
  return { child, out: () => stdout + stderr, ended };
}

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

describe('BN-03 the verbs on a network', () => {
  it('BN-50 BN-51 BN-52 BN-57 BN-58 upload, list, inspect, audit, download and remove, as a person reads it', async () => {
    await writeFile(join(work, 'letter.txt'), 'dear reader\n'.repeat(2000));
    const text = await transcript([
      ['-u', 'letter.txt', '--policy', '2of3', '--segment-size', '16KiB'],
      ['-l'],
      ['info', 'letter.txt'],
      ['-a', 'letter.txt.batchain'],
      ['-d', 'letter.txt.batchain', '-o', 'back.txt'],
      ['-d', 'letter.txt.batchain', '-o', 'back.txt'],
      ['get', 'letter.txt', 'back.txt', '--force'],
      ['get', 'nothing.txt'],
      ['-u', 'missing.txt'],
      ['-u', '.'],
      ['put', 'letter.txt', '--policy', '5of9'],
      ['status'],
      ['rm', 'letter.txt', '--yes'],
      ['ls'],
    ]);
    // Who holds which shard, and in which order peers are told, differs from run to run.
    await expect(text.replace(/ID8-----(, ID8-----)+/g, 'ID8-----, ...')).toMatchFileSnapshot(golden('verbs'));
    expect(await readFile(join(work, 'back.txt'), 'utf8')).toBe(await readFile(join(work, 'letter.txt'), 'utf8'));
  });

  it('gives programs whole ids, absolute paths and bytes', async () => {
    const source = await writeSeededFile(join(work, 'data.bin'), 100_000);
    const put = await owner.run(['put', source, '--policy', '1of2']);
    expect(jsonLines(put).at(-1)).toMatchObject({
      command: 'put',
      name: 'data.bin',
      bytes: 100_000,
      policy: { k: 1, n: 2 },
      placed: 2,
      manifest: join(owner.home, 'manifest', 'data.bin.batchain'),
      durationMs: expect.any(Number),
    });
    const { id, sha256 } = put.last;
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(sha256).toBe(await sha256Of(source));
    const info = await owner.run(['info', id.slice(0, 8)]);
    expect(info.last).toMatchObject({
      id,
      owner: owner.nodeId,
      bytes: 100_000,
      segments: [{ index: 0, shardIds: [expect.stringMatching(/^[0-9a-f]{64}$/), expect.any(String)] }],
    });
    const audit = await owner.run(['audit', id, '--full']);
    expect(audit).toMatchObject({ code: 0, last: { files: [{ id, verdict: 'good' }] } });
    expect(audit.last.files[0].shards[0]).toEqual({
      shardId: info.last.segments[0].shardIds[0],
      segment: 0,
      index: 0,
      host: expect.any(String),
      outcome: 'passed',
      reason: expect.any(String),
    });
    const peers = await owner.run(['peers']);
    expect(peers.last.peers.map(({ nodeId }: { nodeId: string }) => nodeId).sort()).toEqual(hosts.map(({ nodeId }) => nodeId).sort());
    const host = peers.last.peers.find(({ nodeId }: { nodeId: string }) => nodeId === hosts[0]?.nodeId);
    expect(host).toMatchObject({
      kad: hosts[0]?.kad,
      bat: hosts[0]?.bat,
      path: expect.stringMatching(/^(lan|direct|none)$/),
      lastSeen: expect.stringMatching(/Z$/),
    });
    const text = JSON.stringify([put.last, info.last, audit.last]);
    const { access, secret } = JSON.parse(await readFile(put.last.manifest, 'utf8'));
    for (const key of [access, secret.fileKey, ...secret.salts]) expect(text).not.toContain(key);
    await owner.run(['rm', id, '--yes']);
  });

  it('a REF is a path, a manifest of the home, a unique id prefix or a name; what fits two names the candidates', async () => {
    await mkdir(join(work, 'one'), { recursive: true });
    await mkdir(join(work, 'two'), { recursive: true });
    for (const folder of ['one', 'two']) await writeFile(join(work, folder, 'twin.txt'), folder);
    const first = await owner.run(['put', join(work, 'one', 'twin.txt'), '--policy', '1of2']);
    const second = await owner.run(['put', join(work, 'two', 'twin.txt'), '--policy', '1of2']);
    expect([first, second].map(({ last }) => last.manifest)).toEqual(
      ['twin.txt', 'twin.txt-2'].map((name) => join(owner.home, 'manifest', `${name}.batchain`)),
    );
    const warned = jsonLines(second).filter(({ type }) => type === 'warning');
    expect(warned).toMatchObject([
      { text: `you have a file of this name already: ${first.last.id.slice(0, 8)}, of the same size; this becomes another one` },
    ]);
    const wide = await runCli(['ls', '--home', owner.home], { env: { ...PLAIN_ENV, COLUMNS: '140' } });
    expect(wide.stdout).toMatch(/ {2}twin\.txt {2}.*today \d\d:\d\d\n.* {2}twin\.txt \(twin\.txt-2\.batchain\) {2}/);
    const ambiguous = await owner.run(['info', 'twin.txt']);
    expect(ambiguous).toMatchObject({ code: 4, last: { code: 'BAT_E_REF_AMBIGUOUS' } });
    for (const { last } of [first, second]) expect(ambiguous.last.why).toContain(last.id.slice(0, 8));
    for (const ref of [second.last.id, second.last.id.slice(0, 10), 'twin.txt-2.batchain', second.last.manifest]) {
      expect([ref, (await owner.run(['info', ref])).last.id]).toEqual([ref, second.last.id]);
    }
    for (const { last } of [first, second]) await owner.run(['rm', last.id, '--yes']);
  });

  it('writes to a folder under the own name, to a path, to standard output, and never over what is there without --force', async () => {
    const source = await writeSeededFile(join(work, 'three.bin'), 70_000, 3);
    const put = await owner.run(['put', source, '--policy', '1of2', '--segment-size', '16KiB']);
    const target = join(work, 'target');
    await mkdir(target, { recursive: true });
    expect((await owner.run(['get', put.last.id, '-o', target])).last).toMatchObject({ path: join(target, 'three.bin'), bytes: 70_000 });
    expect(await owner.run(['get', put.last.id, target])).toMatchObject({ code: 8, last: { code: 'BAT_E_TARGET_EXISTS' } });
    await writeFile(join(work, 'precious.txt'), 'precious');
    await symlink('precious.txt', join(target, 'link'));
    expect((await owner.run(['get', put.last.id, '-o', join(target, 'link')])).code).toBe(8);
    expect(await readFile(join(work, 'precious.txt'), 'utf8')).toBe('precious');
    expect((await owner.run(['get', put.last.id, '-o', join(work, 'no', 'such', 'folder')])).last).toMatchObject({
      type: 'error',
      code: 'BAT_E_TARGET_UNWRITABLE',
    });
    // A reader that has enough ends it without a word, as it does `cat`.
    const film = await owner.run(['put', await writeSeededFile(join(work, 'film.bin'), 8 * 1024 * 1024, 5), '--policy', '1of2']);
    const piped = spawn('sh', [
      '-c',
      `${process.execPath} ${CLI_PATH} get ${film.last.id} --stdout --home ${owner.home} | head -c 10 | wc -c`,
    ]);
    let said = '';
    for (const stream of [piped.stdout, piped.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    await new Promise((resolve) => piped.once('close', resolve));
    expect(said.trim()).toBe('10');
    await owner.run(['rm', film.last.id, '--yes']);
    const streamed = spawn(process.execPath, [CLI_PATH, 'get', put.last.id, '--stdout', '--home', owner.home]);
    const hash = createHash('sha256');
    for await (const part of streamed.stdout) hash.update(part as Buffer);
    expect(hash.digest('hex')).toBe(put.last.sha256);
    expect((await readdir(target)).sort()).toEqual(['link', 'three.bin']);
    await owner.run(['rm', put.last.id, '--yes']);
  });

  it("keeps a file under another name when told to, never under the node's", async () => {
    const source = await writeSeededFile(join(work, 'plain.bin'), 5000, 6);
    const put = (args: readonly string[]): Promise<CommandResult> =>
      owner.run(['put', source, '--policy', '1of2', ...args], { env: { BATCHAIN_NAME: 'the-node' } });
    const renamed = await put(['--name', 'renamed.bin']);
    expect(renamed.last).toMatchObject({ name: 'renamed.bin', manifest: join(owner.home, 'manifest', 'renamed.bin.batchain') });
    const own = await put([]);
    expect(own.last.name).toBe('plain.bin');
    const taken = await put(['--manifest', own.last.manifest]);
    expect(taken).toMatchObject({ code: 8, last: { code: 'BAT_E_TARGET_EXISTS', fix: expect.stringContaining('--manifest') } });
    for (const { last } of [renamed, own]) await owner.run(['rm', last.id, '--yes']);
  });

  it('rm looks whose file it is before it announces anything', async () => {
    const source = await writeSeededFile(join(work, 'mine.bin'), 5000, 7);
    const put = await owner.run(['put', source, '--policy', '1of2']);
    const stranger = await runCli(['rm', put.last.manifest, '--yes', '--home', hosts[0]?.home ?? ''], { env: PLAIN_ENV });
    expect(stranger).toMatchObject({ code: 8, stdout: '' });
    expect(stranger.stderr).toMatch(
      /^error: mine\.bin is not yours to remove\nwhy: {3}it belongs to [0-9a-f]{8}; nothing was changed\nfix: .* rm \S+\n/,
    );
    expect((await owner.run(['rm', put.last.id, '--yes'])).code).toBe(0);
  });

  it('BN-48 works from any directory', async () => {
    const source = await writeSeededFile(join(work, 'anywhere.bin'), 5000, 4);
    const put = await runCli(['-u', 'anywhere.bin', '--policy', '1of2', '--home', owner.home, '--json'], { cwd: work });
    expect(put.code, put.stdout).toBe(0);
    const get = await runCli(['-d', 'anywhere.bin.batchain', '--home', owner.home, '--json'], { cwd: hosts[0]?.home ?? '/' });
    expect(get.last.path).toBe(join(hosts[0]?.home ?? '', 'anywhere.bin'));
    expect(await sha256Of(get.last.path)).toBe(await sha256Of(source));
    await owner.run(['rm', put.last.id, '--yes']);
  });
});

describe('commands that take time', () => {
  const BIG_BYTES = 96 * 1024 * 1024;
  let big: string;
  beforeAll(async () => {
    big = await writeSeededFile(join(work, 'big.bin'), BIG_BYTES, 9);
  });

  it('Ctrl-C cancels the work cleanly: 130 and one error line with --json, and the daemon is idle again', async () => {
    const put = launch(['put', big, '--policy', '2of3', '--json']);
    await until('progress', async () => put.out().includes('"progress"') || undefined);
    put.child.kill('SIGINT');
    const ended = await put.ended;
    expect(ended.code).toBe(130);
    expect(jsonLines(ended).at(-1)).toMatchObject({ type: 'error', code: 'BAT_E_INTERRUPTED', exit: 130 });
    await until('no job runs', async () => (await owner.run(['status'])).last.jobs.running === 0 || undefined);
    expect((await owner.run(['ls'])).last.files).toEqual([]);
  });

  it('BN-46 DF-20 several commands at once finish; a log gets few lines, SIGUSR2 one more', async () => {
    const first = launch(['put', big, '--policy', '2of3']);
    await until('the upload is at work', async () => (await owner.run(['status'])).last.jobs.running === 1 || undefined);
    await until('a line on request', async () => {
      first.child.kill('SIGUSR2');
      return /(preparing|placing) \d+ %, [\d.]+ \/ 96\.0 MiB/.test(first.out()) || undefined;
    });
    const small = await writeSeededFile(join(work, 'small.bin'), 10_000, 10);
    const others = await Promise.all([
      owner.run(['put', small, '--policy', '1of2']),
      owner.run(['ls']),
      owner.run(['peers']),
      owner.run(['status']),
    ]);
    expect(others.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const ended = await first.ended;
    expect(ended.code, ended.stderr).toBe(0);
    // Not a terminal: the line that scripts of the seeds read.
    expect(ended.stdout).toMatch(/^[0-9a-f]{8} {2}big\.bin {2}\/.*big\.bin\.batchain\n$/);
    const id = ended.stdout.slice(0, 8);
    const bars = launch(['get', id, '-o', join(work, 'big.back'), '--json']);
    const got = await bars.ended;
    expect(got.code).toBe(0);
    expect(jsonLines(got).at(-1)).toMatchObject({ bytes: BIG_BYTES, sha256: await sha256Of(big) });
    await Promise.all(['big.bin', 'small.bin'].map((name) => owner.run(['rm', name, '--yes'])));
  });

  it('a daemon that is stopped meanwhile is what went away: 5, and how to start it and go on', async () => {
    const home = network.home('stopped');
    const daemon = await network.start({ name: 'stopped', offer: '0' });
    await until('it sees hosts', async () => (await daemon.run(['status'])).last.peers?.online >= 2);
    const put = spawn(process.execPath, [CLI_PATH, 'put', big, '--policy', '2of3', '--home', home, '--json']);
    let out = '';
    put.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const ended = new Promise((resolve) => put.once('close', resolve));
    await until('progress', async () => out.includes('"progress"') || undefined);
    await daemon.kill('SIGTERM');
    expect(await ended).toBe(5);
    expect(jsonLines({ stdout: out }).at(-1)).toMatchObject({
      code: 'BAT_E_DAEMON_LOST',
      fix: `batchain start --home ${home} && batchain put ${big} --policy 2of3 --home ${home} --json`,
    });
  });

  it('gives up at its --timeout with a code that says so, and leaves nothing under the final name', async () => {
    const put = await owner.run(['put', big, '--policy', '2of3', '--fresh', '--timeout', '300ms']);
    expect(put).toMatchObject({ code: 5, last: { code: 'BAT_E_TIMEOUT' } });
    expect((await readdir(join(owner.home, 'manifest'))).filter((name) => name.endsWith('.batchain'))).toEqual([]);
  });
});

describe('a file that lost a host', () => {
  it('BN-58 is degraded or at risk: audit, ls and status say so and exit with 3, and it comes back all the same', async () => {
    const source = await writeSeededFile(join(work, 'fragile.bin'), 50_000, 12);
    const put = await owner.run(['put', source, '--policy', '2of3']);
    await hosts[2]?.kill('SIGKILL');
    const audit = await owner.run(['audit', put.last.id]);
    expect(audit).toMatchObject({ code: 3, last: { files: [{ verdict: 'at-risk', shardsHealthy: 2, shardsTotal: 3 }] } });
    const offline = (audit.last.files[0].shards as { host: string; outcome: string }[]).filter(({ outcome }) => outcome !== 'passed');
    expect(offline).toMatchObject([{ host: hosts[2]?.nodeId, outcome: 'offline' }]);
    expect((await owner.run(['ls'])).last.files).toMatchObject([{ health: 'at-risk', shardsHealthy: 2 }]);
    expect(await owner.run(['status'])).toMatchObject({ code: 3, last: { files: { total: 1, atRisk: 1 } } });
    expect((await owner.run(['status', '--quiet'])).code).toBe(0);
    const text = await transcript([['-a', 'fragile.bin'], ['ls']]);
    await expect(sortedRows(text)).toMatchFileSnapshot(golden('at-risk'));
    expect((await owner.run(['get', put.last.id, '-o', join(work, 'fragile.back')])).last.sha256).toBe(put.last.sha256);
    await owner.run(['rm', put.last.id, '--yes']);
  });
});

describe('a daemon', () => {
  it('in the background: start returns when it is ready, a second one is refused, stop ends it', async () => {
    const home = network.home('background');
    const args = ['--home', home, '--host', '127.0.0.1', '--kad-port', '0', '--bat-port', '0', '--offer', '0', '--json'];
    const started = await runCli(['start', ...args]);
    expect(started.code, started.stderr).toBe(0);
    expect(started.last).toMatchObject({
      type: 'ready',
      nodeId: expect.stringMatching(/^[0-9a-f]{64}$/),
      kad: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      control: join(home, 'control.sock'),
    });
    try {
      expect((await stat(join(home, 'control.sock'))).mode & 0o777).toBe(0o600);
      expect((await runCli(['status', '--home', home, '--quiet'])).code).toBe(0);
      expect(await runCli(['start', ...args])).toMatchObject({ code: 11, last: { code: 'BAT_E_HOME_IN_USE' } });
      expect(await runCli(['start', '--foreground', ...args])).toMatchObject({ code: 11, last: { code: 'BAT_E_HOME_IN_USE' } });
    } finally {
      expect(await runCli(['stop', '--home', home, '--json'])).toMatchObject({ code: 0, last: { wasRunning: true } });
    }
    expect(existsSync(join(home, 'lock'))).toBe(false);
    expect((await runCli(['status', '--home', home, '--json'])).code).toBe(5);
  });

  it('of several started at once on a new home, one runs and the others say that the home is in use', async () => {
    const home = network.home('rivals');
    const args = ['start', '--home', home, '--host', '127.0.0.1', '--kad-port', '0', '--bat-port', '0', '--offer', '0', '--json'];
    const rivals = await Promise.all([1, 2, 3, 4].map(() => runCli(args)));
    expect((await runCli(['stop', '--home', home, '--json'])).code).toBe(0);
    expect(rivals.map(({ code }) => code).sort((a, b) => a - b)).toEqual([0, 11, 11, 11]);
  });

  it('in the foreground: the first line is ready, SIGTERM ends it in good order, and the same home starts again', async () => {
    const home = network.home('foreground');
    for (let round = 0; round < 2; round++) {
      const args = [
        'start',
        '--foreground',
        '--home',
        home,
        '--host',
        '127.0.0.1',
        '--kad-port',
        '0',
        '--bat-port',
        '0',
        '--offer',
        '0',
        '--json',
      ];
      const child = spawn(process.execPath, [CLI_PATH, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      await until('ready', async () => out.includes('\n') || undefined);
      expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ type: 'ready', bat: expect.any(String) });
      child.kill('SIGTERM');
      const code = await new Promise((resolve) => child.once('close', resolve));
      expect(code).toBe(0);
      expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject({ type: 'result', command: 'start', stopped: true });
    }
  });

  it('is taken over after a kill, and a home with a long path finds its socket elsewhere', async () => {
    const home = join(network.home('deep'), 'folder/'.repeat(14), 'home');
    const args = ['start', '--home', home, '--host', '127.0.0.1', '--kad-port', '0', '--bat-port', '0', '--offer', '0', '--json'];
    const env = { XDG_RUNTIME_DIR: join(network.folder, 'run') };
    const first = await runCli(args, { env });
    expect(first.last.control).toMatch(/\/run\/batchain\/[0-9a-f]{16}\.sock$/);
    const pid = Number((await readFile(join(home, 'lock'), 'utf8')).split(' ')[0]);
    process.kill(pid, 'SIGKILL');
    const again = await until('the killed daemon is gone', async () => {
      const result = await runCli(args, { env });
      return result.code === 0 ? result : undefined;
    });
    expect(again.last.nodeId).toBe(first.last.nodeId);
    expect((await runCli(['status', '--home', home, '--json'], { env })).code).toBe(0);
    expect((await runCli(['stop', '--home', home], { env })).code).toBe(0);
  });

  it('BD-59 a stranger to the network secret joins nobody', async () => {
    await writeFile(join(work, 'secret'), 'correct horse battery staple\n');
    const closed = await network.start({
      name: 'closed',
      join: [],
      offer: '0',
      args: ['--network', 'closed', '--network-secret-file', join(work, 'secret')],
    });
    const member = await network.start({
      name: 'member',
      join: [closed.kad],
      offer: '0',
      args: ['--network', 'closed', '--network-secret-file', join(work, 'secret')],
    });
    const stranger = await network.start({ name: 'outsider', join: [closed.kad], offer: '0', args: ['--network', 'closed'] });
    expect((await member.run(['status'])).last.peers.online).toBe(1);
    expect((await stranger.run(['status'])).last.peers.online).toBe(0);
    for (const daemon of [closed, member, stranger]) await daemon.kill('SIGTERM');
  });
});
