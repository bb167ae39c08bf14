// driven: storage over HTTP: values and files of one participant for plain HTTP clients (SH-05, BD-56), on loopback or behind a token.
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { BatNodeApi } from '@batchain/bat-node';
import {
  type Address,
  BatChainError,
  formatAddress,
  isPrivateHost,
  makeAddress,
  type Runtime,
  type Startable,
  systemReason,
} from '@batchain/shared';
import { ConnectionPlaces } from '../api/connection-places.ts';
import {
  GATEWAY_CONNECTIONS_MAX,
  GATEWAY_CONNECTIONS_PER_HOST_MAX,
  GATEWAY_CONNECTIONS_SPARE,
  GATEWAY_HEADER_BYTES_MAX,
  GATEWAY_HEADERS_TIMEOUT_MS,
  GATEWAY_KEEP_ALIVE_MS,
  GATEWAY_REQUESTS_MAX,
  GATEWAY_SWEEP_INTERVAL_MS,
  STOP_GRACE_MS,
} from '../limits.ts';
import type { ValuesApi } from '../values/values-api.ts';
import { Exchange } from './exchange.ts';
import { FileAnswers } from './file-answers.ts';
import { GatewayError } from './gateway-error.ts';
import { type GuardRules, isEveryInterface, judgeOrigin, judgeToken } from './gateway-guard.ts';
import { type GatewayTarget, parseTarget } from './gateway-target.ts';
import type { IncomingFiles } from './incoming-files.ts';
import { Places } from './places.ts';
import { ValueAnswers } from './value-answers.ts';

/** The participant behind it. */
export interface GatewayNode {
  readonly files: Pick<BatNodeApi, 'list' | 'upload' | 'downloadStream' | 'release'>;
  readonly values: ValuesApi;
}

export interface GatewayParts {
  readonly node: GatewayNode;
  readonly incoming: IncomingFiles;
  /** All addresses of this machine now. */
  readonly ownHosts: () => readonly string[];
}

export interface GatewayConfig {
  /** IP address to listen on. */
  readonly host: string;
  /** 0 = any. */
  readonly port: number;
  /** Needed where others than this machine can connect. */
  readonly token: string | undefined;
}

export class HttpGateway implements Startable {
  readonly #runtime: Runtime;
  readonly #config: GatewayConfig;
  readonly #files: FileAnswers;
  readonly #values: ValueAnswers;
  readonly #places = new ConnectionPlaces(GATEWAY_CONNECTIONS_MAX);
  readonly #requests = new Places(GATEWAY_REQUESTS_MAX, 'requests');
  readonly #exchanges = new Set<Exchange>();
  /** Connections of hosts outside private ranges. */
  readonly #perHost = new Map<string, number>();
  #server: Server | undefined;
  #rules: GuardRules;
  #answered = 0;

  constructor(runtime: Runtime, parts: GatewayParts, config: GatewayConfig) {
    this.#runtime = runtime;
    this.#config = config;
    this.#files = new FileAnswers(parts.node.files, parts.incoming);
    this.#values = new ValueAnswers(parts.node.values, parts.incoming);
    this.#rules = { bound: { host: config.host, port: config.port }, ownHosts: parts.ownHosts, token: config.token };
  }

  /** Where it listens. */
  get address(): Address {
    return this.#rules.bound;
  }

  /** Where a client on this machine finds it. */
  get url(): string {
    const { host, port } = this.address;
    return `http://${formatAddress({ host: isEveryInterface(host) ? '127.0.0.1' : host, port })}/`;
  }

