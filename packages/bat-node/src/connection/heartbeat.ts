// driven: the pulse of a session: pings, round-trip times, and the moments at which a silent or idle one ends.
import type { Runtime, Timer } from '@batchain/shared';
import { PING_INTERVAL_MS, SESSION_DEAD_MS } from '../limits.ts';

/** Pings of many sessions are spread by this part of the interval. */
const JITTER_PERCENT = 10;
/** RFC 6298 section 2. */
const SMOOTHING = 1 / 8;
/** How fast the lowest round trip is forgotten when all newer ones are slower. */
const LOWEST_AGEING = 1 / 16;

export interface HeartbeatEvents {
  readonly sendPing: (nonce: number) => void;
  /** Nothing was heard of the peer for SESSION_DEAD_MS. */
  readonly onDead: () => void;
  /** Called at every beat. */
  readonly onBeat: () => void;
}

/** One timer, armed anew at each beat. */
export class Heartbeat {
  readonly #runtime: Runtime;
  readonly #events: HeartbeatEvents;
  #timer: Timer | undefined;
  #heardMs: number;
  #dueMs = 0;
  #ping: { readonly nonce: number; readonly sentMs: number } | undefined;
  #smoothedMs: number | undefined;
  #lowestMs: number | undefined;

  constructor(runtime: Runtime, events: HeartbeatEvents) {
    this.#runtime = runtime;
    this.#events = events;
    this.#heardMs = runtime.clock.monotonicMs();
  }

  /** Smoothed round trip. */
  get rttMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** The round trip of an empty path; windows are sized by it, so that full buffers do not ask for fuller ones. */
  get lowestRttMs(): number | undefined {
    return this.#lowestMs;
  }

  /** For how long nothing was heard; time in which this process did not get to read does not count. */
  get silentMs(): number {
    const nowMs = this.#runtime.clock.monotonicMs();
    return Math.max(0, (this.#dueMs > 0 ? Math.min(nowMs, this.#dueMs) : nowMs) - this.#heardMs);
  }

  start(): void {
    this.#heardMs = this.#runtime.clock.monotonicMs();
    this.#beat();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Any message is a sign of life. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  pong(nonce: number): void {
    if (this.#ping?.nonce !== nonce) return;
    const sampleMs = this.#runtime.clock.monotonicMs() - this.#ping.sentMs;
    this.#ping = undefined;
    this.#smoothedMs = this.#smoothedMs === undefined ? sampleMs : this.#smoothedMs + (sampleMs - this.#smoothedMs) * SMOOTHING;
    const lowest = this.#lowestMs ?? sampleMs;
    this.#lowestMs = sampleMs <= lowest ? sampleMs : lowest + (sampleMs - lowest) * LOWEST_AGEING;
  }

  #beat(): void {
    const { clock, random } = this.#runtime;
    const nowMs = clock.monotonicMs();
    // After a suspended or blocked process what the peer sent meanwhile is still unread: that time does not count.
    if (this.#dueMs > 0) this.#heardMs += Math.max(0, nowMs - this.#dueMs);
    const silentMs = nowMs - this.#heardMs;
    if (silentMs >= SESSION_DEAD_MS) {
      this.#events.onDead();
      return;
    }
    this.#ping ??= { nonce: random.u32(), sentMs: nowMs };
    this.#events.sendPing(this.#ping.nonce);
    const jitterMs = (PING_INTERVAL_MS * (random.below(2 * JITTER_PERCENT + 1) - JITTER_PERCENT)) / 100;
    const delayMs = Math.min(PING_INTERVAL_MS + jitterMs, SESSION_DEAD_MS - silentMs);
    this.#dueMs = nowMs + delayMs;
    this.#timer = clock.setTimer(delayMs, () => this.#beat());
    this.#events.onBeat();
  }
}
