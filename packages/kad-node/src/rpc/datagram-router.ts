// driven: inbound datagrams: cheap checks, the session they belong to, then the request or the response side (DF-07).
import { type Address, equalAddress, formatAddress, isDialable, toHex, verifyFor } from '@batchain/shared';
import { PROOF_SIGNATURES } from '../limits.ts';
import { datagramKind, decodeNoSession, decodeProbe, encodeNoSession } from '../wire/envelope.ts';
import { counterOfDatagram, RESPONSE_BYTES_MAX, type SessionDatagram, sessionIdOfDatagram } from '../wire/session-datagram.ts';
import type { HelloAnswerer } from './hello-answerer.ts';
import type { ProvedPeer } from './kad-rpc.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { RequestServer } from './request-server.ts';
import type { RpcContext } from './rpc-context.ts';
import type { Session } from './session.ts';
import type { SessionOpener } from './session-opener.ts';

export interface DatagramRouterParts {
  readonly context: RpcContext;
  readonly limiter: RateLimiter;
  readonly server: RequestServer;
  readonly answerer: HelloAnswerer;
  readonly opener: SessionOpener;
}

export interface DatagramRouterHooks {
  readonly ownHosts: () => readonly string[];
  /** A proved peer answered something. */
  onResponse(session: Session, datagram: SessionDatagram, nowMs: number): void;
  /** The peer has lost this session; it is out of the table. */
  onLost(session: Session): void;
  onProbe(nonce: Uint8Array, from: Address): void;
  onProved(peer: ProvedPeer, isClient: boolean): void;
}

/** Whatever a datagram holds, nothing is thrown, and no more bytes leave than came unless its session is ours. */
export class DatagramRouter {
  readonly #parts: DatagramRouterParts;
  readonly #hooks: DatagramRouterHooks;

  constructor(parts: DatagramRouterParts, hooks: DatagramRouterHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
  }

  onDatagram(bytes: Uint8Array, from: Address): void {
    const { context, opener } = this.#parts;
    context.stats.datagramsReceived += 1;
    switch (datagramKind(bytes)) {
      case 'session':
        this.#onSessionDatagram(bytes, from);
        break;
      case 'welcome':
        opener.onWelcome(bytes, from);
        break;
      case 'challenge':
        opener.onChallenge(bytes, from);
        break;
      case 'refusal':
        opener.onRefusal(bytes, from);
        break;
      case 'noSession':
        this.#onNoSession(bytes, from);
        break;
      case 'hello':
        this.#onHello(bytes, from);
        break;
      case 'probe':
        this.#onProbe(bytes, from);
        break;
      default:
        context.stats.malformed += 1;
    }
  }

  #onProbe(bytes: Uint8Array, from: Address): void {
    const nonce = decodeProbe(bytes);
    if (nonce === undefined) this.#parts.context.stats.malformed += 1;
    else this.#hooks.onProbe(nonce, from);
  }

  #onHello(bytes: Uint8Array, from: Address): void {
    const { context, limiter, answerer } = this.#parts;
    if (limiter.takeHello(from, context.runtime.clock.monotonicMs())) answerer.onHello(bytes, from);
    else context.stats.rateLimited += 1;
  }

  #onSessionDatagram(bytes: Uint8Array, from: Address): void {
    const { stats, sessions, runtime } = this.#parts.context;
    const nowMs = runtime.clock.monotonicMs();
    const sessionId = sessionIdOfDatagram(bytes);
    const session = sessionId === undefined ? undefined : sessions.find(sessionId, nowMs);
    if (sessionId === undefined) {
      stats.malformed += 1;
    } else if (session === undefined || !equalAddress(session.peer.address, from)) {
      this.#answerNoSession(bytes, from, nowMs);
    } else if (!session.takePacket(nowMs)) {
      stats.rateLimited += 1;
    } else if (!session.isFresh(counterOfDatagram(bytes))) {
      stats.replays += 1;
    } else {
      const datagram = session.open(bytes, nowMs);
      if (datagram === undefined) stats.badHashes += 1;
      else this.#onValid(session, datagram, nowMs);
    }
  }

  #answerNoSession(bytes: Uint8Array, from: Address, nowMs: number): void {
    const { context, limiter } = this.#parts;
    if (!limiter.takeNoSession(from, nowMs)) {
      context.stats.rateLimited += 1;
      return;
    }
    context.stats.noSessionsSent += 1;
    context.send(encodeNoSession(bytes), from);
  }

  /** A datagram that the session's peer sent and that was not seen before. */
  #onValid(session: Session, datagram: SessionDatagram, nowMs: number): void {
    const { sessions, stats } = this.#parts.context;
    sessions.confirm(session);
    if (datagram.proof !== undefined && !this.#takeProof(session, datagram.proof, datagram.isClient, nowMs)) return;
    if (datagram.role === 'request') {
      this.#serve(session, datagram);
    } else if (datagram.role === 'response') {
      if (datagram.acceptsProof) session.clearProof();
      if (session.isPeerProved) this.#hooks.onResponse(session, datagram, nowMs);
      else stats.unmatchedReplies += 1;
    }
  }

  /** False when the proof is wrong: such a peer gets nothing. Without budget the proof stays open, and it comes again. */
  #takeProof(session: Session, proof: Uint8Array, isClient: boolean, nowMs: number): boolean {
    const { handshake } = session;
    if (session.isAsker || handshake === undefined) return true;
    const { stats, crypto, sessions } = this.#parts.context;
    if (!this.#parts.limiter.takeSignatures(PROOF_SIGNATURES, true, nowMs)) return true;
    if (!verifyFor(crypto.verifier, 'kad-hello', handshake.peerPublicKey, handshake.transcript, proof)) {
      stats.badProofs += 1;
      sessions.remove(session);
      return false;
    }
    session.notePeerProved();
    stats.peersProved += 1;
    if (isDialable(session.peer.address, this.#hooks.ownHosts())) this.#hooks.onProved(session.peer, isClient);
    return true;
  }

  #serve(session: Session, datagram: SessionDatagram): void {
    if (session.isExhausted) return;
    const { context, server } = this.#parts;
    const asker = { peer: session.peer, isProved: session.isPeerProved, isClient: datagram.isClient };
    // Not by session: simultaneous HELLOs leave two, and a retry may come in the other one.
    const retryKey = (): string => `${toHex(session.nodeId)} ${session.isPeerProved} ${toHex(datagram.transactionId)}`;
    const message = server.serve(asker, datagram.message, { roomBytes: RESPONSE_BYTES_MAX, isFirst: false, retryKey });
    const { address } = session.peer;
    const isClient = context.isClientTo(address);
    context.send(session.seal({ role: 'response', transactionId: datagram.transactionId, message, isClient }), address);
  }

  #onNoSession(bytes: Uint8Array, from: Address): void {
    const { stats, sessions } = this.#parts.context;
    const noSession = decodeNoSession(bytes);
    const session = noSession === undefined ? undefined : sessions.findByPeerId(formatAddress(from), noSession.sessionId);
    if (noSession === undefined || session === undefined || noSession.counter >= session.sentCount) {
      stats.unmatchedReplies += 1;
      return;
    }
    stats.noSessionsReceived += 1;
    sessions.remove(session);
    this.#hooks.onLost(session);
  }
}
