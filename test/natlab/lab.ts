// The NAT laboratory for tests: one lab of network namespaces, real daemons in it, and its knobs.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { homePaths, LocalApiClient, systemSurroundings } from '@batchain/participant/client';
import { CLI_PATH, type Daemon, launchDaemon } from '../../demos/lib/local-network.ts';
import { isLabAddress } from './lab-addresses.ts';

/** The script itself: `natlab help` lists its verbs, README.md tells more. */
export const NATLAB: string = fileURLToPath(new URL('natlab', import.meta.url));

const SKIP_STATUS = 77;
const STATE_ROOT = '/run/natlab';
/** The public daemons of every `pair:` and `same:` topology, as all others join them. */
export const PUBLIC_KADS: readonly string[] = ['203.0.113.10:4870', '198.51.100.20:4870'];
/** Joining takes up to 8 s where a member does not answer, on a machine that has other things to do. */
const READY_WITHIN_MS = 40_000;
/** Of each log, when a test has failed. */
const LOG_CHARS = 4_000;
const VERB_LIMIT_MS = 60_000;

const run = promisify(execFile);

/**
 * Why no lab can be built here, told once on stdout; undefined when one can. Throws where a test run must not pass without
 * its labs: as root in CI.
 */
export function labObstacle(): string | undefined {
  const check = spawnSync(NATLAB, ['check'], { encoding: 'utf8' });
  if (check.status === 0) return undefined;
  const why = check.stderr.trim() || String(check.error);
  const isMust = process.env.CI === 'true' && process.getuid?.() === 0;
  if (check.status !== SKIP_STATUS || isMust) throw new Error(`the NAT laboratory must run here and cannot: ${why}`);
  process.stdout.write(`  SKIPPED: no NAT laboratory: ${why}\n`);
  return why;
}

let labCount = 0;
const standing = new Set<Lab>();

/** `t-PID-N`: one that a killed process left behind is known by the process that is gone. */
const nextName = (): string => `t-${process.pid}-${++labCount}`;

function removeAbandoned(): void {
  for (const name of existsSync(STATE_ROOT) ? readdirSync(STATE_ROOT) : []) {
    const pid = /^t-(\d+)-\d+$/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    spawnSync(NATLAB, ['down'], { env: { ...process.env, NATLAB_LAB: name } });
  }
}

/** The last resort of a process that ends without having taken its labs down. */
process.on('exit', () => {
  for (const lab of standing) spawnSync(NATLAB, ['down'], { env: lab.env });
});

export interface LabNode {
  readonly name: string;
  readonly kind: 'public' | 'nat' | 'host';
  readonly type: string;
  /** The router it stands behind; `inet` for the internet itself. */
  readonly via: string;
  readonly addr: string;
  /** The address that the internet sees. */
  readonly outside: string;
  readonly netns: string;
}

/** What one node sent to another, seen at `upstream`: the router it stands behind, or `inet`. */
export interface Flow {
  readonly upstream: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly packets: number;
  readonly bytes: number;
}

export interface LabDaemonOptions {
  /** `0` by default: hosts nothing. */
  readonly offer?: string;
  /** The two public daemons by default. */
  readonly join?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Verbs of the script that change a running lab; see its README. */
export type Knob =
  | 'cut'
  | 'heal'
  | 'unplug'
  | 'plug'
  | 'drop'
  | 'restore'
  | 'partition'
  | 'join'
  | 'loss'
  | 'delay'
  | 'rate'
  | 'block-udp'
  | 'unblock-udp'
  | 'rule'
  | 'norules'
  | 'expire'
  | 'timeout'
  | 'flip'
  | 'retype'
  | 'forward'
  | 'unforward';

export class Lab implements AsyncDisposable {
  readonly name: string;
  /** Homes of the daemons and files of the test; goes with the lab. */
  readonly folder: string;
  readonly #daemons = new Map<string, Daemon>();
  #down: Promise<void> | undefined;

  private constructor(name: string, folder: string) {
    this.name = name;
    this.folder = folder;
  }

