// pure: one session: its keys, counters and what each side has proved; seals and opens its datagrams.
import { type Address, formatAddress, isPrivateHost, type NodeId, toHex } from '@batchain/shared';
import { SESSION_PACKETS_BURST, SESSION_PACKETS_PER_S } from '../limits.ts';
import { SESSION_ID_BYTES } from '../wire/envelope.ts';
import { COUNTER_MAX, openSessionDatagram, type SessionDatagram, type SessionRole, sealSessionDatagram } from '../wire/session-datagram.ts';
import type { SessionKeys } from '../wire/transcript.ts';
import type { ProvedPeer } from './kad-rpc.ts';
import { ReplayWindow } from './replay-window.ts';
import { TokenBucket } from './token-bucket.ts';

/** What the first exchange leaves behind for the asker's proof. */
export interface Handshake {
  /** What both sign. */
  readonly transcript: Uint8Array;
  readonly peerPublicKey: Uint8Array;
}

export interface SessionParts {
  /** Our id of the session, by which datagrams to us name it. */
  readonly localId: Uint8Array;
  readonly peerId: Uint8Array;
  readonly peer: ProvedPeer;
  /** True when we sent the HELLO. */
  readonly isAsker: boolean;
  readonly keys: SessionKeys;
  readonly handshake: Handshake;
  /** Our address as the peer sees it. */
  readonly observedAddress: Address;
}

export interface OutgoingSessionDatagram {
  readonly role: SessionRole;
  readonly transactionId: Uint8Array;
  readonly message: Uint8Array;
  readonly proof?: Uint8Array | undefined;
  /** We are a client where the peer is. */
  readonly isClient: boolean;
}

/** Mutable; owned by the SessionTable. */
export class Session {
  readonly localId: string;
  readonly peer: ProvedPeer;
  readonly addressKey: string;
  readonly isAsker: boolean;
  /** Until the asker's proof has arrived and is known to have: a node has hundreds of sessions, nearly all of them beyond this. */
  handshake: Handshake | undefined;
  readonly observedAddress: Address;
  readonly openedMs: number;
  /** The last valid datagram from the peer, on the monotonic clock. */
  heardMs: number;
  /** The peer has shown that it holds the key behind its id: the answerer by its WELCOME, the asker by its later proof. */
  isPeerProved: boolean;
  /** As asker: our signature over the transcript, once it was needed. */
  proof: Uint8Array | undefined;
  /** As answerer and half open: the WELCOME, for a HELLO that comes twice, and that HELLO's network hash. */
  welcome: { readonly bytes: Uint8Array; readonly helloHash: Uint8Array } | undefined;
  /** The peer's id of the session as two numbers: one byte string more per session would take ten times the memory. */
  readonly #peerIdHigh: number;
  readonly #peerIdLow: number;
  readonly #sendKey: Uint8Array;
  readonly #receiveKey: Uint8Array;
  readonly #window = new ReplayWindow();
  #counter = 0;
  #allowance: TokenBucket | undefined;

  constructor(parts: SessionParts, nowMs: number) {
    this.localId = toHex(parts.localId);
    this.#peerIdHigh = int32At(parts.peerId, 0);
    this.#peerIdLow = int32At(parts.peerId, 4);
    this.peer = parts.peer;
    this.addressKey = formatAddress(parts.peer.address);
    this.isAsker = parts.isAsker;
    this.handshake = parts.handshake;
    this.observedAddress = parts.observedAddress;
    this.openedMs = nowMs;
    this.heardMs = nowMs;
    this.isPeerProved = parts.isAsker;
    const { askerToAnswerer, answererToAsker } = parts.keys;
    this.#sendKey = parts.isAsker ? askerToAnswerer : answererToAsker;
    this.#receiveKey = parts.isAsker ? answererToAsker : askerToAnswerer;
    // Private ranges are exempt from per-source limits.
    this.#allowance = isPrivateHost(parts.peer.address.host)
      ? undefined
      : new TokenBucket(SESSION_PACKETS_PER_S, SESSION_PACKETS_BURST, nowMs);
  }

  get nodeId(): NodeId {
    return this.peer.nodeId;
  }

  /** What the peer calls the session: a new byte string each time. */
  get peerId(): Uint8Array {
    return this.#putPeerId(new Uint8Array(SESSION_ID_BYTES));
  }

  isPeerId(id: Uint8Array): boolean {
    return id.length === SESSION_ID_BYTES && int32At(id, 0) === this.#peerIdHigh && int32At(id, 4) === this.#peerIdLow;
  }

  /** How many datagrams were sealed: a counter from here on was never sent. */
  get sentCount(): number {
    return this.#counter;
  }

  /** Counters are used up: a new session is needed. */
  get isExhausted(): boolean {
    return this.#counter > COUNTER_MAX;
  }

  /** One inbound datagram, before any cryptography (T7). */
  takePacket(nowMs: number): boolean {
    return this.#allowance === undefined || this.#allowance.take(nowMs);
  }

  seal(outgoing: OutgoingSessionDatagram): Uint8Array {
    // The answer that we ask for does not count against the peer.
    if (outgoing.role === 'request') this.#allowance?.give();
    return sealSessionDatagram(this.#sendKey, {
      sessionId: this.#putPeerId(sealedId),
      counter: this.#counter++,
      role: outgoing.role,
      transactionId: outgoing.transactionId,
      proof: outgoing.proof,
      isClient: outgoing.isClient,
      acceptsProof: outgoing.role === 'response' && !this.isAsker && this.isPeerProved,
      message: outgoing.message,
    });
  }

  /** As asker: the answerer has our proof. */
  clearProof(): void {
    this.handshake = undefined;
    this.proof = undefined;
  }

  /** As answerer: the asker's proof was right. */
  notePeerProved(): void {
    this.isPeerProved = true;
    this.handshake = undefined;
  }

  isFresh(counter: number): boolean {
    return this.#window.isFresh(counter);
  }

  #putPeerId(id: Uint8Array): Uint8Array {
    for (let i = 0; i < 4; i++) {
      id[i] = this.#peerIdHigh >> (24 - i * 8);
      id[i + 4] = this.#peerIdLow >> (24 - i * 8);
    }
    return id;
  }

  /** Checks keyed hash and counter, and notes the counter. Undefined when the datagram is not the peer's. */
  open(bytes: Uint8Array, nowMs: number): SessionDatagram | undefined {
    const datagram = openSessionDatagram(this.#receiveKey, bytes);
    if (datagram === undefined) return undefined;
    this.#window.note(datagram.counter);
    this.heardMs = nowMs;
    return datagram;
  }
}

/** Where a session id stands while it is copied into a datagram. */
const sealedId = new Uint8Array(SESSION_ID_BYTES);

const int32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
