// driven: TCP simultaneous open (RFC 9293 section 3.5, RFC 5382): both ends dial one another from ports that both know, then TLS.
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import {
  type Address,
  BatChainError,
  type Connection,
  type DialFailure,
  fail,
  formatAddress,
  isDialable,
  type KeyPair,
  makeAddress,
  type NodeId,
  present,
  type Result,
  type Runtime,
} from '@batchain/shared';
import {
  TCP_PUNCH_ADDRESSES_MAX,
  TCP_PUNCH_DIALS_MAX,
  TCP_PUNCH_HANDSHAKE_MS,
  TCP_PUNCH_MS,
  TCP_PUNCH_PAUSE_JITTER_MS,
  TCP_PUNCH_PAUSE_MS,
} from '../limits.ts';
import { type StreamFacts, WsDialer, WsListener } from './ws-transport.ts';
import { dialFailure } from './ws-upgrade.ts';

export interface TcpPunchConfig {
  /** Addresses of our own interfaces now: they decide which private addresses may be dialled. */
  readonly ownHosts: () => readonly string[];
}

export interface TcpPunchOptions {
  readonly signal?: AbortSignal;
  /** For everything up to the connection; SYNs are sent for at most TCP_PUNCH_MS of it. */
  readonly timeoutMs: number;
  /** Waits before each SYN until it may go to the host; false when that is not in time: no more SYNs go there then. */
  readonly beforeSyn?: (host: string) => Promise<boolean>;
}

/** One attempt; `open` at most once. */
export interface PreparedTcpPunch {
  /** The port that our SYNs leave from: what a port-preserving router shows to the other side. */
  readonly localPort: number;
  /**
   * Dials all `remotes` at once from `localPort` while the peer does the same towards us, until one connects: then TLS 1.3 (the
   * caller is its client) with both keys checked, and the upgrade. Of each host one address is tried, of at most
   * TCP_PUNCH_ADDRESSES_MAX hosts. A host sees at most 3 SYNs a second and 10 in all,
   * fewer when `beforeSyn` says so (T8).
   */
  open(
    remotes: readonly Address[],
    peer: NodeId,
    role: 'caller' | 'called',
    options: TcpPunchOptions,
  ): Promise<Result<Connection, DialFailure>>;
  /** Gives the attempt up; a connection that has come of it lives on. */
  close(): void;
}

/** Makes TCP connections between two nodes of which neither can be dialled, where their routers keep the source port. */
export class TcpPuncher {
  readonly #runtime: Runtime;
  readonly #config: TcpPunchConfig;
  readonly #dialer: WsDialer;
  readonly #listener: WsListener;

  constructor(runtime: Runtime, keyPair: KeyPair, config: TcpPunchConfig) {
    this.#runtime = runtime;
    this.#config = config;
    this.#dialer = new WsDialer(runtime, keyPair, config);
    // It never listens; it answers over sockets that are there already.
    this.#listener = new WsListener(runtime, keyPair, { host: '0.0.0.0', port: 0 });
  }

  /** Finds a free local TCP port. Rejects with BAT_E_LISTEN_FAILED when the system has none. */
  async prepare(): Promise<PreparedTcpPunch> {
    const localPort = await freeTcpPort();
    const cancel = new AbortController();
    return {
      localPort,
      open: (remotes, peer, role, options) => {
        const signal = options.signal === undefined ? cancel.signal : AbortSignal.any([options.signal, cancel.signal]);
        return this.#open(localPort, remotes, peer, role, { ...options, signal });
      },
      close: () => cancel.abort(),
    };
  }

  /** Ends the connections in which this end was the called one; those of callers end with their sessions. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  #open(
    localPort: number,
    remotes: readonly Address[],
    peer: NodeId,
    role: 'caller' | 'called',
    options: RunningOptions,
  ): Promise<Result<Connection, DialFailure>> {
    const ownHosts = this.#config.ownHosts();
    const targets = onePerHost(remotes.filter((remote) => isDialable(remote, ownHosts))).slice(0, TCP_PUNCH_ADDRESSES_MAX);
    if (targets.length === 0) return Promise.resolve(fail('not-dialable', remotes.map(formatAddress).join(', ')));
    const startMs = this.#runtime.clock.monotonicMs();
    const secure = (socket: Socket, remote: Address, signal: AbortSignal): Promise<Result<Connection, DialFailure>> => {
      const facts: StreamFacts = { expected: peer, path: 'punched', remoteAddress: remote };
      const leftMs = options.timeoutMs - (this.#runtime.clock.monotonicMs() - startMs);
      const timeoutMs = Math.max(1, Math.min(leftMs, TCP_PUNCH_HANDSHAKE_MS));
      return role === 'caller'
        ? this.#dialer.dialOver(socket, facts, { signal, timeoutMs })
        : this.#listener.acceptOver(socket, facts, { signal, timeoutMs });
    };
    // Two connections may come up at once. The caller secures one at a time, so both ends end with the same one.
    return new PunchRace(this.#runtime, localPort, targets, secure, role === 'caller', options.beforeSyn).run(options);
  }
}

type RunningOptions = TcpPunchOptions & { readonly signal: AbortSignal };
type Secure = (socket: Socket, remote: Address, signal: AbortSignal) => Promise<Result<Connection, DialFailure>>;

/** The SYNs of one attempt, and what comes of them. */
class PunchRace {
  readonly #runtime: Runtime;
  readonly #localPort: number;
  readonly #targets: readonly Address[];
  readonly #secure: Secure;
  readonly #isOneByOne: boolean;
  readonly #beforeSyn: TcpPunchOptions['beforeSyn'];
  readonly #cancel = new AbortController();
  /** Sockets that are not connected yet, or connected and waiting for their turn. */
  readonly #sockets = new Set<Socket>();
  readonly #waiting: { readonly socket: Socket; readonly remote: Address }[] = [];
  #securing = 0;
  #dialling: number;
  #isDone = false;
  #failure: Result<never, DialFailure> = fail('timeout', 'no answer to any SYN');
  #resolve: (result: Result<Connection, DialFailure>) => void = () => undefined;

