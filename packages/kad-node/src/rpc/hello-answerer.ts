// driven: others' HELLOs: cheap checks first, then WELCOME, CHALLENGE or refusal; never more bytes than the HELLO had (T6, T7).
import { type Address, concatBytes, equalBytes, formatAddress, nodeIdFromPublicKey, signFor } from '@batchain/shared';
import { WELCOME_SIGNATURES } from '../limits.ts';
import {
  encodeChallenge,
  encodeRefusal,
  type HelloRefusalReason,
  highestCommonVersion,
  SESSION_ID_BYTES,
  VERSIONS,
} from '../wire/envelope.ts';
import {
  decodeHelloBody,
  decodeHelloPrefix,
  encodeUnsignedWelcome,
  type HelloBody,
  isOfClient,
  isOfNetwork,
  roleExtensions,
  WELCOME_REPLY_BYTES_MAX,
} from '../wire/first-exchange.ts';
import { AddressTokens } from '../wire/tokens.ts';
import { deriveSessionKeys, MAC_BYTES, transcriptOf } from '../wire/transcript.ts';
import type { ProvedPeer } from './kad-rpc.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { RequestServer } from './request-server.ts';
import type { RpcContext } from './rpc-context.ts';
import { Session } from './session.ts';

interface ReadHello {
  readonly bytes: Uint8Array;
  readonly body: HelloBody;
  readonly version: number;
  readonly sessionId: Uint8Array;
  readonly peer: ProvedPeer;
}

export class HelloAnswerer {
  readonly #context: RpcContext;
  readonly #limiter: RateLimiter;
  readonly #server: RequestServer;
  readonly #tokens: AddressTokens;

  constructor(context: RpcContext, limiter: RateLimiter, server: RequestServer) {
    this.#context = context;
    this.#limiter = limiter;
    this.#server = server;
    this.#tokens = new AddressTokens(context.runtime.entropy);
  }

  /** The datagram was counted against its source already. */
  onHello(bytes: Uint8Array, from: Address): void {
    const { stats, sessions, runtime } = this.#context;
    stats.hellosReceived += 1;
    const hello = this.#read(bytes, from);
    if (hello === undefined || this.#isRepeated(hello, from)) return;
    const nowMs = runtime.clock.monotonicMs();
    const { nodeId } = hello.peer;
    const hasCookie = hello.body.cookie.length > 0 && this.#tokens.check(hello.body.cookie, from, nodeId, nowMs);
    if (!this.#limiter.takeSignatures(WELCOME_SIGNATURES, hasCookie, nowMs)) {
      stats.rateLimited += 1;
      if (!hasCookie) this.#challenge(hello, from, nowMs);
      return;
    }
    const session = this.#openSession(hello, nowMs);
    if (session?.welcome === undefined) return;
    sessions.add(session);
    stats.welcomesSent += 1;
    this.#context.send(session.welcome.bytes, from);
  }

  /** Version, network, shape; answers those refusals that the asker can use. */
  #read(bytes: Uint8Array, from: Address): ReadHello | undefined {
    const { networkKey, signer, stats } = this.#context;
    const prefix = decodeHelloPrefix(bytes);
    if (prefix === undefined) {
      stats.malformed += 1;
      return undefined;
    }
    const version = highestCommonVersion(VERSIONS, prefix.versions);
    if (version === undefined) return this.#refuse(prefix.sessionId, 'unsupported-version', from);
    if (!isOfNetwork(networkKey, bytes)) return this.#refuse(prefix.sessionId, 'wrong-network', from);
    const body = decodeHelloBody(bytes, prefix);
    if (!body.ok) {
      stats.malformed += 1;
      return undefined;
    }
    const { publicKey } = body.value;
    if (equalBytes(publicKey, signer.publicKey)) return this.#refuse(prefix.sessionId, 'own-key', from);
    const peer: ProvedPeer = { nodeId: nodeIdFromPublicKey(publicKey), address: from };
    return { bytes, body: body.value, version, sessionId: prefix.sessionId, peer };
  }

  #refuse(askerSessionId: Uint8Array, reason: HelloRefusalReason, from: Address): undefined {
    this.#context.stats.refusalsSent += 1;
    this.#context.send(encodeRefusal(askerSessionId, { reason, versions: VERSIONS }), from);
    return undefined;
  }

  /** A HELLO that came before gets the WELCOME that it got, without new signatures, until its session is in use. */
  #isRepeated(hello: ReadHello, from: Address): boolean {
    const known = this.#context.sessions.findByHello(formatAddress(from), hello.sessionId);
    if (known === undefined) return false;
    if (known.welcome !== undefined && equalBytes(known.welcome.helloHash, networkHashOf(hello.bytes))) {
      this.#context.stats.welcomesRepeated += 1;
      this.#context.send(known.welcome.bytes, from);
    }
    return true;
  }

  #challenge(hello: ReadHello, from: Address, nowMs: number): void {
    const cookie = this.#tokens.make(from, hello.peer.nodeId, nowMs);
    const bytes = encodeChallenge(hello.version, hello.sessionId, { cookie, observed: from, extensions: new Map() });
    this.#context.stats.challengesSent += 1;
    this.#context.send(bytes, from);
  }

  /** Agrees on keys, serves the first request, signs. Undefined when the asker's ephemeral key is of low order. */
  #openSession(hello: ReadHello, nowMs: number): Session | undefined {
    const { runtime, signer, networkKey, ephemeralKeys, stats } = this.#context;
    const ephemeralKey = ephemeralKeys.current();
    const secret = ephemeralKey.agree(hello.body.ephemeralKey);
    if (secret === undefined) {
      stats.malformed += 1;
      return undefined;
    }
    const { peer, body } = hello;
    const localId = runtime.entropy.bytes(SESSION_ID_BYTES);
    const reply = this.#server.serve({ peer, isProved: false, isClient: isOfClient(body) }, body.request, {
      roomBytes: WELCOME_REPLY_BYTES_MAX,
      isFirst: true,
    });
    const unsigned = encodeUnsignedWelcome(hello.version, hello.sessionId, {
      publicKey: signer.publicKey,
      ephemeralKey: ephemeralKey.publicKey,
      sessionId: localId,
      observed: peer.address,
      transactionId: body.transactionId,
      reply,
      extensions: roleExtensions(this.#context.isClientTo(peer.address)),
    });
    const transcript = transcriptOf(networkKey, hello.bytes, unsigned);
    const session = new Session(
      {
        localId,
        peerId: hello.sessionId,
        peer,
        isAsker: false,
        keys: deriveSessionKeys(secret, transcript),
        handshake: { transcript, peerPublicKey: body.publicKey.slice() },
        observedAddress: this.#context.observed(body.to),
      },
      nowMs,
    );
    const bytes = concatBytes(unsigned, signFor(signer, 'kad-welcome', transcript));
    session.welcome = { bytes, helloHash: networkHashOf(hello.bytes).slice() };
    return session;
  }
}

const networkHashOf = (hello: Uint8Array): Uint8Array => hello.subarray(hello.length - MAC_BYTES);
