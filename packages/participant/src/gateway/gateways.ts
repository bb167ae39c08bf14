// driven: the HTTP gateways of one daemon: opened by `start` or by a job, each with its token, closed together.
import { BatChainError, isLoopbackHost, makeAddress, type Runtime } from '@batchain/shared';
import type { ServedHttp } from '../api/serve-routes.ts';
import type { ServeHttpBody } from '../api/serve-schemas.ts';
import { GATEWAYS_MAX } from '../limits.ts';
import { type GatewayNode, HttpGateway } from './http-gateway.ts';
import { IncomingFiles } from './incoming-files.ts';
import { ensureTokenFile, readTokenFile } from './token-file.ts';

export interface GatewaysConfig {
  /** Folder for bodies on their way to the peers. */
  readonly incomingDir: string;
  /** Where a token is kept when none is named. */
  readonly tokenFile: string;
  /** See `keep-free`. */
  readonly keepFreeBytes: number | undefined;
  /** All addresses of this machine now. */
  readonly ownHosts: () => readonly string[];
}

export class Gateways {
  readonly #runtime: Runtime;
  readonly #node: GatewayNode;
  readonly #config: GatewaysConfig;
  readonly #incoming: IncomingFiles;
  readonly #open = new Set<HttpGateway>();

  constructor(runtime: Runtime, node: GatewayNode, config: GatewaysConfig) {
    this.#runtime = runtime;
    this.#node = node;
    this.#config = config;
    this.#incoming = new IncomingFiles(runtime, config.incomingDir, config.keepFreeBytes);
  }

  /** Throws BAT_E_PORT_IN_USE, BAT_E_LISTEN_FAILED, BAT_E_CONFIG for a token file that can not be used, BAT_E_DAEMON_BUSY. */
  async open({ host: wanted, port, tokenFile: named }: ServeHttpBody): Promise<ServedHttp> {
    const host = makeAddress(wanted, port)?.host;
    if (host === undefined) throw new BatChainError('BAT_E_BAD_REQUEST', { what: `${JSON.stringify(wanted)} is no IP address` });
    if (this.#open.size >= GATEWAYS_MAX)
      throw new BatChainError('BAT_E_DAEMON_BUSY', { what: `${GATEWAYS_MAX} HTTP gateways are open already`, fix: 'close one of them' });
    const tokenFile = named ?? (isLoopbackHost(host) ? undefined : this.#config.tokenFile);
    const token =
      tokenFile === undefined ? undefined : named === undefined ? ensureTokenFile(tokenFile, this.#runtime.entropy) : readTokenFile(named);
    const parts = { node: this.#node, incoming: this.#incoming, ownHosts: this.#config.ownHosts };
    const gateway = new HttpGateway(this.#runtime, parts, { host, port, token });
    this.#open.add(gateway);
    try {
      await gateway.start();
    } catch (error) {
      this.#open.delete(gateway);
      throw error;
    }
    return {
      ready: { url: gateway.url, host, port: gateway.address.port, tokenFile: tokenFile ?? null },
      close: async () => {
        this.#open.delete(gateway);
        await gateway.stop();
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#open].map((gateway) => gateway.stop()));
    this.#open.clear();
  }
}
