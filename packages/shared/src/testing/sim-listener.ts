// driven: the Listener port over the simulated network.
import { assert, present } from '../core/assert.ts';
import { BatChainError } from '../core/errors.ts';
import type { Address } from '../net/address.ts';
import type { Connection, Listener, PeerIdentity } from '../net/connection.ts';
import type { SimConnection } from './sim-connection.ts';
import type { SimEndpoint, SimHost } from './sim-host.ts';

export interface SimListenerOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Shown as the bound host; it accepts at all addresses of the host. */
  readonly address?: string;
}

/** Accepts connections at a port of a simulated host. Not to be listened with again after close. */
export class SimListener implements Listener, SimEndpoint {
  readonly identity: PeerIdentity;
  readonly #host: SimHost;
  readonly #options: SimListenerOptions;
  readonly #open = new Set<SimConnection>();
  #onConnection: ((connection: Connection) => void) | undefined;
  #local: Address | undefined;

  constructor(host: SimHost, identity: PeerIdentity, options: SimListenerOptions = {}) {
    this.#host = host;
    this.identity = identity;
    this.#options = options;
  }

  /** Rejects with BAT_E_PORT_IN_USE. */
  async listen(onConnection: (connection: Connection) => void): Promise<void> {
    assert(this.#local === undefined, 'a listener listens once');
    const asked = this.#options.port ?? 0;
    const port = this.#host.bind('tcp', asked, this);
    if (port === undefined) throw new BatChainError('BAT_E_PORT_IN_USE', { what: `TCP port ${asked} of ${this.#host.name} is taken` });
    this.#onConnection = onConnection;
    this.#local = { host: this.#options.address ?? '0.0.0.0', port };
  }

  get localAddress(): Address {
    return present(this.#local, 'a listener has an address once it listens');
  }

  /** Stops accepting and ends every connection that came in here. */
  async close(): Promise<void> {
    if (this.#local !== undefined) this.#host.unbind('tcp', this.#local.port, this);
    this.#onConnection = undefined;
    for (const connection of this.#open) connection.destroy();
  }

  abandon(): void {
    this.#onConnection = undefined;
  }

  get isListening(): boolean {
    return this.#onConnection !== undefined;
  }

  /** A peer finished its handshake; called by the dialer. */
  accept(connection: SimConnection): void {
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
    this.#onConnection?.(connection);
  }
}
