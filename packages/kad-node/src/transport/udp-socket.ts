// driven: the DatagramSocket port over node:dgram; its only importer.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import {
  type Address,
  assert,
  BatChainError,
  type DatagramHandler,
  type DatagramSocket,
  makeAddress,
  plainBytes,
  present,
} from '@batchain/shared';
import { UDP_BUFFER_BYTES } from '../limits.ts';

export interface UdpSocketOptions {
  /**
   * IP literal to bind. `::`, the default, takes IPv6 and IPv4 at once, and IPv4 alone where the machine has no IPv6;
   * `0.0.0.0` takes IPv4 alone.
   */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Node may say either when a machine has no IPv6. */
const NO_IPV6_CODES = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];
const ANY_IPV6 = '::';
const ANY_IPV4 = '0.0.0.0';

const isIpv6 = (host: string): boolean => host.includes(':');
const nothing = (): void => undefined;
/** Hosts are IP literals already: no name is ever looked up, and none waits a turn of the event loop. */
const asIs = (host: string, _options: unknown, done: (error: null, address: string, family: number) => void): void =>
  done(null, host, isIpv6(host) ? 6 : 4);

/** A UDP socket. Not to be opened again after close. */
export class UdpSocket implements DatagramSocket {
  readonly #options: Required<UdpSocketOptions>;
  #socket: Socket | undefined;
  #local: Address | undefined;
  #isClosed = false;
  /** IPv4 destinations are written `::ffff:a.b.c.d`. */
  #isDualStack = false;

  constructor(options: UdpSocketOptions) {
    this.#options = { host: ANY_IPV6, ...options };
  }

  /** Rejects with BAT_E_PORT_IN_USE or BAT_E_LISTEN_FAILED. */
  async open(onDatagram: DatagramHandler): Promise<void> {
    assert(this.#socket === undefined && !this.#isClosed, 'a socket is opened once');
    const { host, port } = this.#options;
    let socket: Socket;
    try {
      socket = await bind(host, port);
    } catch (error) {
      if (host !== ANY_IPV6 || !NO_IPV6_CODES.includes(codeOf(error))) throw bindError(error, host, port);
      socket = await bind(ANY_IPV4, port).catch((again: unknown) => {
        throw bindError(again, ANY_IPV4, port);
      });
    }
    if (this.#isClosed) {
      socket.close();
      return;
    }
    const bound = socket.address();
    this.#isDualStack = bound.address === ANY_IPV6;
    this.#local = present(makeAddress(bound.address, bound.port), 'a bound socket has an IP address');
    this.#socket = socket;
    enlargeBuffers(socket);
    // Errors of single datagrams (an unreachable host, on some systems) concern nobody: the peer is just silent.
    socket.on('error', nothing);
    socket.on('message', (message, source) => {
      const from = addressOf(source);
      if (from !== undefined && !this.#isClosed) onDatagram(plainBytes(message), from);
    });
  }

  get localAddress(): Address {
    return present(this.#local, 'a socket has an address once it is open');
  }

  send(bytes: Uint8Array, to: Address): void {
    if (this.#socket === undefined || to.port === 0) return;
    const host = this.#isDualStack && !isIpv6(to.host) ? `::ffff:${to.host}` : to.host;
    // Without a callback, which would cost a turn of its own: what fails at once comes as an error of the socket.
    this.#socket.send(bytes, to.port, host);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}

const MAPPED_PREFIX = '::ffff:';

/** The system writes IPv4 addresses in their only form, inside IPv6 ones of a socket for both too. */
function addressOf({ address, port }: RemoteInfo): Address | undefined {
  const ipv4At = address.startsWith(MAPPED_PREFIX) && address.includes('.') ? MAPPED_PREFIX.length : 0;
  if (ipv4At > 0 || !isIpv6(address)) return { host: address.slice(ipv4At), port };
  return makeAddress(address.split('%')[0] as string, port);
}

function bind(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const isV6 = isIpv6(host);
    const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 && host !== ANY_IPV6, lookup: asIs });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** As far as the system lets us: a full buffer loses datagrams while the event loop is busy. */
function enlargeBuffers(socket: Socket): void {
  for (const set of [() => socket.setRecvBufferSize(UDP_BUFFER_BYTES), () => socket.setSendBufferSize(UDP_BUFFER_BYTES)]) {
    try {
      set();
    } catch {
      // Some systems refuse what is above their limit instead of taking their limit; theirs stays then.
    }
  }
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? '';

function bindError(error: unknown, host: string, port: number): BatChainError {
  const what = `UDP port ${port} on ${host} cannot be opened`;
  if (codeOf(error) === 'EADDRINUSE') return new BatChainError('BAT_E_PORT_IN_USE', { what, cause: error, details: { host, port } });
  return new BatChainError('BAT_E_LISTEN_FAILED', { what, why: codeOf(error), cause: error, details: { host, port } });
}
