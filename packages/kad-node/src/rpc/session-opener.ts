// driven: our HELLOs: sends, repeats, takes WELCOME, CHALLENGE and refusals, and hands over the calls that waited.
import {
  type Address,
  type EphemeralKey,
  equalBytes,
  formatAddress,
  nodeIdFromPublicKey,
  type Timer,
  toHex,
  verifyFor,
} from '@batchain/shared';
import { BAD_WELCOMES_MAX, CHALLENGES_PER_HELLO_MAX, OPENINGS_MAX, WAITING_PER_HELLO_MAX } from '../limits.ts';
import { decodeChallenge, decodeRefusal, echoedSessionId, SESSION_ID_BYTES, TRANSACTION_ID_BYTES, VERSIONS } from '../wire/envelope.ts';
import {
  canRideInHello,
  decodeWelcome,
  encodeHello,
  isOfClient,
  NONCE_BYTES,
  roleExtensions,
  type Welcome,
  type WelcomeBody,
} from '../wire/first-exchange.ts';
import { encodeRequest } from '../wire/message-codecs.ts';
import { deriveSessionKeys, transcriptOf } from '../wire/transcript.ts';
import type { Call } from './call.ts';
import type { FirstPackets } from './first-packets.ts';
import type { RpcContext } from './rpc-context.ts';
import { Session } from './session.ts';
import { sourceOf } from './source-ip.ts';

const PING = encodeRequest({ type: 'ping' });
const NO_COOKIE = new Uint8Array(0);

/** A HELLO on its way and the calls that wait for it. */
interface Opening {
  readonly to: Address;
  readonly addressKey: string;
  sessionId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ephemeralKey: EphemeralKey;
  /** The call whose request rides in the HELLO; undefined when a ping does. */
  readonly rider: Call | undefined;
  readonly transactionId: Uint8Array;
  readonly request: Uint8Array;
  readonly calls: Set<Call>;
  hello: Uint8Array;
  tries: number;
  /** HELLOs that went out for it. */
  sent: number;
  challenges: number;
  badWelcomes: number;
  introduces: boolean;
  isOurChoice: boolean;
  /** Its last try was left out for the sake of whoever is at that IP. */
  isHeldBack: boolean;
  sentMs: number;
  timer: Timer | undefined;
}

export interface SessionOpenerHooks {
  /** A session is there: send the call's request in it. */
  onReady(call: Call, session: Session): void;
  /** Nothing else goes out in this new session now: send our proof by itself. */
  onSilent(session: Session): void;
}

/** One first exchange per address at a time, shared by all calls to it. */
export class SessionOpener {
  readonly #context: RpcContext;
  readonly #hooks: SessionOpenerHooks;
  readonly #openings = new Map<string, Opening>();
  readonly #firstPackets: FirstPackets;

  constructor(context: RpcContext, firstPackets: FirstPackets, hooks: SessionOpenerHooks) {
    this.#context = context;
    this.#firstPackets = firstPackets;
    this.#hooks = hooks;
  }

  /** Makes the call wait for a session with its address; the first one rides in the HELLO where it may. */
  join(call: Call): void {
    const known = this.#openings.get(call.addressKey);
    if (known === undefined && this.#openings.size >= OPENINGS_MAX) {
      call.fail('busy', 'too many first exchanges are under way');
    } else if (known === undefined) {
      this.#open(call);
    } else if (known.calls.size >= WAITING_PER_HELLO_MAX) {
      call.fail('busy', 'too many requests wait for one first exchange');
    } else {
      known.calls.add(call);
      known.introduces ||= call.parts.introduces;
      known.isOurChoice ||= call.parts.isOurChoice;
      if (known.isHeldBack && known.isOurChoice) this.#send(known);
    }
  }

