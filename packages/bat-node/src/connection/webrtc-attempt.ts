// driven: one try at a data channel, from the gathered candidates to the authenticated connection.
import {
  type Address,
  type Connection,
  type ConnectionPath,
  type DialFailure,
  equalBytes,
  fail,
  isPrivateHost,
  ok,
  type PeerIdentity,
  type Result,
  type Runtime,
  type Timer,
} from '@batchain/shared';
import type { PeerConnection } from 'node-datachannel';
import { CHANNEL_ATTEMPT_MS, ICE_GATHER_MS } from '../limits.ts';
import { CHANNEL_FRAME_BYTES_MAX } from './channel-frames.ts';
import {
  channelBinding,
  formatCandidate,
  formatSdp,
  type HandshakePlan,
  type IceCandidate,
  type IceDescription,
  judgeIceDescription,
  planHandshake,
  readLocalDescription,
  usableCandidates,
} from './ice-description.ts';
import { WebrtcChannel } from './webrtc-channel.ts';
import { WebrtcConnection } from './webrtc-connection.ts';

export interface DataChannelOptions {
  /** Ends the attempt, from preparing to the open connection. */
  readonly signal: AbortSignal;
  /** A STUN server that has just answered. Without one only host candidates are found. */
  readonly stun?: Address;
  /** Local UDP port, for hand-over of a punched one; it must be free. */
  readonly bindPort?: number;
  /** Hand-over: the peer's address that answered there; the candidates of its description are ignored. */
  readonly onlyRemote?: Address;
  /** From `connect` on. */
  readonly timeoutMs: number;
}

/** Drawn by each end and exchanged in the signed signals: they make the binding of every connection another one. */
export interface ChannelNonces {
  readonly caller: Uint8Array;
  readonly called: Uint8Array;
}

/** A prepared end. It ends by itself when nobody connects it within CHANNEL_ATTEMPT_MS. */
export interface DataChannelAttempt {
  /** For the peer; its authenticity is that of the signal that carries it. */
  readonly local: IceDescription;
  /**
   * Opens the channel to the end that `remote` describes, to be called once. Resolves with a connection when it is open and the
   * peer's certificate has the described fingerprint: `peer` is whoever signed that. Its path is `lan` between private
   * addresses, else `punched`. Fails with `wrong-identity`, `timeout`, `unreachable`, `aborted`, or `error`.
   */
  connect(remote: IceDescription, peer: PeerIdentity, nonces: ChannelNonces): Promise<Result<Connection, DialFailure>>;
  /** Harmless when it is over; does not touch a connection that came of it. */
  close(): void;
}

export interface AttemptParts {
  readonly role: 'caller' | 'called';
  /** What the called end answers. */
  readonly offer: IceDescription | undefined;
  readonly ownHosts: () => readonly string[];
  readonly scratch: Uint8Array;
  /** Called once with the end of the channel: before or after it became a connection. */
  readonly onEnd: () => void;
  /** Called once, when nothing more is tried. */
  readonly onSettled: () => void;
}

/** What the library must accept at most: one byte more than a frame, so that a longer one, which it cuts off, is told apart. */
export const LIBRARY_MESSAGE_BYTES_MAX: number = CHANNEL_FRAME_BYTES_MAX + 1;

const WRONG_CERTIFICATE = 'another certificate than the signed one';

/** Made by DataChannelTransport only. */
export class WebrtcAttempt implements DataChannelAttempt {
  readonly #runtime: Runtime;
  readonly #parts: AttemptParts;
  readonly #options: DataChannelOptions;
  readonly #channel: WebrtcChannel;
  #local: IceDescription | undefined;
  /** Whom we connect to. */
  #remote: IceDescription | undefined;
  #timer: Timer;
  #isSettled = false;
  #isOpen = false;
  #onGathered: () => void = () => undefined;
  #settle: ((result: Result<Connection, DialFailure>) => void) | undefined;
  #onOpen: () => void = () => undefined;

