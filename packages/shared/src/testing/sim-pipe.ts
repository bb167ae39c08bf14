// driven: one direction of a simulated connection: messages in order, with latency, bandwidth and a window.
import { MiB, second } from '../core/units.ts';
import type { LinkModel } from './link-model.ts';
import { drawBetween, drawChance } from './prng.ts';
import type { SimHost } from './sim-host.ts';

/** Bytes under way and not yet read by the far end; more wait at the near end, as with a TCP receive window. */
const WINDOW_BYTES: number = 1 * MiB;
/** A sender hands over while its uplink is booked for less than this, so that what waits shows as buffered. */
const UPLINK_BACKLOG_MS = 20;
/** A lost segment is sent again after this, then after twice as long, and so on (RFC 6298, with Linux's minimum). */
const RETRANSMIT_FIRST_MS = 200;
const RETRANSMIT_MAX_MS: number = 5 * second;
/** A path without a sign of life for this long ends the connection at the sender. */
export const STREAM_DEAD_MS: number = 30 * second;

/** `end` closes in order after all messages; `reset` is what an operating system sends for a process that died. */
type PipeItem =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly word: string }
  | { readonly kind: 'reset' };

/** The two ends of a pipe, as it needs them. */
export interface SimPipeEnds {
  readonly from: SimHost;
  readonly to: SimHost;
  readonly link: LinkModel;
  readonly baseLatencyMs: number;
  /** A message arrives; `consumed` gives its room back once it was read. */
  receive(message: Uint8Array, consumed: () => void): void;
  receiveEnd(word: string): void;
  receiveReset(): void;
  /** Room was made: whoever waits to send may look again. */
  drained(): void;
  /** Nothing got through for STREAM_DEAD_MS. */
  died(): void;
}

export class SimPipe {
  readonly #ends: SimPipeEnds;
  /** Not yet handed to the network. */
  #queue: PipeItem[] = [];
  #queuedBytes = 0;
  /** Under way, in order, with the time from which each may arrive. */
  readonly #wire: { readonly item: PipeItem; readonly atMs: number }[] = [];
  #windowUsedBytes = 0;
  #isArrivalArmed = false;
  #isUplinkWaited = false;
  #stalledSinceMs: number | undefined;
  #retransmitMs = RETRANSMIT_FIRST_MS;

  constructor(ends: SimPipeEnds) {
    this.#ends = ends;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  push(bytes: Uint8Array): void {
    this.#queue.push({ kind: 'message', bytes });
    this.#queuedBytes += bytes.length;
    this.#pump();
  }

  /** Closes after what was pushed before. */
  finish(word: string): void {
    this.#queue.push({ kind: 'end', word });
    this.#pump();
  }

  /** Drops what is not under way yet and closes abruptly. */
  reset(): void {
    this.#queue = [{ kind: 'reset' }];
    this.#queuedBytes = 0;
    this.#pump();
  }

  /** Drops all that has not arrived. */
  clear(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#wire.length = 0;
    this.#stalledSinceMs = undefined;
  }

  get #network() {
    return this.#ends.from.network;
  }

  get #nowMs(): number {
    return this.#network.simulation.clock.elapsedMs;
  }

  #after(delayMs: number, run: () => void): void {
    this.#network.simulation.clock.setTimer(delayMs, run);
  }

  #pump(): void {
    const { from, link, baseLatencyMs } = this.#ends;
    for (let item = this.#queue[0]; item !== undefined && !this.#isUplinkWaited; item = this.#queue[0]) {
      const sizeBytes = item.kind === 'message' ? item.bytes.length : 0;
      // One message always fits, whatever its size.
      if (this.#windowUsedBytes > 0 && this.#windowUsedBytes + sizeBytes > WINDOW_BYTES) return;
      const backlogMs = from.uplinkFreeMs - this.#nowMs;
      if (backlogMs > UPLINK_BACKLOG_MS) {
        this.#isUplinkWaited = true;
        this.#after(backlogMs - UPLINK_BACKLOG_MS, () => {
          this.#isUplinkWaited = false;
          this.#pump();
        });
        return;
      }
      this.#queue.shift();
      this.#queuedBytes -= sizeBytes;
      this.#windowUsedBytes += sizeBytes;
      from.uplinkFreeMs = Math.max(this.#nowMs, from.uplinkFreeMs) + (sizeBytes / link.bytesPerSecond) * second;
      const jitterMs = drawBetween(from.random, 0, link.jitterMs);
      this.#wire.push({ item, atMs: from.uplinkFreeMs + baseLatencyMs + jitterMs + this.#lossDelayMs() });
      this.#arm();
      this.#ends.drained();
    }
  }

  #lossDelayMs(): number {
    let delayMs = 0;
    let waitMs = RETRANSMIT_FIRST_MS;
    while (waitMs <= RETRANSMIT_MAX_MS && drawChance(this.#ends.from.random, this.#ends.link.lossRate)) {
      delayMs += waitMs;
      waitMs *= 2;
    }
    return delayMs;
  }

  /** One timer for the head of the line: what is behind it can not overtake. */
  #arm(extraMs = 0): void {
    const head = this.#wire[0];
    if (head === undefined || this.#isArrivalArmed) return;
    this.#isArrivalArmed = true;
    this.#after(Math.max(head.atMs - this.#nowMs, extraMs), () => {
      this.#isArrivalArmed = false;
      this.#arrive();
    });
  }

  #arrive(): void {
    const head = this.#wire[0];
    if (head === undefined) return;
    if (head.atMs > this.#nowMs) {
      this.#arm();
      return;
    }
    const { from, to } = this.#ends;
    const there = this.#network.pathState(from, to);
    // Acknowledgements go the other way: a cut there stalls a stream as well.
    if (from !== to && (there.isCut || this.#network.pathState(to, from).isCut)) {
      this.#stall();
      return;
    }
    if (from !== to && there.freeAtMs > this.#nowMs) {
      this.#arm(there.freeAtMs - this.#nowMs);
      return;
    }
    this.#stalledSinceMs = undefined;
    this.#retransmitMs = RETRANSMIT_FIRST_MS;
    this.#wire.shift();
    this.#arm();
    this.#hand(head.item);
  }

  #stall(): void {
    this.#stalledSinceMs ??= this.#nowMs;
    if (this.#nowMs - this.#stalledSinceMs >= STREAM_DEAD_MS) {
      this.clear();
      this.#ends.died();
      return;
    }
    this.#arm(this.#retransmitMs);
    this.#retransmitMs = Math.min(this.#retransmitMs * 2, RETRANSMIT_MAX_MS);
  }

  #hand(item: PipeItem): void {
    if (item.kind === 'end') this.#ends.receiveEnd(item.word);
    else if (item.kind === 'reset') this.#ends.receiveReset();
    else {
      const { length } = item.bytes;
      // A copy: whoever changes bytes after sending them, or after getting them, harms only itself.
      this.#ends.receive(item.bytes.slice(), () => this.#giveBack(length));
    }
  }

  #giveBack(sizeBytes: number): void {
    this.#after(this.#ends.baseLatencyMs, () => {
      this.#windowUsedBytes -= sizeBytes;
      this.#pump();
    });
  }
}
