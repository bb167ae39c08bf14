// driven: a session: HELLO on a fresh connection, then streams with credit, heartbeat, idle close.
import {
  BatChainError,
  type Clock,
  type CloseReason,
  type Connection,
  concatBytes,
  fail,
  NO_EXTENSIONS,
  type NodeId,
  ok,
  type Result,
  type Runtime,
} from '@batchain/shared';
import {
  HANDSHAKE_TIMEOUT_MS,
  SEND_BUFFER_MAX_BYTES,
  SESSION_IDLE_MS,
  STREAM_CREDIT_INITIAL_BYTES,
  STREAMS_PER_SIDE_MAX,
} from '../limits.ts';
import { type Hello, helloCodec, judgeHello, networkProof, WIRE_VERSIONS } from '../wire/hello.ts';
import type { BatSession, PeerHello } from './bat-session.ts';
import {
  type CreditAccount,
  type CreditBudget,
  connectionWindow,
  frameCost,
  RateMeter,
  ReceiveWindow,
  streamWindowCap,
  type WindowFacts,
} from './credit.ts';
import { answerDeadlineMs } from './deadlines.ts';
import { asPeerSaid, type SessionFailure, toFailure } from './end-reason.ts';
import { FrameAllowance } from './frame-allowance.ts';
import { Heartbeat } from './heartbeat.ts';
import { SendTurns } from './send-turns.ts';
import { decodeFrame, encodeGoaway, encodePing, encodeReset, frameHead, type SessionFrame } from './session-frames.ts';
import { Stream, type StreamHost } from './stream.ts';
import { StreamClosedError } from './stream-closed-error.ts';
import { StreamPlaces } from './stream-places.ts';

export interface SessionConfig {
  readonly nodeId: NodeId;
  /** 32 bytes from the network's name and secret (BD-59). */
  readonly networkKey: Uint8Array;
  /** Told to the peer. */
  readonly shardBytesMax: number;
  readonly relays: boolean;
  /** Serves a stream that the peer opened; what it leaves unread or open is ended when it is done. */
  readonly onStream: (session: BatSession, stream: Stream) => Promise<void>;
  /** SESSION_IDLE_MS by default. */
  readonly idleMs?: number;
  /** Versions spoken; WIRE_VERSIONS by default. */
  readonly versions?: readonly number[];
}

/** A data frame of at least so many bytes is bulk and does not count as a small frame. */
const BULK_BYTES = 1024;

/** Runs over any Connection; made by openSession. */
class Session implements BatSession, StreamHost {
  readonly connection: Connection;
  readonly closed: Promise<CloseReason>;
  readonly clock: Clock;
  readonly #runtime: Runtime;
  readonly #config: SessionConfig;
  readonly #account: CreditAccount;
  readonly #streams = new Map<number, Stream>();
  /** Streams of ours that have not sent a frame yet. */
  readonly #fresh = new Set<Stream>();
  readonly #places: StreamPlaces;
  readonly #turns: SendTurns;
  readonly #heartbeat: Heartbeat;
  readonly #allowance = new FrameAllowance();
  readonly #rate = new RateMeter();
  #hello: PeerHello | undefined;
  #onHello: (result: Result<void, SessionFailure>) => void;
  #lastOwnId: number;
  #lastPeerId: number;
  #peerStreams = 0;
  #usualBytes = STREAM_CREDIT_INITIAL_BYTES;
  /** What ended streams were still allowed to send: their frames may be under way. */
  #strayBytes = 0;
  #idleSinceMs: number;
  #hasSentGoaway = false;
  #hasGotGoaway = false;
  /** The connection takes nothing more: it has ended, and word of that is on its way here. */
  #isCut = false;
  #sinceMs = 0;
  #movedMs = 0;
  #closeReason: CloseReason | undefined;

