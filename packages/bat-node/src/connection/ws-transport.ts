// driven: Dialer and Listener over WebSockets (RFC 6455) in TLS 1.3, over TCP of their own or over a given stream.
import type { IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  type Address,
  type Connection,
  type Dialer,
  type DialFailure,
  type DialOptions,
  equalBytes,
  fail,
  formatAddress,
  isDialable,
  type KeyPair,
  type Listener,
  makeAddress,
  type NodeId,
  ok,
  type PeerIdentity,
  present,
  type Result,
  type Runtime,
} from '@batchain/shared';
import { WebSocket, WebSocketServer } from 'ws';
import { HANDSHAKE_TIMEOUT_MS, UPGRADE_HEADER_BYTES_MAX } from '../limits.ts';
import { ADMISSION_LIMITS, Admission, type AdmissionLimits, type AdmissionRefusal, type AdmissionTicket } from './admission.ts';
import { CopyBuffers } from './copy-buffers.ts';
import { listenError } from './listen-error.ts';
import { provedPeer, tlsIdentityOptions } from './tls-identity.ts';
import {
  createUpgradeServer,
  dialFailure,
  type HttpsOptions,
  judgePeer,
  makeConnection,
  openInTime,
  ownFacts,
  type PathFacts,
  remoteOf,
  SOCKET_OPTIONS,
  UPGRADE_PATH,
} from './ws-upgrade.ts';

/** What is known of a stream that leads to a peer before a byte went over it. */
export interface StreamFacts extends PathFacts {
  readonly expected: NodeId;
}

export interface WsDialerConfig {
  /** Addresses of our own interfaces now: they decide which private addresses may be dialled. */
  readonly ownHosts: () => readonly string[];
}

/** Opens WebSockets in TLS 1.3; the peer's key is compared before a byte of ours follows the handshake. */
export class WsDialer implements Dialer {
  readonly #runtime: Runtime;
  readonly #keyPair: KeyPair;
  readonly #config: WsDialerConfig;
  readonly #tls: ReturnType<typeof tlsIdentityOptions>;
  readonly #copies = new CopyBuffers();

  constructor(runtime: Runtime, keyPair: KeyPair, config: WsDialerConfig) {
    this.#runtime = runtime;
    this.#keyPair = keyPair;
    this.#config = config;
    this.#tls = tlsIdentityOptions(keyPair);
  }

