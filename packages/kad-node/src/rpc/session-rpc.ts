// driven: the KadRpc port over a DatagramSocket: requests in authenticated sessions, with retries, limits and deadlines.
import {
  type Address,
  type Crypto,
  type DatagramSocket,
  equalAddress,
  equalBytes,
  fail,
  formatAddress,
  isDialable,
  type NodeId,
  type Runtime,
  type Signer,
  signFor,
  toHex,
} from '@batchain/shared';
import { RPC_TRIES, SESSION_FRESH_MS } from '../limits.ts';
import { encodeProbe, TRANSACTION_ID_BYTES } from '../wire/envelope.ts';
import { encodeRequest } from '../wire/message-codecs.ts';
import type { KadRequest } from '../wire/messages.ts';
import { type NetworkConfig, networkKey } from '../wire/network.ts';
import { REQUEST_BYTES_MAX, type SessionDatagram } from '../wire/session-datagram.ts';
import { Call, type RpcResult } from './call.ts';
import { DatagramRouter } from './datagram-router.ts';
import { FirstPackets, type StrangerBudget } from './first-packets.ts';
import { HelloAnswerer } from './hello-answerer.ts';
import type { KadRpc, LiveSession, ProvedPeer, RpcHandler, RpcOptions } from './kad-rpc.ts';
import { PendingRequests } from './pending-requests.ts';
import { RATE_LIMITS, RateLimiter, type RateLimits } from './rate-limiter.ts';
import { RequestServer } from './request-server.ts';
import { EphemeralKeys, type RpcContext } from './rpc-context.ts';
import { emptyRpcStats, type RpcStats } from './rpc-stats.ts';
import { RttEstimator } from './rtt-estimator.ts';
import type { Session } from './session.ts';
import { SessionOpener } from './session-opener.ts';
import { SessionTable, type SessionTableLimits } from './session-table.ts';

export interface SessionRpcConfig {
  readonly network: NetworkConfig;
  /** Addresses of our own interfaces, asked before each dial to a private address. */
  readonly ownHosts: () => readonly string[];
  readonly rateLimits?: RateLimits;
  readonly sessionLimits?: SessionTableLimits;
  /** Waiting requests of ours; PENDING_REQUESTS_MAX by default. */
  readonly pendingMax?: number;
  /** Asked before each datagram to a public IP at which nobody has answered; what it does not cover is left out (T8). */
  readonly strangerBudget?: StrangerBudget;
}

const NO_MESSAGE = new Uint8Array(0);

/**
 * Sends and answers Kad requests. Opens a session with each peer by one signed exchange (HELLO, WELCOME) and then pays a
 * keyed hash per datagram. Not to be opened again after close. docs/spec/kad-wire.md is its specification.
 */
