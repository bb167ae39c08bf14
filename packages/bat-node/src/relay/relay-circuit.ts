// driven: one circuit of a relay: two streams of two nodes, data moved between them as either takes it, within limits.
import type { Clock, Timer } from '@batchain/shared';
import type { BatStream, StreamItem } from '../connection/bat-session.ts';
import { paceDeadlineMs } from '../connection/deadlines.ts';
import { RELAY_IDLE_BYTES, RELAY_IDLE_MS, RELAY_WATCH_MS } from '../limits.ts';
import { batAnswerCodec } from '../wire/frame-codecs.ts';
import type { RelayRefusal } from '../wire/frames.ts';
import type { RelayQuota } from './relay-quota.ts';

/** The words with which a circuit's streams are reset; `gone`: the other node's stream or session has ended. */
export type CircuitEnd =
  | 'relay-bytes'
  | 'relay-quota'
  | 'relay-time'
  | 'relay-full'
  | 'idle'
  | 'too-slow'
  | 'gone'
  | 'malformed'
  | 'replaced';

export interface CircuitLimits {
  readonly bytesMax: number;
  readonly msMax: number;
  readonly waitMs: number;
}

interface CircuitSide {
  /** Node id in hex. */
  readonly node: string;
  readonly stream: BatStream;
  /** Read before the circuit opened, to hear of the stream's end. */
  first: Promise<StreamItem | undefined> | undefined;
  /** When the data that is being handed on must be gone (monotonic); undefined while none is. */
  sendDeadlineMs: number | undefined;
}

export class RelayCircuit {
  readonly done: Promise<void>;
  readonly #clock: Clock;
  readonly #quota: RelayQuota;
  readonly #limits: CircuitLimits;
  readonly #onEnd: () => void;
  readonly #sides: CircuitSide[] = [];
  #resolveDone: () => void = () => undefined;
  #timers: Timer[] = [];
  #movedBytes = 0;
  /** Since then it has moved `#recentBytes`, fewer than RELAY_IDLE_BYTES. */
  #quietSinceMs = 0;
  #recentBytes = 0;
  #isEnded = false;

  /** With its first end; `onEnd` is called once, when it has ended. */
  constructor(
    clock: Clock,
    quota: RelayQuota,
    limits: CircuitLimits,
    first: { readonly node: string; readonly stream: BatStream },
    onEnd: () => void,
  ) {
    this.#clock = clock;
    this.#quota = quota;
    this.#limits = limits;
    this.#onEnd = onEnd;
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
    this.#timers.push(clock.setTimer(limits.waitMs, () => this.refuse('no-counterpart', 'it did not come in time')));
    this.#addSide(first.node, first.stream);
  }

  get nodes(): readonly string[] {
    return this.#sides.map(({ node }) => node);
  }

  get isOpen(): boolean {
    return this.#sides.length === 2 && !this.#isEnded;
  }

  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** For how long it has carried next to nothing; 0 while it waits for its other end. */
  get quietMs(): number {
    return this.isOpen ? this.#clock.monotonicMs() - this.#quietSinceMs : 0;
  }

  /** The other end has come: data moves from now on. */
  join(node: string, stream: BatStream): void {
    this.#cancelTimers();
    this.#addSide(node, stream);
    this.#quietSinceMs = this.#clock.monotonicMs();
    this.#timers.push(this.#clock.setTimer(this.#limits.msMax, () => this.end('relay-time')));
    const [one, other] = this.#sides as [CircuitSide, CircuitSide];
    this.#watch();
    void this.#run(one, other);
  }

  /** Ends a circuit that waits, with an answer that says why. */
  refuse(reason: RelayRefusal, detail: string): void {
    if (!this.#close()) return;
    for (const { stream } of this.#sides) {
      const refusal = batAnswerCodec.encode({ kind: 'refused', reason, detail });
      stream
        .sendControl(refusal)
        .then(() => stream.end())
        .catch(() => undefined)
        .finally(this.#resolveDone);
    }
  }

  /** Ends it now; both nodes are told why. */
  end(reason: CircuitEnd): void {
    if (!this.#close()) return;
    for (const { stream } of this.#sides) stream.reset(reason);
    this.#resolveDone();
  }

  #addSide(node: string, stream: BatStream): void {
    const first = stream.next();
    const side: CircuitSide = { node, stream, first, sendDeadlineMs: undefined };
    this.#sides.push(side);
    const endIfWaiting = (reason: CircuitEnd): void => {
      if (!this.isOpen) this.end(reason);
    };
    first.then(
      () => endIfWaiting('malformed'),
      () => endIfWaiting('gone'),
    );
  }

  async #run(one: CircuitSide, other: CircuitSide): Promise<void> {
    const open = batAnswerCodec.encode({ kind: 'relay-open' });
    try {
      for (const { stream } of [one, other]) stream.allowTinyFrames();
      await Promise.all([one.stream.sendControl(open), other.stream.sendControl(open)]);
      await Promise.all([this.#move(one, other), this.#move(other, one)]);
    } catch {
      this.end('gone');
      return;
    }
    if (this.#close()) this.#resolveDone();
  }

  /** Hands on what one side sends, item by item, until it says that there is no more; reads on only when the other has taken it. */
  async #move(from: CircuitSide, to: CircuitSide): Promise<void> {
    for (;;) {
      const item = await (from.first ?? from.stream.next());
      from.first = undefined;
      if (item === undefined) return to.stream.end();
      if (item.kind === 'control') return this.end('malformed');
      const { length } = item.bytes;
      const nowMs = this.#clock.monotonicMs();
      if (this.#movedBytes + length > this.#limits.bytesMax) return this.end('relay-bytes');
      if (!this.#quota.take(length, nowMs)) return this.end('relay-quota');
      this.#movedBytes += length;
      this.#recentBytes += length;
      to.sendDeadlineMs = nowMs + paceDeadlineMs(length);
      await to.stream.sendData(item.bytes);
      to.sendDeadlineMs = undefined;
    }
  }

  /** Every few seconds: has it become idle, or does a side not take what was sent to it? */
  #watch(): void {
    const timer = this.#clock.setTimer(RELAY_WATCH_MS, () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      const nowMs = this.#clock.monotonicMs();
      if (this.#recentBytes >= RELAY_IDLE_BYTES) {
        this.#recentBytes = 0;
        this.#quietSinceMs = nowMs;
      }
      if (this.#sides.some(({ sendDeadlineMs }) => sendDeadlineMs !== undefined && nowMs > sendDeadlineMs)) this.end('too-slow');
      else if (nowMs - this.#quietSinceMs >= RELAY_IDLE_MS) this.end('idle');
      else this.#watch();
    });
    this.#timers.push(timer);
  }

  /** False when it has ended already. */
  #close(): boolean {
    if (this.#isEnded) return false;
    this.#isEnded = true;
    this.#cancelTimers();
    this.#onEnd();
    return true;
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }
}