  dial(address: Address, expected: NodeId | undefined, options: DialOptions): Promise<Result<Connection, DialFailure>> {
    if (!isDialable(address, this.#config.ownHosts())) return Promise.resolve(fail('not-dialable', formatAddress(address)));
    if (options.signal?.aborted === true) return Promise.resolve(fail('aborted'));
    const stream = connectTls({ ...this.#tls, host: address.host, port: address.port });
    stream.setNoDelay(true);
    return this.#open(stream, expected, address, () => ownFacts(stream), options);
  }

  /**
   * The same over a stream that leads to the peer already: TLS 1.3 as its client, both keys checked, then the upgrade. The
   * other end answers with `WsListener.acceptOver`. The stream belongs to the connection from now on, and is destroyed on failure.
   */
  dialOver(stream: Duplex, facts: StreamFacts, options: DialOptions): Promise<Result<Connection, DialFailure>> {
    // What a stream says when it fails while TLS does not listen to it yet, or no longer, must not end the process.
    stream.on('error', () => undefined);
    if (stream.destroyed || options.signal?.aborted === true) return openInTime(this.#runtime, stream, options, () => undefined);
    const secure = connectTls({ ...this.#tls, socket: stream });
    return this.#open(secure, facts.expected, facts.remoteAddress, () => facts, options);
  }

  #open(
    stream: TLSSocket,
    expected: NodeId | undefined,
    to: Address | undefined,
    facts: () => PathFacts,
    options: DialOptions,
  ): Promise<Result<Connection, DialFailure>> {
    return openInTime(this.#runtime, stream, options, (settle) => {
      stream.once('secureConnect', () => {
        const peer = judgePeer(stream, this.#keyPair.nodeId, expected);
        if (!peer.ok) {
          settle(peer);
          return;
        }
        const socket = new WebSocket(`ws://${to === undefined ? 'peer' : formatAddress(to)}${UPGRADE_PATH}`, {
          ...SOCKET_OPTIONS,
          createConnection: () => stream,
          // TLS already hides the bytes from caches and proxies, which is all a mask is for; zero spares a pass over them.
          generateMask: (mask) => mask.fill(0),
        });
        socket.on('error', (error) => settle(dialFailure(error)));
        socket.once('unexpected-response', (_request, response) => settle(fail('refused', `status ${response.statusCode}`)));
        socket.once('open', () =>
          settle(ok(makeConnection(socket, stream, this.#copies, { ...facts(), peer: peer.value, isInitiator: true }))),
        );
      });
    });
  }
}

export interface WsListenerConfig {
  /** `0.0.0.0` or `::` for all interfaces. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly limits?: Partial<AdmissionLimits>;
}

/** A TCP connection until its peer has said something: `cancelTimer` ends the deadline for the upgrade. */
interface Arrival {
  readonly socket: Socket;
  readonly ticket: AdmissionTicket;
  readonly cancelTimer: () => void;
  isIdentified: boolean;
}

/** How far it has come: a socket that sends nothing is the first to give way. */
const progressOf = ({ socket, isIdentified }: Arrival): number => (isIdentified ? 2 : socket.bytesRead > 0 ? 1 : 0);

const arrivalName = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;

/** Accepts WebSockets in TLS 1.3 from peers that showed an Ed25519 certificate; not to be listened with again after close. */
export class WsListener implements Listener {
  readonly #runtime: Runtime;
  readonly #keyPair: KeyPair;
  readonly #config: WsListenerConfig;
  readonly #tls: HttpsOptions;
  readonly #admission: Admission;
  /** Accepts; the other two never listen themselves, they are given what was admitted. */
  readonly #tcp: TcpServer;
  readonly #https: HttpsServer;
  readonly #upgrades: WebSocketServer;
  readonly #open = new Set<Duplex>();
  /** Oldest first. */
  readonly #arrivals = new Map<string, Arrival>();
  readonly #peers = new WeakMap<object, PeerIdentity>();
  readonly #copies = new CopyBuffers();
  #onConnection: (connection: Connection) => void = () => undefined;
  #local: Address | undefined;

  constructor(runtime: Runtime, keyPair: KeyPair, config: WsListenerConfig) {
    this.#runtime = runtime;
    this.#keyPair = keyPair;
    this.#config = config;
    this.#admission = new Admission({ ...ADMISSION_LIMITS, ...config.limits });
    this.#tcp = createTcpServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#tls = { ...tlsIdentityOptions(keyPair), maxHeaderSize: UPGRADE_HEADER_BYTES_MAX };
    this.#https = createUpgradeServer(this.#tls);
    this.#https.prependListener('secureConnection', (stream: TLSSocket) => this.#prove(stream));
    this.#https.on('tlsClientError', (_error, stream: TLSSocket) => stream.destroy());
    this.#https.on('upgrade', (request: IncomingMessage, stream: TLSSocket, head: Buffer) => this.#upgrade(request, stream, head));
    this.#upgrades = new WebSocketServer({ ...SOCKET_OPTIONS, noServer: true, clientTracking: false, path: UPGRADE_PATH });
  }

  /** Rejects with BAT_E_PORT_IN_USE or BAT_E_LISTEN_FAILED. */
  listen(onConnection: (connection: Connection) => void): Promise<void> {
    this.#onConnection = onConnection;
    const { host, port } = this.#config;
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => reject(listenError(error, { host, port }));
      this.#tcp.once('error', onError);
      this.#tcp.listen({ host, port }, () => {
        this.#tcp.off('error', onError);
        // Failing to accept (out of descriptors) costs that connection only.
        this.#tcp.on('error', (error) => this.#runtime.log.warn('bat.ws.accept-failed', { error }));
        const bound = this.#tcp.address();
        if (bound !== null && typeof bound === 'object') this.#local = makeAddress(bound.address, bound.port);
        resolve();
      });
    });
  }

  get localAddress(): Address {
    return present(this.#local, 'a listener has an address once it listens');
  }

  /**
   * The other end of `WsDialer.dialOver`: resolves with the connection, which is not handed to `onConnection`. Works whether or
   * not this listens, and counts among no limit of arrivals: the stream is there because this node wanted it. The stream belongs
   * to the connection from now on, and is destroyed on failure.
   */
  acceptOver(
    stream: Duplex,
    facts: StreamFacts,
    options: DialOptions = { timeoutMs: HANDSHAKE_TIMEOUT_MS },
  ): Promise<Result<Connection, DialFailure>> {
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    return openInTime(this.#runtime, stream, options, (settle) => {
      // A server of its own, which never listens: its events are those of this stream, whatever kind of stream it is.
      const server = createUpgradeServer(this.#tls);
      let peer: Result<PeerIdentity, DialFailure> = fail('wrong-identity', 'no certificate');
      server.prependListener('secureConnection', (secure: TLSSocket) => {
        peer = judgePeer(secure, this.#keyPair.nodeId, facts.expected);
        if (!peer.ok) settle(peer);
      });
      server.on('tlsClientError', (error: Error) => settle(dialFailure(error)));
      server.on('upgrade', (request: IncomingMessage, secure: TLSSocket, head: Buffer) => {
        if (!peer.ok) return;
        const all = { ...facts, peer: peer.value, isInitiator: false };
        this.#upgrades.handleUpgrade(request, secure, head, (socket) => settle(ok(makeConnection(socket, secure, this.#copies, all))));
      });
      server.emit('connection', stream);
    });
  }

  /** Stops accepting and ends every connection that came in here. */
  close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    return new Promise((resolve) => {
      if (this.#tcp.listening) this.#tcp.close(() => resolve());
      else resolve();
    });
  }

  #accept(socket: Socket): void {
    const remote = remoteOf(socket);
    const ticket = remote === undefined ? 'host' : this.#admit(remote.host);
    if (typeof ticket === 'string') {
      this.#runtime.log.debug('bat.ws.limit', { remote: remote?.host, open: this.#admission.open });
      socket.destroy();
      return;
    }
    // One deadline for the TLS handshake and the upgrade, however slowly either comes.
    const timer = this.#runtime.clock.setTimer(HANDSHAKE_TIMEOUT_MS, () => socket.destroy());
    const name = arrivalName(socket);
    this.#arrivals.set(name, { socket, ticket, cancelTimer: () => timer.cancel(), isIdentified: false });
    this.#open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      timer.cancel();
      ticket.release();
      this.#open.delete(socket);
      this.#arrivals.delete(name);
    });
    this.#https.emit('connection', socket);
  }

  #admit(host: string): AdmissionTicket | AdmissionRefusal {
    const ticket = this.#admission.admit(host);
    return ticket === 'all' && this.#dropArrival() ? this.#admission.admit(host) : ticket;
  }

  /** Ends the oldest of those that have come least far; false when there is none. */
  #dropArrival(): boolean {
    let least: Arrival | undefined;
    for (const arrival of this.#arrivals.values()) {
      if (least === undefined || progressOf(arrival) < progressOf(least)) least = arrival;
    }
    least?.ticket.release();
    least?.socket.destroy();
    return least !== undefined;
  }

  #prove(stream: TLSSocket): void {
    const peer = provedPeer(stream);
    const arrival = this.#arrivals.get(arrivalName(stream));
    if (peer === undefined || arrival === undefined || equalBytes(peer.nodeId, this.#keyPair.nodeId)) {
      stream.destroy();
      return;
    }
    arrival.isIdentified = true;
    this.#peers.set(stream, peer);
  }

  #upgrade(request: IncomingMessage, stream: TLSSocket, head: Buffer): void {
    const peer = this.#peers.get(stream);
    const arrival = this.#arrivals.get(arrivalName(stream));
    if (peer === undefined || arrival === undefined) {
      stream.destroy();
      return;
    }
    this.#upgrades.handleUpgrade(request, stream, head, (socket) => {
      arrival.cancelTimer();
      socket.once('message', () => {
        arrival.ticket.markProved();
        this.#arrivals.delete(arrivalName(stream));
      });
      this.#onConnection(makeConnection(socket, stream, this.#copies, { ...ownFacts(stream), peer, isInitiator: false }));
    });
  }
}