  /** Whether a first exchange with this IP is under way. */
  isOpeningTo(host: string): boolean {
    for (const { to } of this.#openings.values()) if (to.host === host) return true;
    return false;
  }

  /** The call is settled or waits no longer. */
  leave(call: Call): void {
    this.#openings.get(call.addressKey)?.calls.delete(call);
  }

  stop(): void {
    for (const opening of this.#openings.values()) opening.timer?.cancel();
    this.#openings.clear();
  }

  #open(call: Call): void {
    const { runtime, ephemeralKeys } = this.#context;
    const { to, request, introduces, isOurChoice } = call.parts;
    const rides = canRideInHello(request);
    const opening: Opening = {
      to,
      addressKey: call.addressKey,
      sessionId: runtime.entropy.bytes(SESSION_ID_BYTES),
      nonce: runtime.entropy.bytes(NONCE_BYTES),
      ephemeralKey: ephemeralKeys.current(),
      rider: rides ? call : undefined,
      transactionId: rides ? call.parts.transactionId : runtime.entropy.bytes(TRANSACTION_ID_BYTES),
      request: rides ? call.parts.bytes : PING,
      calls: new Set([call]),
      hello: NO_COOKIE,
      tries: 0,
      sent: 0,
      challenges: 0,
      badWelcomes: 0,
      introduces,
      isOurChoice,
      isHeldBack: false,
      sentMs: 0,
      timer: undefined,
    };
    opening.hello = this.#makeHello(opening, NO_COOKIE);
    this.#openings.set(call.addressKey, opening);
    this.#try(opening);
  }

  #makeHello(opening: Opening, cookie: Uint8Array): Uint8Array {
    const { sessionId, nonce, to, transactionId, request, ephemeralKey } = opening;
    const body = {
      publicKey: this.#context.signer.publicKey,
      ephemeralKey: ephemeralKey.publicKey,
      nonce,
      to,
      cookie,
      transactionId,
      request,
      extensions: roleExtensions(this.#context.isClientTo(to)),
    };
    return encodeHello(this.#context.networkKey, { versions: VERSIONS, sessionId }, body);
  }

  #try(opening: Opening): void {
    opening.tries += 1;
    for (const call of opening.calls) call.tries += 1;
    this.#send(opening);
  }

  /** A try that the allowance does not cover is left out, and counts, so that what waits for it ends in time. */
  #send(opening: Opening): void {
    const { runtime, rtt } = this.#context;
    opening.timer?.cancel();
    opening.sentMs = runtime.clock.monotonicMs();
    if (opening.rider !== undefined) opening.rider.sentMs = opening.sentMs;
    const verdict = this.#firstPackets.take(opening.to, opening.addressKey, opening.sentMs, opening.isOurChoice);
    opening.isHeldBack = verdict === 'held-back';
    if (verdict === 'send') {
      opening.sent += 1;
      this.#context.send(opening.hello, opening.to);
    } else this.#context.stats.hellosLeftOut += 1;
    opening.timer = runtime.clock.setTimer(rtt.timeoutMs(opening.addressKey, opening.tries), () => this.#onTimeout(opening));
  }

  /** Somebody answered at this IP: what was held back for its sake goes out. */
  #sendHeldBack(ip: string): void {
    for (const opening of this.#openings.values()) if (opening.isHeldBack && sourceOf(opening.to.host) === ip) this.#send(opening);
  }

  #onTimeout(opening: Opening): void {
    for (const call of [...opening.calls]) {
      if (call.isOutOfTries) call.fail(opening.sent === 0 && opening.isHeldBack ? 'held-back' : 'timeout');
    }
    if (opening.calls.size > 0) this.#try(opening);
    else this.#end(opening);
  }