  /**
   * Builds a lab: `pair:linux,symmetric`, `same:linux`, the name of a topology, or the text of one (with newlines). Several may
   * stand at once, in one process and in many.
   */
  static async up(topology: string): Promise<Lab> {
    if (!existsSync(CLI_PATH)) throw new Error('the command line is not built: npm run build');
    if (labCount === 0) removeAbandoned();
    const lab = new Lab(nextName(), await mkdtemp(join(tmpdir(), 'natlab-')));
    standing.add(lab);
    try {
      if (topology.includes('\n')) execFileSync(NATLAB, ['up', '-'], { env: lab.env, input: topology, stdio: ['pipe', 'ignore', 'pipe'] });
      else await lab.natlab('up', topology);
      await lab.watch();
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  /** With it the script, and programs that call it, mean this lab. */
  get env(): NodeJS.ProcessEnv {
    return { ...process.env, NATLAB_LAB: this.name };
  }

  /** Calls the script for this lab; what it prints. Throws with what it complained of. */
  async natlab(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(NATLAB, args, { env: this.env, timeout: VERB_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  }

  /** Turns a knob: `turn('expire', 'ra1')`, `turn('delay', 'a', 50)`; what the script prints, the new address of a `flip`. */
  turn(knob: Knob, ...args: readonly (string | number)[]): Promise<string> {
    return this.natlab(knob, ...args.map(String));
  }

  async nodes(): Promise<readonly LabNode[]> {
    const { nodes } = JSON.parse(await this.natlab('json')) as { readonly nodes: readonly LabNode[] };
    return nodes;
  }

  /** Routers between a peer and the internet, the inner one first: `ra1`, `ra2` for `a`, `r` in a `same:` lab. */
  async routersOf(node: string): Promise<readonly string[]> {
    const byName = new Map((await this.nodes()).map((one) => [one.name, one]));
    const routers: string[] = [];
    for (let at = byName.get(node)?.via; at !== undefined && at !== 'inet'; at = byName.get(at)?.via) routers.push(at);
    return routers;
  }

  // Daemons

  home(node: string): string {
    return join(this.folder, node);
  }

  /** Starts the daemon of a node, in its namespace; a second start keeps the home, so identity, files and shards. */
  async start(node: string, options: LabDaemonOptions = {}): Promise<Daemon> {
    const home = this.home(node);
    await mkdir(home, { recursive: true, mode: 0o700 });
    const joins = (options.join ?? PUBLIC_KADS).flatMap((address) => ['--join', address]);
    const common = ['start', '--foreground', '--json', '--home', home, '--keep-free', '0', '--offer', options.offer ?? '0'];
    const daemon = await launchDaemon({
      name: node,
      home,
      runner: [NATLAB, 'exec', node],
      args: [...common, ...joins, ...(options.args ?? [])],
      env: { ...options.env, NATLAB_LAB: this.name },
      readyWithinMs: READY_WITHIN_MS,
    });
    this.#daemons.set(node, daemon);
    return daemon;
  }

  /** The two public participants of a `pair:` or `same:` lab: they relay and store nothing, one is reached on port 443. */
  async startPublic(): Promise<readonly Daemon[]> {
    const [first = '', second = ''] = PUBLIC_KADS;
    const hostOf = (address: string): string => address.slice(0, address.indexOf(':'));
    const kad1 = await this.start('kad1', { join: [], args: ['--host', hostOf(first), '--relay', '--bat-port', '443'] });
    const kad2 = await this.start('kad2', { join: [first], args: ['--host', hostOf(second), '--relay'] });
    return [kad1, kad2];
  }

  daemon(node: string): Daemon {
    const daemon = this.#daemons.get(node);
    if (daemon === undefined) throw new Error(`no daemon was started on ${node}`);
    return daemon;
  }

  /** Speaks to the daemon of a node through its socket, which no namespace hides. */
  client(node: string): LocalApiClient {
    return new LocalApiClient(homePaths(this.home(node), systemSurroundings()).controlPath);
  }

  /** What the daemons complained of and wrote down last, for a failed test. */
  async logs(): Promise<string> {
    const all = [...this.#daemons].map(async ([node, daemon]) => {
      const log = await readFile(join(this.home(node), 'log', 'batchain.log'), 'utf8').catch(() => '');
      return `--- ${node}\n${daemon.log().slice(-LOG_CHARS)}${log.slice(-LOG_CHARS)}`;
    });
    return (await Promise.all(all)).join('\n');
  }

  // Counting

  /** Counts anew what every node sends, before routers and knobs touch it; from the beginning of the lab it is counted anyway. */
  async watch(): Promise<void> {
    await this.natlab('watch');
  }

  async traffic(): Promise<readonly Flow[]> {
    const lines = (await this.natlab('traffic')).split('\n').filter((line) => line !== '');
    return lines.map((line) => {
      const [upstream = '', from = '', to = '', protocol = '', packets, bytes] = line.split(' ');
      return { upstream, from, to, protocol, packets: Number(packets), bytes: Number(bytes) };
    });
  }

  /** What was sent to or from an address that is not of the lab: nothing, unless a program is at fault. */
  async strayTraffic(): Promise<readonly Flow[]> {
    return (await this.traffic()).filter(({ from, to }) => !isLabAddress(from) || !isLabAddress(to));
  }

  // End

  /** Ends the daemons and every process in the lab, and removes it and its folder. */
  down(): Promise<void> {
    this.#down ??= this.#takeDown();
    return this.#down;
  }

  async #takeDown(): Promise<void> {
    await Promise.all([...this.#daemons.values()].map((daemon) => daemon.kill()));
    await this.natlab('down');
    standing.delete(this);
    await rm(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down();
  }
}