  /** Throws what the library throws. */
  constructor(runtime: Runtime, peer: PeerConnection, parts: AttemptParts, options: DataChannelOptions) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#options = options;
    const events = { onGathered: () => this.#onGathered(), onOpen: () => this.#opened(), onEnd: () => this.#lost() };
    const { offer } = parts;
    this.#channel = new WebrtcChannel(runtime, peer, events, offer === undefined ? undefined : this.#sdpOf(offer, offer));
    this.#timer = runtime.clock.setTimer(CHANNEL_ATTEMPT_MS, () => this.#finish(fail('timeout', 'nobody answered')));
    options.signal.addEventListener('abort', this.#onAbort);
  }

  get local(): IceDescription {
    if (this.#local === undefined) throw new Error('not prepared');
    return this.#local;
  }

  /** Waits for candidates, at most ICE_GATHER_MS. */
  async prepare(): Promise<Result<DataChannelAttempt, DialFailure>> {
    await new Promise<void>((resolve) => {
      const timer = this.#runtime.clock.setTimer(ICE_GATHER_MS, resolve);
      this.#onGathered = () => {
        timer.cancel();
        resolve();
      };
    });
    if (this.#options.signal.aborted) return this.#abandon('aborted');
    if (this.#isSettled) return fail('aborted', 'closed while it was prepared');
    this.#local = readLocalDescription(this.#channel.localSdp);
    return this.#local === undefined ? this.#abandon('error', 'the library gave no description') : ok(this);
  }

  connect(remote: IceDescription, peer: PeerIdentity, nonces: ChannelNonces): Promise<Result<Connection, DialFailure>> {
    if (this.#isSettled) return Promise.resolve(fail(this.#options.signal.aborted ? 'aborted' : 'timeout', 'the attempt is over'));
    const wrong = judgeIceDescription(remote) ?? this.#differs(remote);
    if (wrong !== undefined) return Promise.resolve(this.#abandon('error', wrong));
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#remote = remote;
      this.#timer.cancel();
      const { timeoutMs } = this.#options;
      this.#timer = this.#runtime.clock.setTimer(timeoutMs, () => this.#finish(fail('timeout', `${timeoutMs} ms`)));
      this.#onOpen = () => this.#finish(this.#judgeOpen(remote, peer, nonces));
      try {
        this.#start(remote);
      } catch (error) {
        this.#finish(fail('error', textOf(error)));
      }
      if (this.#isOpen) this.#onOpen();
    });
  }

  close(): void {
    this.#finish(fail('aborted', 'closed here'));
  }

  readonly #onAbort = (): void => this.#finish(fail('aborted'));

  #start(remote: IceDescription): void {
    const isCaller = this.#parts.role === 'caller';
    if (isCaller) this.#channel.setAnswer(this.#sdpOf(remote, this.local));
    const waitMs = isCaller ? 0 : this.#planOf(remote).calledWaitMs;
    if (waitMs === 0) this.#addCandidates(remote);
    else this.#runtime.clock.setTimer(waitMs, () => this.#addLate(remote));
  }

  #addCandidates(remote: IceDescription): void {
    const { onlyRemote } = this.#options;
    const given: readonly IceCandidate[] = onlyRemote === undefined ? remote.candidates : [{ kind: 'host', address: onlyRemote }];
    usableCandidates(given, this.#parts.ownHosts()).forEach((candidate, i) => {
      this.#channel.addRemote(formatCandidate(candidate, i));
    });
  }

  /** Not needed when the caller's check got here first. */
  #addLate(remote: IceDescription): void {
    if (this.#isSettled || this.#isOpen) return;
    try {
      this.#addCandidates(remote);
    } catch (error) {
      this.#finish(fail('error', textOf(error)));
    }
  }

  #planOf(offer: IceDescription): HandshakePlan {
    return planHandshake(offer.candidates, this.#options.onlyRemote !== undefined);
  }

  /** The peer's SDP; `offer` is the caller's description, whoever that is. */
  #sdpOf(remote: IceDescription, offer: IceDescription): string {
    const isPeerClient = this.#planOf(offer).client !== this.#parts.role;
    return formatSdp(remote, { setup: isPeerClient ? 'active' : 'passive', messageBytesMax: LIBRARY_MESSAGE_BYTES_MAX });
  }

  /** The library has taken the offer already: what is connected to must be the same end. */
  #differs(remote: IceDescription): string | undefined {
    if (this.#parts.offer === undefined) return undefined;
    const { ufrag, password, fingerprint } = this.#parts.offer;
    const isSame = remote.ufrag === ufrag && remote.password === password && equalBytes(remote.fingerprint, fingerprint);
    return isSame ? undefined : 'another description than the one that was answered';
  }

  #judgeOpen(remote: IceDescription, peer: PeerIdentity, nonces: ChannelNonces): Result<Connection, DialFailure> {
    // The library has compared it, too; this does not rest on its settings.
    if (!this.#isRight(remote)) return fail('wrong-identity', WRONG_CERTIFICATE);
    const ends = [
      { fingerprint: this.local.fingerprint, nonce: nonces[this.#parts.role] },
      { fingerprint: remote.fingerprint, nonce: nonces[this.#parts.role === 'caller' ? 'called' : 'caller'] },
    ] as const;
    const isInitiator = this.#parts.role === 'caller';
    const pair = this.#channel.selectedPair;
    const facts = {
      peer,
      binding: isInitiator ? channelBinding(ends[0], ends[1]) : channelBinding(ends[1], ends[0]),
      path: pathOf(pair.local, pair.remote),
      remoteAddress: pair.remote,
      isInitiator,
    };
    return ok(new WebrtcConnection(this.#runtime, this.#channel, this.#parts.scratch, facts));
  }

  #isRight(remote: IceDescription): boolean {
    const shown = this.#channel.remoteFingerprint;
    return shown !== undefined && equalBytes(shown, remote.fingerprint);
  }

  #opened(): void {
    this.#isOpen = true;
    this.#onOpen();
  }

  #lost(): void {
    this.#onGathered();
    // A handshake that failed over the certificate leaves its fingerprint behind.
    const isImpostor = this.#remote !== undefined && this.#channel.remoteFingerprint !== undefined && !this.#isRight(this.#remote);
    this.#finish(isImpostor ? fail('wrong-identity', WRONG_CERTIFICATE) : fail('unreachable', 'no path was found, or it broke'));
    this.#parts.onEnd();
  }

  #abandon(reason: DialFailure, detail?: string): Result<never, DialFailure> {
    this.#finish(fail(reason, detail));
    return fail(reason, detail);
  }

  #finish(result: Result<Connection, DialFailure>): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#timer.cancel();
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#onGathered();
    this.#parts.onSettled();
    if (!result.ok) this.#channel.close();
    this.#settle?.(result);
  }
}

function pathOf(local: Address | undefined, remote: Address | undefined): ConnectionPath {
  return local !== undefined && remote !== undefined && isPrivateHost(local.host) && isPrivateHost(remote.host) ? 'lan' : 'punched';
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