  #end(opening: Opening): void {
    opening.timer?.cancel();
    this.#openings.delete(opening.addressKey);
  }

  /** The opening that a WELCOME, CHALLENGE or refusal answers: right address and right session id. */
  #find(bytes: Uint8Array, from: Address): Opening | undefined {
    const opening = this.#openings.get(formatAddress(from));
    const echoed = echoedSessionId(bytes);
    return opening !== undefined && echoed !== undefined && equalBytes(opening.sessionId, echoed) ? opening : undefined;
  }

  onWelcome(bytes: Uint8Array, from: Address): void {
    const opening = this.#find(bytes, from);
    if (opening === undefined) {
      this.#context.stats.unmatchedReplies += 1;
      return;
    }
    const welcome = decodeWelcome(bytes);
    const session = welcome.ok ? this.#openSession(opening, welcome.value) : undefined;
    if (!welcome.ok || session === undefined) {
      this.#context.stats.badWelcomes += 1;
      return;
    }
    this.#end(opening);
    if (this.#firstPackets.answered(opening.to, opening.addressKey, opening.sent, session.openedMs)) {
      this.#sendHeldBack(sourceOf(opening.to.host));
    }
    this.#context.sessions.add(session);
    this.#context.stats.sessionsOpened += 1;
    if (opening.tries === 1) this.#context.rtt.record(session.addressKey, session.openedMs - opening.sentMs);
    this.#handOver(opening, session, welcome.value.body);
  }

  /** Checks the signature and derives the keys. Undefined when the WELCOME is not from the holder of its key. */
  #openSession(opening: Opening, welcome: Welcome): Session | undefined {
    const { signer, crypto, networkKey, runtime } = this.#context;
    const { publicKey, ephemeralKey, sessionId, observed, transactionId } = welcome.body;
    if (!VERSIONS.includes(welcome.version) || !equalBytes(transactionId, opening.transactionId)) return undefined;
    if (equalBytes(publicKey, signer.publicKey) || opening.badWelcomes >= BAD_WELCOMES_MAX) return undefined;
    const transcript = transcriptOf(networkKey, opening.hello, welcome.unsigned);
    if (!verifyFor(crypto.verifier, 'kad-welcome', publicKey, transcript, welcome.signature)) {
      opening.badWelcomes += 1;
      return undefined;
    }
    const secret = opening.ephemeralKey.agree(ephemeralKey);
    if (secret === undefined) return undefined;
    return new Session(
      {
        localId: opening.sessionId,
        peerId: sessionId,
        peer: { nodeId: nodeIdFromPublicKey(publicKey), address: opening.to },
        isAsker: true,
        keys: deriveSessionKeys(secret, transcript),
        handshake: { transcript, peerPublicKey: publicKey },
        observedAddress: this.#context.observed(observed),
      },
      runtime.clock.monotonicMs(),
    );
  }

  #handOver(opening: Opening, session: Session, body: WelcomeBody): void {
    const { rider } = opening;
    for (const call of opening.calls) {
      const { expected } = call.parts;
      if (expected !== undefined && !equalBytes(expected, session.nodeId)) {
        call.fail('wrong-identity', `${toHex(session.nodeId)} answered`);
      } else if (call === rider) {
        call.settleWithReply(session, { message: body.reply, isClient: isOfClient(body) }, session.openedMs);
      } else {
        // Its request was not sent yet: what the first exchange took does not count.
        call.tries = 0;
        this.#hooks.onReady(call, session);
      }
    }
    if (opening.introduces && session.sentCount === 0) this.#hooks.onSilent(session);
  }

  /** The answerer is busy: the same HELLO again, with its cookie. No try is counted. */
  onChallenge(bytes: Uint8Array, from: Address): void {
    const opening = this.#find(bytes, from);
    const challenge = decodeChallenge(bytes);
    if (opening === undefined || !challenge.ok || opening.challenges >= CHALLENGES_PER_HELLO_MAX) {
      this.#context.stats.unmatchedReplies += 1;
      return;
    }
    opening.challenges += 1;
    // Another id: a WELCOME to the HELLO without the cookie may still come, and does not fit this one.
    opening.sessionId = this.#context.runtime.entropy.bytes(SESSION_ID_BYTES);
    opening.hello = this.#makeHello(opening, challenge.value.cookie);
    this.#context.send(opening.hello, opening.to);
  }

  onRefusal(bytes: Uint8Array, from: Address): void {
    const opening = this.#find(bytes, from);
    const refusal = decodeRefusal(bytes);
    if (opening === undefined || refusal === undefined) {
      this.#context.stats.unmatchedReplies += 1;
      return;
    }
    this.#end(opening);
    for (const call of opening.calls) {
      if (refusal.reason === 'own-key') call.fail('not-dialable', 'this address is our own');
      else if (refusal.reason === 'wrong-network') call.fail('wrong-network');
      else call.fail('unsupported-version', `we speak ${VERSIONS.join(', ')}, they speak ${refusal.versions.join(', ')}`);
    }
  }
}