  constructor(
    runtime: Runtime,
    connection: Connection,
    budget: CreditBudget,
    config: SessionConfig,
    onHello: (result: Result<void, SessionFailure>) => void,
  ) {
    this.#runtime = runtime;
    this.clock = runtime.clock;
    this.connection = connection;
    this.#config = config;
    this.#onHello = onHello;
    this.#account = budget.openAccount();
    this.#turns = new SendTurns(runtime.clock, connection, () => {
      this.#end({ reason: 'timeout', detail: 'the peer reads too slowly' }, 'timeout');
    });
    this.#places = new StreamPlaces(runtime.clock, STREAMS_PER_SIDE_MAX);
    // The initiator's streams are odd, the other side's even.
    this.#lastOwnId = connection.isInitiator ? -1 : 0;
    this.#lastPeerId = connection.isInitiator ? 0 : -1;
    this.#idleSinceMs = runtime.clock.monotonicMs();
    this.#heartbeat = new Heartbeat(runtime, {
      sendPing: (nonce) => this.sendNow(encodePing('ping', nonce)),
      onDead: () => this.#end({ reason: 'timeout', detail: 'the peer fell silent' }, 'timeout'),
      onBeat: () => this.#closeIfIdle(),
    });
    this.closed = connection.closed.then((reason) => this.#ended(reason));
    connection.onMessage((message) => this.#receive(message));
    this.sendNow(concatBytes(frameHead('hello', 0), helloCodec.encode(this.#ownHello())));
  }

  get hello(): PeerHello {
    if (this.#hello === undefined) throw new StreamClosedError('closed');
    return this.#hello;
  }

  get rttMs(): number | undefined {
    return this.#heartbeat.rttMs;
  }

  get isUsable(): boolean {
    const isOpen = this.#hello !== undefined && this.#closeReason === undefined && !this.#isCut;
    return isOpen && !this.#hasSentGoaway && !this.#hasGotGoaway;
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** When a stream last carried something, either way (monotonic): heartbeats, credits and ends do not count. */
  get movedMs(): number {
    return this.#movedMs;
  }

  get silentMs(): number {
    return this.#heartbeat.silentMs;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  get idleSinceMs(): number | undefined {
    return this.#streams.size === 0 ? this.#idleSinceMs : undefined;
  }

  async openStream(options: { readonly signal?: AbortSignal } = {}): Promise<Stream> {
    if (!this.isUsable) throw new StreamClosedError('closed');
    await this.#places.take(options.signal);
    const window = this.isUsable ? ReceiveWindow.open(this.#account) : undefined;
    if (window !== undefined) {
      const stream = new Stream(this, window);
      this.#fresh.add(stream);
      return stream;
    }
    this.#places.free();
    throw new StreamClosedError(this.isUsable ? 'busy' : 'closed');
  }

  /**
   * No new streams from either side; closes when those that are open have ended. The peer answers a goaway with its own,
   * so that streams which it opened before it knew are not cut off.
   */
  drain(reason: string): void {
    if (this.#hello === undefined || this.#closeReason !== undefined || this.#hasSentGoaway) return;
    this.#hasSentGoaway = true;
    this.sendNow(encodeGoaway(reason));
    this.#closeIfDrained();
  }

  close(reason: string): void {
    this.#end({ reason: 'local', detail: reason }, reason);
  }

  // For streams.

  nextStreamId(stream: Stream): number {
    this.#lastOwnId += 2;
    this.#streams.set(this.#lastOwnId, stream);
    this.#fresh.delete(stream);
    return this.#lastOwnId;
  }

  sendNow(frame: Uint8Array): void {
    if (this.#closeReason !== undefined) return;
    if (this.connection.bufferedBytes > SEND_BUFFER_MAX_BYTES) {
      this.#end({ reason: 'limit', detail: 'the peer reads nothing' }, 'limit');
      return;
    }
    // A failed send is followed by the end of the connection, which is handled there.
    this.connection.send(frame).catch(() => {
      this.#isCut = true;
    });
  }

  async sendInTurn(makeHead: () => Uint8Array | undefined, body: Uint8Array): Promise<void> {
    try {
      await this.#turns.send(makeHead, body);
      this.#movedMs = this.clock.monotonicMs();
    } catch (error) {
      if (!isConnectionClosed(error)) throw error;
      this.#isCut = true;
      throw new StreamClosedError('closed');
    }
  }

  /** What stands before the frame in our own buffer must reach the peer first. */
  creditDeadlineMs(bytes: number): number {
    return answerDeadlineMs(bytes + this.connection.bufferedBytes, this.rttMs);
  }

  windowFacts(window: ReceiveWindow, consumed: number): WindowFacts {
    const nowMs = this.clock.monotonicMs();
    const rttMs = this.#heartbeat.lowestRttMs;
    this.#rate.add(consumed, nowMs);
    const whole = connectionWindow(this.#rate.bytesPerSecond, rttMs, this.#account.fairShareBytes);
    const capBytes = streamWindowCap(whole, this.#account.takenBytes - window.windowBytes);
    return { nowMs, rttMs, capBytes, usualBytes: this.#usualBytes };
  }

  finished(stream: Stream): void {
    const { id, windowBytes } = stream;
    // Those that carried no data say nothing about the path.
    if (windowBytes > STREAM_CREDIT_INITIAL_BYTES) this.#usualBytes = windowBytes;
    if (id !== undefined) this.#streams.delete(id);
    else this.#fresh.delete(stream);
    if (id === undefined || this.#isOwn(id)) this.#places.free();
    else this.#peerStreams -= 1;
    this.#strayBytes += stream.openCreditBytes;
    if (this.#streams.size === 0) this.#idleSinceMs = this.clock.monotonicMs();
    this.#closeIfDrained();
  }

  // Receiving.

  #ownHello(): Hello {
    const { nodeId, networkKey, shardBytesMax, relays, versions = WIRE_VERSIONS } = this.#config;
    return {
      versions,
      proof: networkProof(networkKey, this.connection.binding, nodeId),
      shardBytesMax,
      relays,
      streamsMax: STREAMS_PER_SIDE_MAX,
      observedAddress: this.connection.remoteAddress ?? null,
      extensions: NO_EXTENSIONS,
    };
  }

  #receive(message: Uint8Array): void {
    if (this.#closeReason !== undefined) return;
    const nowMs = this.clock.monotonicMs();
    this.#heartbeat.heard(nowMs);
    const frame = decodeFrame(message);
    if (frame?.type === 'data' || frame?.type === 'control' || frame?.type === 'control-more') this.#movedMs = nowMs;
    if (frame === undefined) this.#violated('a malformed frame');
    else if (this.#hello === undefined) this.#receiveHello(frame);
    else if (!(frame.type === 'data' && frame.payload.length >= BULK_BYTES) && !this.#allowance.take(nowMs)) {
      this.#end({ reason: 'limit', detail: 'too many small frames' }, 'limit');
    } else {
      const violation = this.#receiveFrame(frame);
      if (violation !== undefined) this.#violated(violation);
    }
  }

  #receiveHello(frame: SessionFrame): void {
    if (frame.type !== 'hello') {
      this.#violated('no hello');
      return;
    }
    const { networkKey, versions = WIRE_VERSIONS } = this.#config;
    const { binding, peer } = this.connection;
    const judged = judgeHello(frame.payload, { networkKey, binding, sender: peer.nodeId, versions });
    if (!judged.ok) {
      const { reason, detail } = judged;
      this.#end(detail === undefined ? { reason } : { reason, detail }, reason);
      return;
    }
    const { version, shardBytesMax, relays, streamsMax, observedAddress } = judged.value;
    this.#hello = { version, shardBytesMax, relays, observedAddress: observedAddress ?? undefined };
    this.#places.limit(Math.min(streamsMax, STREAMS_PER_SIDE_MAX));
    this.#heartbeat.start();
    this.#sinceMs = this.clock.monotonicMs();
    this.#onHello(ok(undefined));
  }

  /** The violation that ends the session, if there is one. */
  #receiveFrame(frame: SessionFrame): string | undefined {
    switch (frame.type) {
      case 'hello':
        return 'a second hello';
      case 'ping':
        this.sendNow(encodePing('pong', frame.nonce));
        return undefined;
      case 'pong':
        this.#heartbeat.pong(frame.nonce);
        return undefined;
      case 'goaway':
        this.#hasGotGoaway = true;
        this.drain(frame.reason);
        this.#closeIfDrained();
        return undefined;
      default:
        return this.#receiveStreamFrame(frame);
    }
  }

  #receiveStreamFrame(frame: Extract<SessionFrame, { readonly streamId: number }>): string | undefined {
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined) {
      const isKnown = frame.streamId <= (this.#isOwn(frame.streamId) ? this.#lastOwnId : this.#lastPeerId);
      if (isKnown) return this.#ignoreStray(frame);
      return frame.type === 'control' && !this.#isOwn(frame.streamId) ? this.#acceptStream(frame) : `${frame.type} on an unknown stream`;
    }
    switch (frame.type) {
      case 'control':
        return stream.receiveControl(frame.length, frame.payload);
      case 'control-more':
        return stream.receiveControlMore(frame.payload);
      case 'data':
        return stream.receiveData(frame.payload);
      case 'end':
        return stream.receiveEnd();
      case 'credit':
        return stream.receiveCredit(frame.bytes);
      case 'reset':
        stream.receiveReset(frame.reason);
        return undefined;
    }
  }

  #ignoreStray(frame: Extract<SessionFrame, { readonly streamId: number }>): string | undefined {
    if ('payload' in frame) this.#strayBytes -= frameCost(frame.payload.length);
    return this.#strayBytes < 0 ? `${frame.type} on an ended stream` : undefined;
  }

  #acceptStream(frame: Extract<SessionFrame, { readonly type: 'control' }>): string | undefined {
    const { streamId } = frame;
    this.#lastPeerId = streamId;
    const isRefused = this.#hasGotGoaway || this.#peerStreams >= STREAMS_PER_SIDE_MAX;
    const window = isRefused ? undefined : ReceiveWindow.open(this.#account);
    if (window === undefined) {
      this.sendNow(encodeReset(streamId, 'busy'));
      // A stream comes with credit, which its opener may have used before it hears of this.
      this.#strayBytes += STREAM_CREDIT_INITIAL_BYTES;
      return undefined;
    }
    const stream = new Stream(this, window, streamId);
    this.#streams.set(streamId, stream);
    this.#peerStreams += 1;
    const violation = stream.receiveControl(frame.length, frame.payload);
    if (violation === undefined) void this.#serve(stream);
    return violation;
  }

  async #serve(stream: Stream): Promise<void> {
    try {
      await this.#config.onStream(this, stream);
      await stream.end();
    } catch (error) {
      if (!(error instanceof StreamClosedError)) {
        this.#runtime.log.error('bat.session.handler-failed', { error });
        stream.reset('internal');
      }
    }
    stream.reset('done');
  }

  #isOwn(streamId: number): boolean {
    return (streamId & 1) === (this.#lastOwnId & 1);
  }

  // Ending.

  #closeIfIdle(): void {
    const { idleSinceMs } = this;
    const idleMs = this.#config.idleMs ?? SESSION_IDLE_MS;
    if (idleSinceMs !== undefined && this.clock.monotonicMs() - idleSinceMs >= idleMs) this.close('idle');
  }

  #closeIfDrained(): void {
    if (this.#hasSentGoaway && this.#hasGotGoaway && this.#streams.size === 0) this.close('drained');
  }

  #violated(detail: string): void {
    this.#runtime.log.info('bat.session.protocol-error', { peer: this.connection.peer.nodeId, detail });
    this.#end({ reason: 'protocol-error', detail }, 'protocol-error');
  }

  #end(reason: CloseReason, word: string): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.connection.close(word);
    this.#ended(reason);
  }

  /** Runs at our own close and again when the connection has ended; only the first time counts. */
  #ended(connectionReason: CloseReason): CloseReason {
    this.#closeReason ??= asPeerSaid(connectionReason);
    this.#heartbeat.stop();
    this.#places.close();
    const { reason, detail } = this.#closeReason;
    this.#onHello(fail(toFailure(reason), detail));
    for (const stream of [...this.#streams.values(), ...this.#fresh]) stream.fail('closed');
    return this.#closeReason;
  }
}

export type { Session };

const isConnectionClosed = (error: unknown): boolean => error instanceof BatChainError && error.code === 'BAT_E_CONNECTION_CLOSED';

/**
 * Exchanges HELLOs over a fresh connection, whose handlers are set before this returns. The connection is closed when it
 * fails: `wrong-network` when the peer lacks the network's key, `timeout` after HANDSHAKE_TIMEOUT_MS.
 */
export function openSession(
  runtime: Runtime,
  connection: Connection,
  budget: CreditBudget,
  config: SessionConfig,
): Promise<Result<Session, SessionFailure>> {
  return new Promise((resolve) => {
    const timer = runtime.clock.setTimer(HANDSHAKE_TIMEOUT_MS, () => {
      connection.close('timeout');
      resolve(fail('timeout', 'no hello'));
    });
    const session = new Session(runtime, connection, budget, config, (result) => {
      timer.cancel();
      resolve(result.ok ? ok(session) : result);
    });
  });
}
