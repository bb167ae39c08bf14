// pure: Connection, Dialer and Listener ports: ordered, reliable, authenticated message channels between BatNodes.

import type { Result } from '../core/result.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Address } from './address.ts';

/** How a connection was made; shown to users. */
export type ConnectionPath = 'lan' | 'direct' | 'reverse' | 'punched' | 'relayed';

export interface PeerIdentity {
  readonly nodeId: NodeId;
  /** Raw 32-byte Ed25519 key; nodeId is its SHA-256 and was proved in the handshake. */
  readonly publicKey: Uint8Array;
}

export interface CloseReason {
  /** `local`, `remote`, `protocol-error`, `timeout`, `wrong-network`, `replaced`, `limit`, `error`. */
  readonly reason: string;
  readonly detail?: string;
}

/** An ordered, reliable, encrypted channel of messages, authenticated to a node id at both ends. */
export interface Connection {
  readonly peer: PeerIdentity;
  /** 32 bytes that only the two ends of this very connection know (TLS exporter); proofs are bound to it. */
  readonly binding: Uint8Array;
  /** Shown to users; who made the connection may correct it before it is handed out. */
  path: ConnectionPath;
  readonly remoteAddress: Address | undefined;
  /** True at the end that dialled. */
  readonly isInitiator: boolean;
  /** Bytes accepted by send() and not yet handed to the network. */
  readonly bufferedBytes: number;
  /**
   * Sends one message of at most CONNECTION_MESSAGE_BYTES_MAX. The bytes must not be changed afterwards.
   * Resolves when the buffer is below its high-water mark again: awaiting it is the back-pressure.
   * Rejects when the connection is closed.
   */
  send(message: Uint8Array): Promise<void>;
  /**
   * Like send(head + body), mostly without a copy of the body. Shared memory may be changed when it resolves or the connection
   * has ended, any other body never. Absent where the adapter would copy anyway.
   */
  sendParts?(head: Uint8Array, body: Uint8Array): Promise<void>;
  /** Set once, before the first message can arrive (in the same tick as the connection is handed out). */
  onMessage(handler: (message: Uint8Array) => void): void;
  /** Stops reading from the network (true) or goes on (false). */
  pause(isPaused: boolean): void;
  close(reason: string): void;
  /** Resolves once, when the connection has ended at either end. */
  readonly closed: Promise<CloseReason>;
}

export type DialFailure = 'timeout' | 'refused' | 'unreachable' | 'wrong-identity' | 'not-dialable' | 'aborted' | 'error';

export interface DialOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs: number;
}

export interface Dialer {
  /** Opens a connection to `address` whose peer proved `expected`; any proved id when undefined. */
  dial(address: Address, expected: NodeId | undefined, options: DialOptions): Promise<Result<Connection, DialFailure>>;
}

export interface Listener {
  /** Starts to listen; `onConnection` gets only authenticated connections. */
  listen(onConnection: (connection: Connection) => void): Promise<void>;
  readonly localAddress: Address;
  close(): Promise<void>;
}
