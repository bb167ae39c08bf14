// pure: the KadRpc port: what lookups and handlers need of the wire. SessionRpc is its adapter over a DatagramSocket.
import type { Address, NodeId, Result } from '@batchain/shared';
import type { CompactContact, KadRequest, KadResponse } from '../wire/messages.ts';

/** A peer whose key and address were proved to us within a live session. Its id is never part of a datagram: it may be kept. */
export interface ProvedPeer {
  readonly nodeId: NodeId;
  readonly address: Address;
}

export type RpcFailure =
  | 'timeout'
  /** Another id answered at that address. */
  | 'wrong-identity'
  | 'wrong-network'
  | 'unsupported-version'
  | 'malformed-reply'
  | 'refused'
  | 'busy'
  /** No try went out: where nobody has answered yet, an IP gets few first packets (T8). */
  | 'held-back'
  | 'not-dialable'
  /** No live session with that node, and the request may go in one only. */
  | 'no-session'
  | 'aborted'
  | 'stopped';

export interface RpcReply {
  readonly peer: ProvedPeer;
  readonly response: KadResponse;
  readonly rttMs: number;
  /** Our address as the peer saw it. */
  readonly observedAddress: Address;
  /** True when the peer has seen our datagrams come from there; false when it is where the peer dialled us. */
  readonly isWitness: boolean;
  /** The peer says that it is a client: not to be entered in tables. */
  readonly isClient: boolean;
}

export interface RpcOptions {
  readonly signal?: AbortSignal;
  /** How often to try at most; 3 by default. */
  readonly tries?: number;
  /**
   * Whether to show a peer met for the first time that our id is ours, so that it may enter us in its table; true by
   * default. False spares both sides a signature when only the answer matters.
   */
  readonly introduce?: boolean;
  /** False: in a session that is live already or not at all, so that nothing goes to an address that is not proved. True by default. */
  readonly opensSession?: boolean;
  /** Asked before each datagram of a request in a session; false leaves this try out, and it counts. */
  readonly maySend?: () => boolean;
  /** The user, or nobody but us, chose the address: a first exchange is not held back for the sake of whoever is there. */
  readonly isOurChoice?: boolean;
}

/** The session with a proved peer that was heard from last. */
export interface LiveSession {
  readonly address: Address;
  /** The last valid datagram from the peer, on the monotonic clock. */
  readonly heardMs: number;
}

/** An inbound request that was decoded and belongs to a session. */
export interface RpcRequest {
  readonly peer: CompactContact;
  /** True once the asker's own signature over the transcript was checked: needed to enter a table, to store, to be brokered. */
  readonly isProved: boolean;
  /** The asker says that it is a client: not to be entered in tables. */
  readonly isClient: boolean;
  readonly request: KadRequest;
}

export type RpcHandler = (request: RpcRequest) => KadResponse;

export interface KadRpc {
  /** Sends a request and waits for its answer: session set-up, retries and adaptive time-outs included; never throws. */
  request(to: Address, expected: NodeId | undefined, request: KadRequest, options?: RpcOptions): Promise<Result<RpcReply, RpcFailure>>;
  /** Called for every inbound request; set once before open. */
  onRequest(handler: RpcHandler): void;
  /** Sends one probe datagram outside any session: to whom we have one with, or one who asks has. False when it may not go there now (T8). */
  sendProbe(to: Address, nonce: Uint8Array): boolean;
  /** Called for every probe datagram; whoever sent it is not proved. */
  onProbe(handler: (nonce: Uint8Array, from: Address) => void): void;
  /** Whether we have a session with this IP, or are about to: then a NAT may let in what comes from there. */
  hasSentTo(host: string): boolean;
  /** Called when an inbound asker has become proved: a candidate for the routing table, unless it is a client. */
  onProved(handler: (peer: ProvedPeer, isClient: boolean) => void): void;
  /** Asked at each datagram what we are to the peer there, a server or a client; set once before open. By default a server. */
  decideRole(isServerFor: (to: Address) => boolean): void;
  /** Looks at all sessions. */
  sessionWith(nodeId: NodeId): LiveSession | undefined;
  open(): Promise<void>;
  close(): Promise<void>;
  readonly localAddress: Address;
}
