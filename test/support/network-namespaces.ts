// driven: network namespaces of a test's own, joined by virtual cables; Linux and root only. Nothing in them reaches any other network.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** Why none can be made here; undefined when they can. */
export function namespaceObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `bat${process.pid}try`;
  const made = spawnSync('ip', ['netns', 'add', name]);
  if (made.status !== 0) return `ip netns add: ${made.error?.message ?? made.stderr.toString().trim()}`;
  spawnSync('ip', ['netns', 'delete', name]);
  return undefined;
}

function ip(...args: string[]): void {
  const { status, error, stderr } = spawnSync('ip', args);
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.toString().trim()}`);
}

/** All that was made and started in it is gone after `close`. */
export class NetworkNamespaces {
  readonly #prefix: string;
  readonly #names: string[] = [];
  readonly #children: ChildProcess[] = [];
  #cables = 0;

  /** `title` sets labs of one process apart; a few letters. */
  constructor(title: string) {
    this.#prefix = `bat${process.pid}${title}`;
  }

  /** A machine without any network but loopback. Returns the namespace's name. */
  add(machine: string): string {
    const name = `${this.#prefix}-${machine}`;
    ip('netns', 'add', name);
    this.#names.push(name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  /** A cable between two machines; each end has an interface of the given name with the given address, `10.0.0.1/24`. */
  connect(...ends: readonly [machine: string, interfaceName: string, cidr: string][]): void {
    const cable = this.#cables++;
    const links = ends.map((_, i) => `b${process.pid % 1_000_000}c${cable}${'ab'[i]}`);
    ip('link', 'add', links[0] ?? '', 'type', 'veth', 'peer', 'name', links[1] ?? '');
    ends.forEach(([machine, interfaceName, cidr], i) => {
      const name = `${this.#prefix}-${machine}`;
      ip('link', 'set', links[i] ?? '', 'netns', name);
      ip('-n', name, 'link', 'set', links[i] ?? '', 'name', interfaceName);
      ip('-n', name, 'address', 'add', cidr, 'dev', interfaceName);
      ip('-n', name, 'link', 'set', interfaceName, 'up');
    });
  }

  /** `ip` on a machine: routes, further interfaces. */
  configure(machine: string, ...args: string[]): void {
    ip('-n', `${this.#prefix}-${machine}`, ...args);
  }

  /** Runs a program on a machine to its end. Returns what it printed. */
  run(machine: string, command: string, ...args: string[]): string {
    const { status, error, stdout, stderr } = spawnSync('ip', ['netns', 'exec', `${this.#prefix}-${machine}`, command, ...args], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
    return stdout;
  }

  /** Starts a program on a machine; it ends with the lab. stdout is piped, stderr goes to ours. */
  spawn(machine: string, command: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', `${this.#prefix}-${machine}`, command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    // The cables go with the namespaces.
    for (const name of this.#names.splice(0)) spawnSync('ip', ['netns', 'delete', name]);
  }
}

const labs: NetworkNamespaces[] = [];

/** A test file that opens labs closes them with `afterEach(closeLabs)`: a test that timed out never leaves its block. */
export function openLab(title: string): NetworkNamespaces {
  const lab = new NetworkNamespaces(title);
  labs.push(lab);
  return lab;
}

export async function closeLabs(): Promise<void> {
  for (const lab of labs.splice(0)) await lab.close();
}

/** A module of participant for a program on a machine, which runs what was built. */
export const builtParticipant = (path: string): string => new URL(`../../packages/participant/dist/${path}.js`, import.meta.url).href;

/** What a child prints, line by line. */
export function linesOf(child: ChildProcess): Interface {
  if (child.stdout === null) throw new Error('stdout is piped');
  return createInterface({ input: child.stdout });
}
