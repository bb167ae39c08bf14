// driven: the DatagramSocket port over the simulated network.
import { assert, present } from '../core/assert.ts';
import { BatChainError } from '../core/errors.ts';
import type { Address } from '../net/address.ts';
import type { DatagramHandler, DatagramSocket } from '../net/datagram-socket.ts';
import type { SimEndpoint, SimHost } from './sim-host.ts';

export interface SimDatagramSocketOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** One of the host's addresses, or the unspecified one (`0.0.0.0`, the default) for all of them. */
  readonly address?: string;
}

const isUnspecified = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** A socket of a simulated host. Not to be opened again after close. */
export class SimDatagramSocket implements DatagramSocket, SimEndpoint {
  readonly #host: SimHost;
  readonly #options: SimDatagramSocketOptions;
  #handler: DatagramHandler | undefined;
  #local: Address | undefined;

  constructor(host: SimHost, options: SimDatagramSocketOptions = {}) {
    this.#host = host;
    this.#options = options;
  }

  async open(onDatagram: DatagramHandler): Promise<void> {
    assert(this.#local === undefined, 'a socket is opened once');
    const address = this.#options.address ?? '0.0.0.0';
    const asked = this.#options.port ?? 0;
    assert(isUnspecified(address) || this.#host.addresses.includes(address), `${address} is an address of ${this.#host.name}`);
    const port = this.#host.bind('udp', asked, this);
    if (port === undefined) throw new BatChainError('BAT_E_PORT_IN_USE', { what: `UDP port ${asked} of ${this.#host.name} is taken` });
    this.#handler = onDatagram;
    this.#local = { host: address, port };
  }

  get localAddress(): Address {
    return present(this.#local, 'a socket has an address once it is open');
  }

  send(bytes: Uint8Array, to: Address): void {
    if (this.#handler === undefined || this.#local === undefined) return;
    const { host, port } = this.#local;
    const from = isUnspecified(host) ? this.#sourceFor(to) : host;
    this.#host.network.sendDatagram(this.#host, { host: from, port }, to, bytes);
  }

  async close(): Promise<void> {
    if (this.#local !== undefined) this.#host.unbind('udp', this.#local.port, this);
    this.#handler = undefined;
  }

  abandon(): void {
    this.#handler = undefined;
  }

  /** Whether it is bound to this address; asked by the network. */
  accepts(to: Address): boolean {
    return this.#local !== undefined && (isUnspecified(this.#local.host) || this.#local.host === to.host);
  }

  /** A datagram arrives; called by the network. */
  receive(bytes: Uint8Array, from: Address): void {
    this.#handler?.(bytes, from);
  }

  #sourceFor(to: Address): string {
    const isV6 = to.host.includes(':');
    return this.#host.addresses.find((address) => address.includes(':') === isV6) ?? (this.#host.addresses[0] as string);
  }
}