export class SessionRpc implements KadRpc {
  readonly #runtime: Runtime;
  readonly #socket: DatagramSocket;
  readonly #config: SessionRpcConfig;
  readonly #context: RpcContext;
  readonly #server: RequestServer;
  readonly #firstPackets: FirstPackets;
  readonly #opener: SessionOpener;
  readonly #router: DatagramRouter;
  readonly #pending: PendingRequests<Call>;
  #onProbe: (nonce: Uint8Array, from: Address) => void = () => undefined;
  #onProved: (peer: ProvedPeer, isClient: boolean) => void = () => undefined;
  #isServerFor: (to: Address) => boolean = () => true;
  /** Where a peer last said that it sees us. */
  #observed: Address | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(runtime: Runtime, socket: DatagramSocket, signer: Signer, crypto: Crypto, config: SessionRpcConfig) {
    this.#runtime = runtime;
    this.#socket = socket;
    this.#config = config;
    this.#context = {
      runtime,
      signer,
      crypto,
      networkKey: networkKey(config.network),
      ephemeralKeys: new EphemeralKeys(runtime, crypto),
      sessions: new SessionTable(config.sessionLimits),
      rtt: new RttEstimator(),
      stats: emptyRpcStats(),
      isClientTo: (to) => !this.#isServerFor(to),
      send: (bytes, to) => this.#socket.send(bytes, to),
      observed: (address) => {
        if (this.#observed === undefined || !equalAddress(this.#observed, address)) this.#observed = address;
        return this.#observed;
      },
    };
    const limiter = new RateLimiter(runtime.clock.monotonicMs(), config.rateLimits ?? RATE_LIMITS);
    this.#server = new RequestServer(runtime, this.#context.stats);
    this.#firstPackets = new FirstPackets(config.strangerBudget);
    this.#opener = new SessionOpener(this.#context, this.#firstPackets, {
      onReady: (call, session) => this.#sendIn(session, call),
      onSilent: (session) => this.#introduce(session),
    });
    this.#pending = new PendingRequests(config.pendingMax);
    const answerer = new HelloAnswerer(this.#context, limiter, this.#server);
    this.#router = new DatagramRouter(
      { context: this.#context, limiter, server: this.#server, answerer, opener: this.#opener },
      {
        ownHosts: config.ownHosts,
        onResponse: (session, datagram, nowMs) => this.#onResponse(session, datagram, nowMs),
        onLost: (session) => this.#onLost(session),
        onProbe: (nonce, from) => this.#onProbe(nonce, from),
        onProved: (peer, isClient) => this.#onProved(peer, isClient),
      },
    );
  }

  get localAddress(): Address {
    return this.#socket.localAddress;
  }

  /** A copy. */
  get stats(): Readonly<RpcStats> {
    return { ...this.#context.stats };
  }

  /** What is held now; each has its limit. */
  get load(): { readonly sessions: number; readonly halfOpen: number; readonly pending: number } {
    const { sessions } = this.#context;
    return { sessions: sessions.liveCount, halfOpen: sessions.halfOpenCount, pending: this.#pending.size };
  }

  onRequest(handler: RpcHandler): void {
    this.#server.setHandler(handler);
  }

  onProved(handler: (peer: ProvedPeer, isClient: boolean) => void): void {
    this.#onProved = handler;
  }

  sendProbe(to: Address, nonce: Uint8Array): boolean {
    if (this.#state !== 'open' || !this.#firstPackets.takeProbe(to, this.#runtime.clock.monotonicMs())) return false;
    this.#socket.send(encodeProbe(nonce), to);
    return true;
  }

  onProbe(handler: (nonce: Uint8Array, from: Address) => void): void {
    this.#onProbe = handler;
  }

  hasSentTo(host: string): boolean {
    return this.#context.sessions.hasHost(host) || this.#opener.isOpeningTo(host);
  }

  decideRole(isServerFor: (to: Address) => boolean): void {
    this.#isServerFor = isServerFor;
  }

  sessionWith(nodeId: NodeId): LiveSession | undefined {
    const session = this.#context.sessions.withPeer(nodeId, this.#runtime.clock.monotonicMs());
    return session === undefined ? undefined : { address: session.peer.address, heardMs: session.heardMs };
  }

  async open(): Promise<void> {
    await this.#socket.open((bytes, from) => {
      if (this.#state === 'open') this.#router.onDatagram(bytes, from);
    });
    if (this.#state === 'new') this.#state = 'open';
  }

  /** All waiting requests fail with `stopped`. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#opener.stop();
    for (const call of this.#pending.all()) call.fail('stopped');
    await this.#socket.close();
  }

  request(to: Address, expected: NodeId | undefined, request: KadRequest, options: RpcOptions = {}): Promise<RpcResult> {
    // One promise per request, which the call resolves: an async function would add two and three turns.
    return new Promise((resolve) => {
      const refusal = this.#start(to, expected, request, options, resolve);
      if (refusal !== undefined) resolve(refusal);
    });
  }

  #isOurselves(to: Address, expected: NodeId | undefined): boolean {
    const { nodeId } = this.#context.signer;
    return (expected !== undefined && equalBytes(expected, nodeId)) || equalAddress(to, this.#socket.localAddress);
  }

  /** Begins the call that resolves it, or tells why there is none. */
  #start(
    to: Address,
    expected: NodeId | undefined,
    request: KadRequest,
    options: RpcOptions,
    resolve: (result: RpcResult) => void,
  ): RpcResult | undefined {
    const { signal } = options;
    if (this.#state !== 'open') return fail('stopped');
    if (signal?.aborted === true) return fail('aborted');
    if (this.#isOurselves(to, expected)) return fail('not-dialable', 'this is ourselves');
    const addressKey = formatAddress(to);
    const nowMs = this.#runtime.clock.monotonicMs();
    const session = this.#context.sessions.forPeer(addressKey, nowMs);
    if (session === undefined && !isDialable(to, this.#config.ownHosts())) return fail('not-dialable', addressKey);
    const bytes = encodeRequest(request);
    if (bytes.length > REQUEST_BYTES_MAX) return fail('refused', `a request of ${bytes.length} bytes, at most ${REQUEST_BYTES_MAX}`);
    const call = new Call(
      {
        transactionId: this.#runtime.entropy.bytes(TRANSACTION_ID_BYTES),
        to,
        addressKey,
        expected,
        request,
        bytes,
        triesMax: options.tries ?? RPC_TRIES,
        introduces: options.introduce ?? true,
        opensSession: options.opensSession ?? true,
        maySend: options.maySend,
        isOurChoice: options.isOurChoice ?? false,
      },
      (result) => {
        this.#pending.delete(call.transactionKey, call.addressKey);
        this.#opener.leave(call);
        signal?.removeEventListener('abort', onAbort);
        resolve(result);
      },
    );
    const onAbort = (): void => call.fail('aborted');
    if (!this.#pending.add(call.transactionKey, call.addressKey, call)) {
      return fail('busy', 'too many requests are waiting');
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#tryIn(session, call, nowMs);
    return undefined;
  }

  #try(call: Call): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    this.#tryIn(this.#context.sessions.forPeer(call.addressKey, nowMs), call, nowMs);
  }

  /** The session is the one with the call's address; without one, or with one that may be out of date, it is asked anew who is there. */
  #tryIn(session: Session | undefined, call: Call, nowMs: number): void {
    const { expected, opensSession } = call.parts;
    if (session !== undefined && (expected === undefined || equalBytes(expected, session.nodeId))) this.#sendIn(session, call);
    else if (!opensSession) call.fail('no-session');
    else if (session === undefined) this.#opener.join(call);
    else if (nowMs - session.heardMs < SESSION_FRESH_MS) call.fail('wrong-identity', `${toHex(session.nodeId)} is there`);
    else this.#opener.join(call);
  }

  #sendIn(session: Session, call: Call): void {
    call.session = session;
    call.tries += 1;
    call.sentMs = this.#runtime.clock.monotonicMs();
    const { transactionId, bytes, to, maySend } = call.parts;
    if (maySend === undefined || maySend()) {
      const datagram = {
        role: 'request',
        transactionId,
        message: bytes,
        proof: this.#proofFor(session),
        isClient: !this.#isServerFor(to),
      } as const;
      this.#socket.send(session.seal(datagram), to);
    }
    const timeoutMs = this.#context.rtt.timeoutMs(call.addressKey, call.tries);
    call.timer = this.#runtime.clock.setTimer(timeoutMs, () => {
      if (call.isOutOfTries) call.fail('timeout');
      else this.#try(call);
    });
  }

  /** As asker: our signature over the transcript, until the answerer says that it has it. */
  #proofFor(session: Session): Uint8Array | undefined {
    if (!session.isAsker || session.handshake === undefined) return undefined;
    session.proof ??= signFor(this.#context.signer, 'kad-hello', session.handshake.transcript);
    return session.proof;
  }

  #introduce(session: Session): void {
    const transactionId = this.#runtime.entropy.bytes(TRANSACTION_ID_BYTES);
    const proof = this.#proofFor(session);
    const { address } = session.peer;
    const isClient = !this.#isServerFor(address);
    this.#socket.send(session.seal({ role: 'introduction', transactionId, message: NO_MESSAGE, proof, isClient }), address);
  }

  #onResponse(session: Session, datagram: SessionDatagram, nowMs: number): void {
    const call = this.#pending.get(toHex(datagram.transactionId), session.addressKey);
    if (call?.session === undefined || !equalBytes(call.session.nodeId, session.nodeId)) {
      this.#context.stats.unmatchedReplies += 1;
      return;
    }
    if (call.tries === 1) this.#context.rtt.record(session.addressKey, nowMs - call.sentMs);
    call.settleWithReply(session, datagram, nowMs);
  }

  /** Calls in a session that the peer has lost start anew, once each, without that try being counted. */
  #onLost(session: Session): void {
    for (const call of this.#pending.all()) {
      if (call.session !== session || call.restarts > 0) continue;
      call.restarts += 1;
      call.tries -= 1;
      call.session = undefined;
      call.stopTimer();
      this.#try(call);
    }
  }
}