  /** Throws BAT_E_PORT_IN_USE, BAT_E_LISTEN_FAILED. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({
      headersTimeout: GATEWAY_HEADERS_TIMEOUT_MS,
      // A body may take as long as it keeps its pace.
      requestTimeout: 0,
      keepAliveTimeout: GATEWAY_KEEP_ALIVE_MS,
      connectionsCheckingInterval: GATEWAY_SWEEP_INTERVAL_MS,
      maxHeaderSize: GATEWAY_HEADER_BYTES_MAX,
    });
    server.maxConnections = GATEWAY_CONNECTIONS_MAX + GATEWAY_CONNECTIONS_SPARE;
    server.on('connection', (socket: Socket) => this.#welcome(socket));
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.on(event, (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
    for (const event of ['upgrade', 'connect']) server.on(event, (_request: IncomingMessage, socket: Socket) => refuseSocket(socket, 403));
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      refuseSocket(socket, STATUS_BY_FAULT[error.code ?? ''] ?? 400),
    );
    await listen(server, this.#config);
    const bound = server.address();
    const { host } = this.#config;
    this.#rules = { ...this.#rules, bound: { host, port: typeof bound === 'object' && bound !== null ? bound.port : this.#config.port } };
    this.#server = server;
    this.#runtime.log.info('http.started', { address: formatAddress(this.address), hasToken: this.#config.token !== undefined });
  }

  /** Cancels what is in work; connections end. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    for (const exchange of this.#exchanges) exchange.abort(new BatChainError('BAT_E_NODE_STOPPED', { what: 'the gateway was closed' }));
    await Promise.race([closed, this.#runtime.clock.sleep(STOP_GRACE_MS)]);
    server.closeAllConnections();
    await closed;
    this.#runtime.log.info('http.stopped', { answered: this.#answered });
  }

  #welcome(socket: Socket): void {
    const host = remoteHost(socket);
    if (host === undefined) return void socket.destroy();
    if (!isPrivateHost(host)) {
      const count = this.#perHost.get(host) ?? 0;
      if (count >= GATEWAY_CONNECTIONS_PER_HOST_MAX) return void socket.destroy();
      this.#perHost.set(host, count + 1);
      socket.once('close', () => {
        const left = (this.#perHost.get(host) ?? 1) - 1;
        if (left > 0) this.#perHost.set(host, left);
        else this.#perHost.delete(host);
      });
    }
    this.#places.take(socket);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, log } = this.#runtime;
    const startedMs = clock.monotonicMs();
    const { socket } = request;
    const exchange = new Exchange(this.#runtime, request, response);
    this.#exchanges.add(exchange);
    this.#places.begin(socket);
    try {
      await this.#answer(exchange);
    } catch (error) {
      await exchange.problem(error).catch(() => response.destroy());
    } finally {
      this.#exchanges.delete(exchange);
      this.#places.end(socket);
      this.#answered++;
      // Names and keys are the user's own.
      log.info('http.request', { method: exchange.method, status: exchange.status, ms: Math.round(clock.monotonicMs() - startedMs) });
    }
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { request } = exchange;
    if ((request.headersDistinct.host?.length ?? 0) > 1) throw new GatewayError(400, { what: 'the request bears Host more than once' });
    const refusal = judgeOrigin(request.headers, this.#rules);
    if (refusal !== undefined) throw refusal;
    const target = this.#targetOf(exchange);
    if (target?.area === 'health') return exchange.json(200, { ok: true });
    const leave = this.#requests.take();
    try {
      if (!this.#places.isTaken(request.socket)) throw busy();
      if (this.#server === undefined) throw new BatChainError('BAT_E_NODE_STOPPED', { what: 'the gateway was closed' });
      if (target?.area === 'kv') await this.#values.answer(exchange, target);
      else if (target?.area === 'files') await this.#files.answer(exchange, target);
      else throw new GatewayError(404, { what: 'there is nothing at this path', why: 'known: /health, /kv/ and /files/' });
    } finally {
      leave();
    }
  }

  /** What is asked for, of somebody who may ask for it. */
  #targetOf(exchange: Exchange): GatewayTarget | undefined {
    const { request, method } = exchange;
    const path = request.url?.split('?')[0] ?? '';
    if (path !== '/health') {
      const refusal = judgeToken(request.headers.authorization, remoteHost(request.socket), this.#rules);
      if (refusal !== undefined) throw refusal;
    }
    if (request.headers.expect !== undefined && request.headers.expect.toLowerCase() !== '100-continue')
      throw new GatewayError(417, { what: 'that expectation is not met here' });
    const target = parseTarget(request.url ?? '');
    const allow = target === undefined ? undefined : this.#methodsOf(target);
    if (allow === undefined || allow.includes(method)) return target;
    throw new GatewayError(
      405,
      { what: `${method} is not used at this path`, why: `used: ${allow.join(', ')}` },
      { allow: allow.join(', ') },
    );
  }

  #methodsOf({ area, name }: GatewayTarget): readonly string[] {
    if (area === 'health') return ['GET', 'HEAD'];
    if (area === 'kv') return this.#values.methods(name);
    return this.#files.methods(name);
  }
}

/** What Node's parser says of a request that is none; all else is 400. */
const STATUS_BY_FAULT: Readonly<Record<string, number>> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };

const busy = (): GatewayError =>
  new GatewayError(503, { what: `${GATEWAY_CONNECTIONS_MAX} connections are in work already`, fix: 'ask again later' });

/** In canonical form; a zone of IPv6 tells nothing. */
function remoteHost(socket: Socket): string | undefined {
  return makeAddress(socket.remoteAddress?.replace(/%.*$/, '') ?? '', 0)?.host;
}

function refuseSocket(socket: Socket, status: number): void {
  // A second answer behind one that was sent would only confuse.
  if (socket.writable && socket.bytesWritten === 0)
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.destroySoon();
}

function listen(server: Server, { host, port }: GatewayConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new BatChainError(error.code === 'EADDRINUSE' ? 'BAT_E_PORT_IN_USE' : 'BAT_E_LISTEN_FAILED', {
          what: `can not listen for HTTP on ${formatAddress({ host, port })}`,
          why: systemReason(error),
          fix: 'choose another port or address for HTTP (port 0 = any)',
          cause: error,
        }),
      ),
    );
    server.listen({ host, port }, resolve);
  });
}
