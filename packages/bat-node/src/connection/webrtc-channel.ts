// driven: one peer connection of the library with its one data channel: every callback guarded, everything released at the end.
import { type Address, makeAddress, type Runtime } from '@batchain/shared';
import type { DataChannel, PeerConnection } from 'node-datachannel';
import { CHANNEL_WINDOW_BYTES, FRAME_COST_BYTES, SEND_BUFFER_LOW_BYTES } from '../limits.ts';
import { MEDIA_ID, readFingerprint } from './ice-description.ts';

export interface OpeningEvents {
  /** All local candidates are known. */
  onGathered(): void;
  onOpen(): void;
  /** Once: the channel has ended, here, there or in between, open or not. */
  onEnd(): void;
}

/** What happens on an open channel. */
export interface ChannelEvents {
  /** Bytes that nobody else holds; text when the peer sent text. */
  onMessage(message: Uint8Array | string): void;
  /** The library's buffer is below SEND_BUFFER_LOW_BYTES again. */
  onLow(): void;
  /** After that of OpeningEvents. */
  onEnd(): void;
}

/** Stream of the channel, agreed in advance: no opening message, and no other channel is accepted. */
const STREAM_ID = 0;
const LABEL = 'batchain';

/**
 * The library calls back from native threads, and an exception in a callback ends the process: each body is guarded. Callbacks
 * are set once, before anything can happen; setting one again would free it while a thread may be calling it.
 */
export class WebrtcChannel {
  readonly #runtime: Runtime;
  readonly #peer: PeerConnection;
  readonly #channel: DataChannel;
  readonly #opening: OpeningEvents;
  #events: ChannelEvents | undefined;
  #early: (Uint8Array | string)[] = [];
  #earlyBytes = 0;
  #isEnded = false;

  /**
   * Offers, or answers `offerSdp`. Throws what the library throws, as for a port that is taken: descriptions are left to its
   * automatic negotiation, because asking for one outright ends the process when candidates can not be gathered.
   */
  constructor(runtime: Runtime, peer: PeerConnection, opening: OpeningEvents, offerSdp: string | undefined) {
    this.#runtime = runtime;
    this.#peer = peer;
    this.#opening = opening;
    // The library lets go of its objects only after it could tell of their end: state and onClosed below.
    peer.onStateChange(this.#guard((state: string) => this.#stateChanged(state)));
    peer.onGatheringStateChange(
      this.#guard((state: string) => {
        if (state === 'complete') opening.onGathered();
      }),
    );
    // A second channel is none of ours; without a handler the library would keep what comes in on it.
    peer.onDataChannel(this.#guard((other: DataChannel) => this.#refuse(other)));
    try {
      if (offerSdp !== undefined) peer.setRemoteDescription(offerSdp, 'offer');
      this.#channel = peer.createDataChannel(LABEL, { negotiated: true, id: STREAM_ID });
    } catch (error) {
      // Nobody is told of the end of what never was.
      this.#isEnded = true;
      peer.close();
      throw error;
    }
    this.#channel.onClosed(this.#guard(() => this.#ended()));
    this.#channel.onError(this.#guard((error: string) => runtime.log.debug('bat.webrtc.error', { error })));
    this.#channel.onOpen(this.#guard(() => opening.onOpen()));
    this.#channel.onMessage(this.#guard((message: Uint8Array | ArrayBuffer | string) => this.#received(message)));
    this.#channel.onBufferedAmountLow(this.#guard(() => this.#events?.onLow()));
    this.#channel.setBufferedAmountLowThreshold(SEND_BUFFER_LOW_BYTES);
  }

  /** From now on these hear what happens; messages that came before are given to them first. */
  attach(events: ChannelEvents): void {
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    for (const message of early) events.onMessage(message);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get bufferedBytes(): number {
    return this.#isEnded ? 0 : this.#channel.bufferedAmount();
  }

  /** The bytes are copied. False when the channel has ended. */
  send(frame: Uint8Array): boolean {
    if (this.#isEnded) return false;
    try {
      // Its answer, false, means only that the message is queued.
      this.#channel.sendMessageBinary(frame);
      return true;
    } catch (error) {
      this.#runtime.log.debug('bat.webrtc.send-failed', { error });
      return false;
    }
  }

  /** With the candidates found so far. */
  get localSdp(): string {
    return this.#peer.localDescription()?.sdp ?? '';
  }

  /** Throws what the library throws. */
  setAnswer(sdp: string): void {
    this.#peer.setRemoteDescription(sdp, 'answer');
  }

  /** Throws what the library throws. */
  addRemote(candidateLine: string): void {
    this.#peer.addRemoteCandidate(candidateLine, MEDIA_ID);
  }

  /** SHA-256 of the certificate that the peer showed in the handshake; undefined before. */
  get remoteFingerprint(): Uint8Array | undefined {
    try {
      const { value, algorithm } = this.#peer.remoteFingerprint();
      return algorithm === 'sha-256' ? readFingerprint(value) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Both ends of the path that ICE chose. */
  get selectedPair(): { readonly local: Address | undefined; readonly remote: Address | undefined } {
    const pair = this.#isEnded ? null : this.#peer.getSelectedCandidatePair();
    const of = (side: 'local' | 'remote'): Address | undefined =>
      pair === null ? undefined : makeAddress(pair[side].address, pair[side].port);
    return { local: of('local'), remote: of('remote') };
  }

  /**
   * Ends at once; what is queued may be lost. The channel ends with its peer connection: closed by itself it may be closing in
   * another thread already, and the word of its end, upon which the library lets go of it, would be lost.
   */
  close(): void {
    try {
      this.#peer.close();
    } catch (error) {
      this.#runtime.log.debug('bat.webrtc.close-failed', { error });
    }
    this.#ended();
  }

  #stateChanged(state: string): void {
    if (state === 'closed' || state === 'failed' || state === 'disconnected') this.#ended();
  }

  #ended(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#opening.onEnd();
    this.#events?.onEnd();
  }

  #refuse(other: DataChannel): void {
    this.#runtime.log.info('bat.webrtc.second-channel');
    other.onClosed(() => undefined);
    this.close();
  }

  #received(message: Uint8Array | ArrayBuffer | string): void {
    const own = message instanceof ArrayBuffer ? new Uint8Array(message) : message;
    if (this.#events !== undefined) {
      this.#events.onMessage(own);
      return;
    }
    // The first messages may overtake the word that the channel is open.
    this.#earlyBytes += own.length + FRAME_COST_BYTES;
    if (this.#earlyBytes > CHANNEL_WINDOW_BYTES) this.close();
    else this.#early.push(own);
  }

  #guard<A extends readonly unknown[]>(body: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        body(...args);
      } catch (error) {
        this.#runtime.log.error('bat.webrtc.callback-failed', { error });
        this.close();
      }
    };
  }
}
