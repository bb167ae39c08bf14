// driven: one participant of the sample network: a process of its own, on loopback, with a home of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DaemonReady } from '@batchain/participant';
import { type HomePaths, homePaths, LocalApiClient, systemSurroundings } from '@batchain/participant/client';
import { BatChainError, type Clock, present, second } from '@batchain/shared';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** What a node said last, for the error when it does not start. */
const LOG_CHARS_MAX = 4000;
/** A node that ends in good order takes a second. */
const END_TIMEOUT_MS: number = 10 * second;

export interface SampleNodeOptions {
  readonly name: string;
  readonly home: string;
  /** `0` for the owner. */
  readonly offer: string;
  readonly join: readonly string[];
}

export class SampleNode {
  readonly name: string;
  readonly paths: HomePaths;
  readonly client: LocalApiClient;
  readonly ready: DaemonReady;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  private constructor(options: SampleNodeOptions, paths: HomePaths, ready: DaemonReady, child: ChildProcess, exited: Promise<void>) {
    this.name = options.name;
    this.paths = paths;
    this.client = new LocalApiClient(paths.controlPath);
    this.ready = ready;
    this.#child = child;
    this.#exited = exited;
  }

  /** Resolves when the node is ready. Throws BAT_E_INTERNAL with what it said when it ends before. */
  static async start(options: SampleNodeOptions, signal: AbortSignal): Promise<SampleNode> {
    const { name, home, offer, join } = options;
    const bind = ['--host', '127.0.0.1', '--kad-port', '0', '--bat-port', '0'];
    const rest = [
      '--offer',
      offer,
      '--keep-free',
      '0',
      '--name',
      name,
      '--network',
      'batchain-sample',
      '--no-lan-discovery',
      '--profile',
      'demo',
    ];
    const joins = join.flatMap((address) => ['--join', address]);
    // A person's settings are for the person's own node.
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('BATCHAIN_')));
    const child = spawn(
      process.execPath,
      [...process.execArgv, MAIN, 'start', '--foreground', '--json', '--home', home, ...bind, ...rest, ...joins],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env,
      },
    );
    let said = '';
    present(child.stderr, 'a piped child').on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(-LOG_CHARS_MAX);
    });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const onAbort = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', onAbort, { once: true });
    const lines = createInterface({ input: present(child.stdout, 'a piped child') });
    const first = await Promise.race([new Promise<string>((resolve) => lines.once('line', resolve)), exited]);
    signal.removeEventListener('abort', onAbort);
    signal.throwIfAborted();
    const line = JSON.parse(first ?? '{}') as { readonly type?: string; readonly what?: string; readonly why?: string } & DaemonReady;
    if (line.type === 'ready') return new SampleNode(options, homePaths(home, systemSurroundings({})), line, child, exited);
    child.kill('SIGKILL');
    throw new BatChainError('BAT_E_INTERNAL', {
      what: `${name} did not start`,
      why: line.what === undefined ? said : `${line.what}: ${line.why}`,
    });
  }

  /** Ends the process, by force when it takes longer than 10 s; resolves when it is gone. */
  async end(clock: Clock, signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    const late = clock.setTimer(END_TIMEOUT_MS, () => this.#child.kill('SIGKILL'));
    await this.#exited;
    late.cancel();
  }
}