  constructor(
    runtime: Runtime,
    localPort: number,
    targets: readonly Address[],
    secure: Secure,
    isOneByOne: boolean,
    beforeSyn: TcpPunchOptions['beforeSyn'],
  ) {
    this.#runtime = runtime;
    this.#localPort = localPort;
    this.#targets = targets;
    this.#secure = secure;
    this.#isOneByOne = isOneByOne;
    this.#beforeSyn = beforeSyn;
    this.#dialling = targets.length;
  }

  run({ signal, timeoutMs }: RunningOptions): Promise<Result<Connection, DialFailure>> {
    if (signal.aborted) return Promise.resolve(fail('aborted'));
    return new Promise((resolve) => {
      const onAbort = (): void => this.#finish(fail('aborted'));
      const end = this.#runtime.clock.setTimer(timeoutMs, () => this.#finish(fail('timeout', `${timeoutMs} ms`)));
      const endOfSyns = this.#runtime.clock.setTimer(Math.min(TCP_PUNCH_MS, timeoutMs), () => this.#stopDialling());
      signal.addEventListener('abort', onAbort);
      this.#resolve = (result) => {
        end.cancel();
        endOfSyns.cancel();
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      for (const remote of this.#targets) this.#dialInTurn(remote, 1);
    });
  }

  #dialInTurn(remote: Address, count: number): void {
    const turn = this.#beforeSyn?.(remote.host);
    if (turn === undefined) this.#dial(remote, count);
    else void turn.then((isTurn) => (isTurn ? this.#dial(remote, count) : this.#giveUp()));
  }

  #dial(remote: Address, count: number): void {
    if (this.#isDone || this.#dialling === 0) return;
    const socket = connectTcp({ host: remote.host, port: remote.port, localPort: this.#localPort, noDelay: true });
    this.#sockets.add(socket);
    socket.once('error', (error) => {
      this.#sockets.delete(socket);
      this.#failure = dialFailure(error);
      // A router, or a machine that is not dialling yet, refuses. Both pause a random while, so that they do not miss one another for ever.
      const pauseMs = TCP_PUNCH_PAUSE_MS + this.#runtime.random.below(TCP_PUNCH_PAUSE_JITTER_MS);
      if (count < TCP_PUNCH_DIALS_MAX) this.#runtime.clock.setTimer(pauseMs, () => this.#dialInTurn(remote, count + 1));
      else this.#giveUp();
    });
    socket.once('connect', () => {
      socket.removeAllListeners('error').on('error', () => undefined);
      this.#waiting.push({ socket, remote });
      this.#next();
    });
  }

  #next(): void {
    while (!this.#isDone && (this.#securing === 0 || !this.#isOneByOne)) {
      const connected = this.#waiting.shift();
      if (connected === undefined) return;
      this.#securing += 1;
      this.#sockets.delete(connected.socket);
      this.#secure(connected.socket, connected.remote, this.#cancel.signal).then(
        (result) => this.#settle(result),
        (error: unknown) => this.#settle(fail('error', String(error))),
      );
    }
  }

  #settle(result: Result<Connection, DialFailure>): void {
    this.#securing -= 1;
    if (this.#isDone) {
      if (result.ok) result.value.close('not-needed');
      return;
    }
    if (result.ok) this.#finish(result);
    else {
      this.#failure = result;
      this.#dialling = Math.max(0, this.#dialling - 1);
      this.#next();
      this.#giveUpIfOver();
    }
  }

  /** One target has used up its SYNs. */
  #giveUp(): void {
    this.#dialling = Math.max(0, this.#dialling - 1);
    this.#giveUpIfOver();
  }

  #stopDialling(): void {
    this.#dialling = 0;
    for (const socket of this.#sockets) if (socket.connecting) socket.destroy();
    this.#giveUpIfOver();
  }

  #giveUpIfOver(): void {
    if (this.#dialling === 0 && this.#securing === 0 && this.#waiting.length === 0) this.#finish(this.#failure);
  }

  #finish(result: Result<Connection, DialFailure>): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#cancel.abort();
    for (const socket of this.#sockets) socket.destroy();
    this.#resolve(result);
  }
}

/** The first address of each host: more would make a host that never asked see more SYNs. */
function onePerHost(addresses: readonly Address[]): Address[] {
  const hosts = new Map<string, Address>();
  for (const address of addresses) if (!hosts.has(address.host)) hosts.set(address.host, address);
  return [...hosts.values()];
}

/**
 * A port that the system found free a moment ago. It is not held: an open listener would answer the peer's SYN, and nothing
 * else of this machine is given it while it walks through some 28,000 others.
 */
function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createTcpServer();
    server.once('error', (cause) => reject(new BatChainError('BAT_E_LISTEN_FAILED', { what: 'no free TCP port', cause })));
    server.listen({ host: '0.0.0.0', port: 0 }, () => {
      const bound = server.address();
      const port = bound !== null && typeof bound === 'object' ? makeAddress(bound.address, bound.port)?.port : undefined;
      server.close(() => resolve(present(port, 'a bound server has a port')));
    });
  });
}
