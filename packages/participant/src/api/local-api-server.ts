// driven: the local API on a Unix socket that only its owner may open (T17, T18).
import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { BatChainError, type Runtime, type Startable } from '@batchain/shared';
import { ensurePrivateDir } from '../home/private-files.ts';
import {
  API_CONNECTIONS_MAX,
  API_CONNECTIONS_SPARE,
  API_HEADER_BYTES_MAX,
  API_HEADERS_TIMEOUT_MS,
  API_REQUEST_TIMEOUT_MS,
  API_SWEEP_INTERVAL_MS,
  EVENT_READERS_MAX,
  STOP_GRACE_MS,
} from '../limits.ts';
import type { LocalNode } from '../local-node.ts';
import { ConnectionPlaces } from './connection-places.ts';
import { clearControlPath } from './control-socket.ts';
import { EventLog } from './event-log.ts';
import { JobTable } from './job-table.ts';
import { readBody } from './request-body.ts';
import { RequestError } from './request-error.ts';
import { judgeRequest } from './request-guard.ts';
import { type ApiReply, matchRoute, queryOf, type Route } from './router.ts';
import { createRoutes } from './routes.ts';
import { emptyBody } from './schema-parts.ts';
import { sendBytes, sendEvents, sendFailure, sendJob, sendJson, sendProblem } from './send-reply.ts';
import { type ServeHttp, serveRoutes } from './serve-routes.ts';

export interface LocalApiOptions {
  /** Unix socket, or named pipe on Windows. */
  readonly controlPath: string;
  /** Called once when a client asks the daemon to stop. */
  readonly onStopRequest: () => void;
  /** Opens storage over HTTP; without it there is no such route. */
  readonly serveHttp?: ServeHttp;
}

/** Serves one participant. A socket file that lies there is taken over when it is dead, never from a process that listens. */
export class LocalApiServer implements Startable {
  readonly #runtime: Runtime;
  readonly #node: LocalNode;
  readonly #options: LocalApiOptions;
  readonly #jobs: JobTable;
  readonly #events = new EventLog();
  readonly #places = new ConnectionPlaces(API_CONNECTIONS_MAX);
  readonly #routes: readonly Route[];
  #server: Server | undefined;
  #unfollow: () => void = () => undefined;

  constructor(runtime: Runtime, node: LocalNode, options: LocalApiOptions) {
    this.#runtime = runtime;
    this.#node = node;
    this.#options = options;
    this.#jobs = new JobTable(runtime);
    this.#routes = [
      ...createRoutes(node, this.#jobs, options.onStopRequest),
      ...(options.serveHttp === undefined ? [] : serveRoutes(options.serveHttp)),
    ];
  }

  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const { controlPath } = this.#options;
    const isFile = process.platform !== 'win32';
    if (isFile) {
      ensurePrivateDir(dirname(controlPath));
      await clearControlPath(controlPath);
    }
    const server = createServer({
      headersTimeout: API_HEADERS_TIMEOUT_MS,
      requestTimeout: API_REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: API_SWEEP_INTERVAL_MS,
      maxHeaderSize: API_HEADER_BYTES_MAX,
    });
    server.maxConnections = API_CONNECTIONS_MAX + API_CONNECTIONS_SPARE;
    server.on('connection', (socket: Socket) => this.#places.take(socket));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch((error: unknown) => sendFailure(this.#runtime, response, error));
    });
    // No route changes protocols.
    for (const event of ['upgrade', 'connect']) server.on(event, (_request: IncomingMessage, socket: Socket) => refuseSocket(socket, 403));
    server.on('clientError', (_error: Error, socket: Socket) => refuseSocket(socket, 400));
    await listen(server, controlPath);
    this.#server = server;
    if (isFile) chmodSync(controlPath, 0o600);
    this.#unfollow = this.#node.onEvent((event) => this.#events.add(event, this.#runtime.clock.nowMs()));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    this.#unfollow();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#events.end();
    await Promise.race([this.#jobs.stop(), this.#runtime.clock.sleep(STOP_GRACE_MS)]);
    server.closeIdleConnections();
    await Promise.race([closed, this.#runtime.clock.sleep(API_SWEEP_INTERVAL_MS)]);
    server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? '';
    const refusal = judgeRequest({ method, headers: request.headers });
    if (refusal !== undefined) {
      this.#runtime.log.warn('api.request.refused', { method, what: refusal.what });
      sendProblem(response, refusal);
      return;
    }
    const { socket } = request;
    if (!this.#places.isTaken(socket)) throw busy(`${API_CONNECTIONS_MAX} requests are in work already`);
    const match = matchRoute(this.#routes, method, request.url ?? '');
    if (match.kind === 'no-path') {
      sendProblem(response, new RequestError(404, 'there is nothing at this path'));
      return;
    }
    if (match.kind === 'no-method') {
      response.setHeader('allow', match.allow.join(', '));
      sendProblem(response, new RequestError(405, `${method} is not used at this path`));
      return;
    }
    const body = await readBody(request, match.route.body ?? emptyBody);
    this.#places.begin(socket);
    response.once('close', () => this.#places.end(socket));
    await this.#send(
      response,
      await match.route.handle({ params: match.params, body, headers: request.headers, query: queryOf(request.url ?? '') }),
    );
  }

  async #send(response: ServerResponse, reply: ApiReply): Promise<void> {
    switch (reply.kind) {
      case 'json':
        sendJson(response, 200, reply.body);
        break;
      case 'job':
        sendJob(this.#runtime, this.#jobs, response, reply);
        break;
      case 'bytes':
        await sendBytes(this.#jobs, response, reply);
        break;
      case 'events':
        if (this.#events.readerCount >= EVENT_READERS_MAX) throw busy(`${EVENT_READERS_MAX} event streams are open already`);
        sendEvents(response, this.#events, reply.lastId);
        break;
    }
  }
}

function busy(what: string): BatChainError {
  return new BatChainError('BAT_E_DAEMON_BUSY', { what, isRetryable: true });
}

function refuseSocket(socket: Socket, status: number): void {
  // A second answer behind one that was sent would only confuse.
  if (socket.writable && socket.bytesWritten === 0)
    socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.destroySoon();
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new BatChainError('BAT_E_HOME_UNUSABLE', {
          what: `the control socket ${path} can not be opened`,
          why: error.message,
          cause: error,
        }),
      ),
    );
    server.listen(path, resolve);
  });
}
