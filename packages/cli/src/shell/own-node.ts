// driven: the node that a shell has for itself where no daemon of the home runs: in this process, behind a control socket like any other.

import type { DaemonReady } from '@batchain/participant';
import {
  type HomePaths,
  homePaths,
  LocalApiClient,
  NODE_SETTINGS,
  resolveSettings,
  systemSurroundings,
  VERSION,
} from '@batchain/participant/client';
import { BatChainError, type Clock, MiB, toBatChainError } from '@batchain/shared';
import { OWN_NODE_START_MS } from './shell-limits.ts';

const LOOPBACK = '127.0.0.1';
/** For lessons, not for files. */
const OFFER_BYTES: number = 256 * MiB;

export interface OwnNodeOptions {
  readonly home: string;
  readonly network: string;
  readonly networkSecretFile: string | undefined;
  /** On all interfaces, and seen on the local network; on loopback alone otherwise. */
  readonly isOnLan: boolean;
}

export class OwnNode {
  readonly client: LocalApiClient;
  readonly ready: DaemonReady;
  readonly paths: HomePaths;
  readonly #ending: AbortController;
  readonly #ended: Promise<unknown>;

  private constructor(paths: HomePaths, ready: DaemonReady, ending: AbortController, ended: Promise<unknown>) {
    this.paths = paths;
    this.client = new LocalApiClient(paths.controlPath);
    this.ready = ready;
    this.#ending = ending;
    this.#ended = ended;
  }

  /** Resolves when it is ready. Rejects with what keeps it from starting. */
  static async start(clock: Clock, options: OwnNodeOptions, signal: AbortSignal): Promise<OwnNode> {
    const paths = homePaths(options.home, systemSurroundings());
    const { values } = resolveSettings(NODE_SETTINGS, {});
    const ending = new AbortController();
    const end = (): void => ending.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    const late = clock.setTimer(OWN_NODE_START_MS, () =>
      ending.abort(new BatChainError('BAT_E_TIMEOUT', { what: 'the node of this shell did not start in time' })),
    );
    const { runDaemon } = await import('@batchain/participant');
    try {
      return await new Promise<OwnNode>((resolve, reject) => {
        const ended = runDaemon({
          paths,
          settings: {
            ...values,
            name: 'shell',
            network: options.network,
            'network-secret-file': options.networkSecretFile,
            host: options.isOnLan ? undefined : LOOPBACK,
            'no-lan-discovery': !options.isOnLan,
            'kad-port': 0,
            'bat-port': 0,
            offer: OFFER_BYTES,
            'keep-free': 0,
            profile: 'demo',
          },
          version: VERSION,
          signal: ending.signal,
          onReady: (ready) => resolve(new OwnNode(paths, ready, ending, ended)),
        });
        ended.then(() => reject(toBatChainError(ending.signal.reason)), reject);
      });
    } finally {
      late.cancel();
      signal.removeEventListener('abort', end);
    }
  }

  /** Resolves when it has ended in good order. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#ended;
  }
}
