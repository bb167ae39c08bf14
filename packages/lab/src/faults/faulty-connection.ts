// driven: a Connection whose path delays and cuts, as the fault table says: in order and without loss, as over TCP.
import { BaseConnection, type Connection, type Runtime, toHex } from '@batchain/shared';
import { drawChance } from '@batchain/shared/testing';
import { HELD_HIGH_BYTES, HELD_LOW_BYTES, RETRANSMISSIONS_MAX, RETRANSMIT_MS } from '../limits.ts';
import type { FaultBook } from './fault-book.ts';
import type { FaultTable, LabPath } from './fault-table.ts';

interface HeldMessage {
  readonly bytes: Uint8Array;
  readonly dueMs: number;
}

/** What is sent over a cut path waits for it to heal; that the other end has closed is not heard before either. */
export class FaultyConnection extends BaseConnection {
  readonly #runtime: Runtime;
  readonly #inner: Connection;
  readonly #book: FaultBook;
  readonly #nodeId: string;
  readonly #over = new AbortController();
  readonly #held: HeldMessage[] = [];
  #heldBytes = 0;
  #lastDueMs = 0;
  #isPumping = false;
  #closing: string | undefined;
  /** Of what is held here alone: what the connection beneath holds is its own affair. */
  readonly #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(runtime: Runtime, inner: Connection, book: FaultBook) {
    super(inner, { highBytes: HELD_HIGH_BYTES, lowBytes: HELD_LOW_BYTES });
    this.#runtime = runtime;
    this.#inner = inner;
    this.#book = book;
    this.#nodeId = toHex(inner.peer.nodeId);
    void inner.closed.then(async (reason) => {
      await this.#untilOpen();
      this.#over.abort();
      this.end(reason);
    });
  }

  readonly #pathIn = (table: FaultTable): LabPath => table.toNode(this.#nodeId);

  #untilOpen(): Promise<void> {
    return this.#book.untilOpen((table) => !this.#pathIn(table).isCut, this.#over.signal);
  }

  override get bufferedBytes(): number {
    return this.#heldBytes + this.#inner.bufferedBytes;
  }

  override send(message: Uint8Array): Promise<void> {
    const refusal = this.refusal(message.length, true);
    if (refusal !== undefined) return Promise.reject(refusal);
    const { isCut, lossRate, delayMs } = this.#pathIn(this.#book.table);
    if (!isCut && lossRate === 0 && delayMs === 0 && !this.#isPumping) return this.#inner.send(message);
    const { clock } = this.#runtime;
    this.#lastDueMs = Math.max(this.#lastDueMs, clock.monotonicMs() + delayMs + this.#retransmitMs(lossRate, delayMs));
    this.#held.push({ bytes: message, dueMs: this.#lastDueMs });
    this.#heldBytes += message.length;
    if (!this.#isPumping) void this.#pump();
    if (this.#heldBytes <= HELD_HIGH_BYTES) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** A segment that is lost comes later, and all behind it. */
  #retransmitMs(lossRate: number, delayMs: number): number {
    let waitMs = 0;
    let timeoutMs = RETRANSMIT_MS + 2 * delayMs;
    for (let tries = 0; tries < RETRANSMISSIONS_MAX && drawChance(this.#runtime.random, lossRate); tries++) {
      waitMs += timeoutMs;
      timeoutMs *= 2;
    }
    return waitMs;
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    const { clock } = this.#runtime;
    try {
      for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) {
        const waitMs = next.dueMs - clock.monotonicMs();
        if (waitMs > 0) await clock.sleep(waitMs, this.#over.signal);
        await this.#untilOpen();
        await this.#inner.send(next.bytes);
        this.#heldBytes -= next.bytes.length;
        if (this.#heldBytes <= HELD_LOW_BYTES) for (const { resolve } of this.#waiters.splice(0)) resolve();
      }
      if (this.#closing !== undefined) this.#inner.close(this.#closing);
    } catch {
      // The connection has ended, which `closed` tells.
    } finally {
      this.#isPumping = false;
    }
  }

  protected override rejectWaiters(): void {
    super.rejectWaiters();
    for (const { reject } of this.#waiters.splice(0)) reject(this.refusal(0, false));
  }

  override onMessage(handler: (message: Uint8Array) => void): void {
    this.#inner.onMessage(handler);
  }

  override pause(isPaused: boolean): void {
    this.#inner.pause(isPaused);
  }

  /** What was sent before is still delivered, unless the path is cut: then nobody hears of it. */
  override close(reason: string): void {
    if (!this.end({ reason: 'local', detail: reason })) return;
    if (this.#isPumping && !this.#pathIn(this.#book.table).isCut) {
      this.#closing = reason;
      return;
    }
    this.#over.abort();
    this.#inner.close(reason);
  }
}
