// Real participants as separate processes on loopback, driven through the built command line as a person would; used by demos and by the tests on real processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const CLI_PATH: string = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));

/** One line of `--json` output. */
export type JsonLine = { readonly type: string } & Record<string, any>;

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The last JSON line: `result` or `error`. */
  readonly last: JsonLine;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Ends the command with this signal after so many ms. */
  readonly kill?: { readonly afterMs: number; readonly signal: NodeJS.Signals };
  /** Called with the process of the command as soon as there is one. */
  readonly onSpawn?: (process: ChildProcess) => void;
}

const cleanEnv = (extra: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const kept = Object.entries(process.env).filter(
    ([key, value]) => !key.startsWith('BATCHAIN_') && key !== 'NODE_OPTIONS' && value !== undefined,
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), NO_COLOR: '1', ...extra };
};

/** Runs the command line to its end. */
export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const child = spawn(process.execPath, [CLI_PATH, ...args], {
    env: cleanEnv(options.env),
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.onSpawn?.(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 120_000);
  const early = options.kill && setTimeout(() => child.kill(options.kill?.signal), options.kill.afterMs);
  const code = await new Promise<number>((resolve) => {
    child.on('close', (status, signal) => resolve(status ?? (signal === 'SIGKILL' ? 137 : 143)));
  });
  clearTimeout(limit);
  clearTimeout(early);
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  const lastLine = lines.at(-1);
  return { code, stdout, stderr, last: lastLine === undefined ? { type: 'none' } : (JSON.parse(lastLine) as JsonLine) };
}

export interface StartOptions {
  readonly name: string;
  readonly join?: readonly string[];
  readonly offer?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What runs the daemon's command: words that end with `exec`, as the daemon must be the very process that is spawned. */
  readonly runner?: readonly string[];
  /** Called with the daemon's process long before it is ready. */
  readonly onSpawn?: (process: ChildProcess) => void;
}

/** A running daemon and its home. */
export class Daemon {
  readonly name: string;
  readonly home: string;
  readonly process: ChildProcess;
  readonly nodeId: string;
  readonly kad: string;
  readonly bat: string;
  /** Where it serves HTTP, when it was told to: `http://127.0.0.1:8000/`. */
  readonly url: string | undefined;
  readonly log: () => string;

  constructor(name: string, home: string, process: ChildProcess, ready: JsonLine, log: () => string) {
    this.name = name;
    this.home = home;
    this.process = process;
    this.nodeId = ready.nodeId;
    this.kad = ready.kad;
    this.bat = ready.bat;
    this.url = ready.http?.url;
    this.log = log;
  }

  get pid(): number {
    return this.process.pid as number;
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Runs a command against this daemon's home, with --json. */
  run(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return runCli([...args, '--home', this.home, '--json', '--progress=none'], options);
  }

  /** Ends the process with a signal and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.isRunning) return;
    const gone = new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
    this.process.kill(signal);
    await gone;
  }

  /** Processor time so far, seconds, all threads (Linux). */
  async cpuSeconds(): Promise<number> {
    const fields = (await readFile(`/proc/${this.pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Peak resident memory, bytes (Linux). */
  async peakRssBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }
}

export interface LaunchOptions {
  readonly name: string;
  readonly home: string;
  /** See `StartOptions`. */
  readonly runner: readonly string[];
  /** What follows the command line's name: `start --foreground --json --home HOME ...`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly onSpawn?: ((process: ChildProcess) => void) | undefined;
  /** 20 s by default. */
  readonly readyWithinMs?: number;
}

/** Spawns a daemon and waits for its `ready` line; fails, with what it said, when it ends before or takes too long. */
export async function launchDaemon(options: LaunchOptions): Promise<Daemon> {
  const [command = '', ...words] = [...options.runner, process.execPath, CLI_PATH, ...options.args];
  const child = spawn(command, words, { env: cleanEnv(options.env), stdio: ['ignore', 'pipe', 'pipe'] });
  options.onSpawn?.(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-20_000);
  });
  const limitMs = options.readyWithinMs ?? 20_000;
  const ready = await new Promise<JsonLine>((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${options.name} was not ready in ${limitMs / 1000} s: ${log}`));
    }, limitMs);
    child.once('exit', (code) => {
      clearTimeout(limit);
      reject(new Error(`${options.name} ended with ${code} before it was ready: ${log}`));
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      clearTimeout(limit);
      const parsed = JSON.parse(line) as JsonLine;
      if (parsed.type === 'ready') resolve(parsed);
      if (parsed.type === 'error') log += `${parsed.what}: ${parsed.why}`;
    });
  });
  return new Daemon(options.name, options.home, child, ready, () => log);
}

/** A set of homes below one temporary folder; everything is stopped and removed by `close`. */
export class Network {
  readonly folder: string;
  readonly daemons: Daemon[] = [];

  readonly #isTemporary: boolean;

  private constructor(folder: string, isTemporary: boolean) {
    this.folder = folder;
    this.#isTemporary = isTemporary;
  }

  /** In a fresh temporary folder, or in `folder`, which then is not removed by `close`. */
  static async create(folder?: string): Promise<Network> {
    if (!existsSync(CLI_PATH)) throw new Error('the command line is not built: npm run build');
    if (folder !== undefined) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return new Network(folder, false);
    }
    return new Network(await mkdtemp(join(tmpdir(), 'batchain-')), true);
  }

  home(name: string): string {
    return join(this.folder, name);
  }

  /** Starts a daemon on loopback and waits for its `ready` line. */
  async start(options: StartOptions): Promise<Daemon> {
    const home = this.home(options.name);
    await mkdir(home, { recursive: true, mode: 0o700 });
    const joins = (options.join ?? this.daemons.slice(0, 1).map((daemon) => daemon.kad)).flatMap((address) => ['--join', address]);
    const args = ['start', '--foreground', '--json', '--home', home, '--host', '127.0.0.1', '--kad-port', '0', '--bat-port', '0'];
    const rest = [
      '--offer',
      options.offer ?? '4GiB',
      '--keep-free',
      '0',
      '--no-lan-discovery',
      '--profile',
      'demo',
      ...joins,
      ...(options.args ?? []),
    ];
    const runner = options.runner ?? [];
    const { env, onSpawn } = options;
    const daemon = await launchDaemon({ name: options.name, home, runner, args: [...args, ...rest], env, onSpawn });
    this.daemons.push(daemon);
    return daemon;
  }

  /** `count` hosts named host1, host2, ... */
  async startHosts(count: number, offer = '4GiB'): Promise<Daemon[]> {
    const hosts: Daemon[] = [];
    for (let i = 1; i <= count; i++) hosts.push(await this.start({ name: `host${i}`, offer }));
    return hosts;
  }

  /** Ends what still runs; a temporary folder goes with it. */
  async close(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.kill(signal)));
    if (this.#isTemporary) await rm(this.folder, { recursive: true, force: true });
  }
}
