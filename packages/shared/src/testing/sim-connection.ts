// driven: the Connection port over the simulated network: both ends of one connection.
import { concatBytes } from '../core/bytes.ts';
import { MiB } from '../core/units.ts';
import { type Address, isPrivateHost } from '../net/address.ts';
import { BaseConnection, type ConnectionFacts } from '../net/base-connection.ts';
import type { CloseReason } from '../net/connection.ts';
import { ReadQueue } from '../net/read-queue.ts';
import type { LinkModel } from './link-model.ts';
import type { SimEndpoint, SimHost } from './sim-host.ts';
import { SimPipe, type SimPipeEnds } from './sim-pipe.ts';

/** Above this many unsent bytes send() resolves only when it is below again. */
const HIGH_WATER_BYTES: number = 1 * MiB;

/** What one end knows from the handshake. */
export interface SimConnectionFacts extends Omit<ConnectionFacts, 'path'> {
  readonly host: SimHost;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
}

type InboxItem =
  | { readonly kind: 'message'; readonly bytes: Uint8Array; readonly consumed: () => void }
  | { readonly kind: 'end'; readonly word: string };

/** Adapter of the Connection port; made by SimDialer only, in pairs. */
export class SimConnection extends BaseConnection implements SimEndpoint {
  declare readonly remoteAddress: Address;
  readonly #host: SimHost;
  readonly #localAddress: Address;
  #out: SimPipe | undefined;
  /** Arrived and not yet read; bounded by the window of the pipe. */
  readonly #inbox: ReadQueue<InboxItem>;
  /** The process died or gave up: what still arrives is answered by a reset. */
  #isGone = false;

  constructor(facts: SimConnectionFacts) {
    const path = isPrivateHost(facts.remoteAddress.host) ? 'lan' : 'direct';
    super({ ...facts, path }, { highBytes: HIGH_WATER_BYTES, lowBytes: HIGH_WATER_BYTES });
    this.#host = facts.host;
    this.#localAddress = facts.localAddress;
    this.#inbox = new ReadQueue(
      (read) => facts.host.network.simulation.clock.setTimer(0, read),
      (item, handler) => this.#take(item, handler),
    );
    facts.host.hold(this);
  }

  /** Joins two ends: what one sends the other receives. */
  static join(near: SimConnection, far: SimConnection, link: LinkModel, baseLatencyMs: number): void {
    near.#out = new SimPipe(near.#pipeTo(far, link, baseLatencyMs));
    far.#out = new SimPipe(far.#pipeTo(near, link, baseLatencyMs));
  }

  get bufferedBytes(): number {
    return this.#out?.queuedBytes ?? 0;
  }

  send(message: Uint8Array): Promise<void> {
    const refusal = this.refusal(message.length, this.#out !== undefined);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#host.network.report('sent', 'tcp', this.#host, this.#localAddress, this.remoteAddress, message);
    this.#out?.push(message);
    return this.belowMark();
  }

  sendParts(head: Uint8Array, body: Uint8Array): Promise<void> {
    return this.send(concatBytes(head, body));
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#inbox.onMessage(handler);
  }

  pause(isPaused: boolean): void {
    this.#inbox.pause(isPaused);
  }

  close(reason: string): void {
    if (this.isEnded) return;
    this.#out?.finish(reason);
    this.end({ reason: 'local', detail: reason });
  }

  /** Breaks the connection: both ends see an error, what is not under way is lost. */
  destroy(): void {
    this.#out?.reset();
    this.#giveUp({ reason: 'error', detail: 'the connection was lost' });
  }

  abandon(): void {
    this.#isGone = true;
    this.endUnheard();
    this.#inbox.clear();
    this.#out?.reset();
  }

  #pipeTo(far: SimConnection, link: LinkModel, baseLatencyMs: number): SimPipeEnds {
    return {
      from: this.#host,
      to: far.#host,
      link,
      baseLatencyMs,
      receive: (bytes, consumed) => far.#receive(bytes, consumed),
      receiveEnd: (word) => far.#receiveEnd(word),
      receiveReset: () => far.#receiveReset(),
      drained: () => this.drained(),
      died: () => this.#giveUp({ reason: 'timeout', detail: 'nothing got through' }),
    };
  }

  #receive(bytes: Uint8Array, consumed: () => void): void {
    if (this.#isGone) {
      this.#out?.reset();
      return;
    }
    const { clock, trace } = this.#host.network.simulation;
    trace.record('message', clock.elapsedMs, this.#host.index, this.remoteAddress.host, this.#localAddress.port, bytes);
    this.#host.network.report('delivered', 'tcp', this.#host, this.remoteAddress, this.#localAddress, bytes);
    // After a close of our own the rest is read and thrown away, so that the other end is not held up.
    if (this.isEnded) consumed();
    else this.#inbox.push({ kind: 'message', bytes, consumed });
  }

  #receiveEnd(word: string): void {
    if (!this.isEnded) this.#inbox.push({ kind: 'end', word });
  }

  #receiveReset(): void {
    this.#out?.clear();
    this.#giveUp({ reason: 'error', detail: 'the connection was lost' });
  }

  #take(item: InboxItem, handler: (message: Uint8Array) => void): void {
    if (item.kind === 'end') {
      this.#out?.clear();
      this.end({ reason: 'remote', detail: item.word });
    } else {
      item.consumed();
      handler(item.bytes);
    }
  }

  #giveUp(reason: CloseReason): void {
    this.#isGone = true;
    this.end(reason);
  }

  protected override end(reason: CloseReason): boolean {
    if (!super.end(reason)) return false;
    this.#host.release(this);
    for (const item of this.#inbox.clear()) if (item.kind === 'message') item.consumed();
    return true;
  }
}
