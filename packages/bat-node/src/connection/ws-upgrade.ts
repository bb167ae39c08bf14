// driven: what both ends of a WebSocket in TLS share: options, whose key it is, a connection in time, names of failures.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer, type ServerOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import {
  type Address,
  CONNECTION_MESSAGE_BYTES_MAX,
  type Connection,
  type ConnectionPath,
  type DialFailure,
  type DialOptions,
  equalBytes,
  fail,
  isPrivateHost,
  makeAddress,
  type NodeId,
  ok,
  type PeerIdentity,
  type Result,
  type Runtime,
  shortId,
} from '@batchain/shared';
import type { WebSocket } from 'ws';
import { CLOSE_TIMEOUT_MS, MESSAGE_PIECES_MAX } from '../limits.ts';
import type { CopyBuffers } from './copy-buffers.ts';
import { bindingOf, provedPeer } from './tls-identity.ts';
import { type MessageSocket, WsConnection } from './ws-connection.ts';

export const UPGRADE_PATH = '/batchain';

/** Options of `ws` at both ends. */
export const SOCKET_OPTIONS = {
  closeTimeout: CLOSE_TIMEOUT_MS,
  maxBufferedChunks: MESSAGE_PIECES_MAX,
  // A message is one frame.
  maxFragments: 1,
  maxPayload: CONNECTION_MESSAGE_BYTES_MAX,
  maxPendingAutoPongs: 4,
  perMessageDeflate: false,
  skipUTF8Validation: true,
} as const;

const DIAL_FAILURES: Readonly<Record<string, DialFailure>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  EPIPE: 'refused',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
};

/** The name of what a socket failed with. */
export function dialFailure(error: Error & { readonly code?: string }): Result<never, DialFailure> {
  // The listener closes without an answer when a limit is reached, and an upgrade that was refused reads as a hang-up.
  const isHangUp = error.message.includes('hang up') || error.message.includes('disconnected before secure');
  return fail(DIAL_FAILURES[error.code ?? ''] ?? (isHangUp ? 'refused' : 'error'), error.message);
}

/** Way and far end of a connection, as users are shown them. */
export interface PathFacts {
  readonly path: ConnectionPath;
  /** Undefined when what carries the stream has none, or another's. */
  readonly remoteAddress: Address | undefined;
}

export function remoteOf(socket: {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): Address | undefined {
  return socket.remoteAddress === undefined ? undefined : makeAddress(socket.remoteAddress, socket.remotePort ?? 0);
}

/** Those of a socket that goes straight to the peer. */
export function ownFacts(stream: TLSSocket): PathFacts {
  const remoteAddress = remoteOf(stream);
  return { path: remoteAddress !== undefined && isPrivateHost(remoteAddress.host) ? 'lan' : 'direct', remoteAddress };
}

export function makeConnection(
  socket: WebSocket,
  stream: TLSSocket,
  copies: CopyBuffers,
  facts: PathFacts & { readonly peer: PeerIdentity; readonly isInitiator: boolean },
): WsConnection {
  const { path, remoteAddress, peer, isInitiator } = facts;
  return new WsConnection(socket as MessageSocket, stream, copies, { path, remoteAddress, peer, isInitiator, binding: bindingOf(stream) });
}

/** Who is at the other end of a finished handshake, when it is a peer, another than we, and the expected one. */
export function judgePeer(stream: TLSSocket, own: NodeId, expected: NodeId | undefined): Result<PeerIdentity, DialFailure> {
  const peer = provedPeer(stream);
  if (peer === undefined) return fail('wrong-identity', 'no Ed25519 certificate');
  if (equalBytes(peer.nodeId, own)) return fail('wrong-identity', 'this node itself');
  if (expected !== undefined && !equalBytes(peer.nodeId, expected)) {
    return fail('wrong-identity', `${shortId(peer.nodeId)} instead of ${shortId(expected)}`);
  }
  return ok(peer);
}

export type Settle = (result: Result<Connection, DialFailure>) => void;

/**
 * Waits for a connection that comes into being over `stream`: until `begin` settles it, the stream ends, the signal aborts or the
 * time is over. A stream without a connection is destroyed.
 */
export function openInTime(
  runtime: Runtime,
  stream: Duplex,
  options: DialOptions,
  begin: (settle: Settle) => void,
): Promise<Result<Connection, DialFailure>> {
  const { signal, timeoutMs } = options;
  return new Promise((resolve) => {
    const settle: Settle = (result) => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      if (!result.ok) stream.destroy();
      resolve(result);
    };
    const onAbort = (): void => settle(fail('aborted'));
    const timer = runtime.clock.setTimer(timeoutMs, () => settle(fail('timeout', `${timeoutMs} ms`)));
    stream.on('error', (error) => settle(dialFailure(error)));
    stream.once('close', () => settle(fail('refused', 'closed before it was open')));
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    else if (stream.destroyed) settle(fail('refused', 'closed before it was open'));
    else begin(settle);
  });
}

export type HttpsOptions = ServerOptions;

/** A server that answers no request but the upgrade. Who makes it listens for `upgrade` and `tlsClientError`. */
export function createUpgradeServer(options: HttpsOptions): HttpsServer {
  const server = createHttpsServer(options);
  server.on('clientError', (_error, stream) => stream.destroy());
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(426, { connection: 'close' }).end();
    request.socket.destroySoon();
  });
  return server;
}
