// pure: how many signals one node passes on and takes, so that nobody is flooded through it (T8).
import { type Address, type NodeId, toHex } from '@batchain/shared';
import {
  INTRODUCES_BURST,
  INTRODUCES_PER_S,
  SIGNAL_DATAGRAMS_PER_S,
  SIGNAL_PEERS_MAX,
  SIGNALS_PER_TARGET_BURST,
  SIGNALS_PER_TARGET_PER_S,
  SIGNALS_TAKEN_BURST,
  SIGNALS_TAKEN_PER_BROKER_BURST,
  SIGNALS_TAKEN_PER_BROKER_PER_S,
  SIGNALS_TAKEN_PER_S,
  SIGNALS_TAKEN_PER_SENDER_BURST,
  SIGNALS_TAKEN_PER_SENDER_PER_S,
} from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';
import { sourceOf } from '../rpc/source-ip.ts';
import { TokenBucket } from '../rpc/token-bucket.ts';

const WINDOW_MS = 1000;

interface Target {
  readonly signals: TokenBucket;
  /** When the last datagrams with signals went there, oldest first. */
  readonly sentMs: number[];
  /** When a signal was last given up there. */
  silentMs: number;
}

/** The allowances of a broker. `nowMs` is of one monotonic clock throughout. */
export class BrokerLimits {
  readonly #requesters = new BoundedMap<string, TokenBucket>(SIGNAL_PEERS_MAX);
  readonly #targets = new BoundedMap<string, Target>(SIGNAL_PEERS_MAX);

  /** One INTRODUCE of this requester is to be served. */
  takeRequester(nodeId: NodeId, nowMs: number): boolean {
    return bucketOf(this.#requesters, toHex(nodeId), INTRODUCES_PER_S, INTRODUCES_BURST, nowMs).take(nowMs);
  }

  /** One signal is to go to this target. */
  takeTarget(nodeId: NodeId, nowMs: number): boolean {
    const target = this.#target(nodeId, nowMs);
    return this.#hasRoom(target, nowMs) && target.signals.take(nowMs);
  }

  /** One datagram with a signal is to go to this target: never more than SIGNAL_DATAGRAMS_PER_S in any second. */
  takeDatagram(nodeId: NodeId, nowMs: number): boolean {
    const target = this.#target(nodeId, nowMs);
    if (!this.#hasRoom(target, nowMs)) return false;
    target.sentMs.push(nowMs);
    if (target.sentMs.length > SIGNAL_DATAGRAMS_PER_S) target.sentMs.shift();
    return true;
  }

  /** The target did not answer a signal: nothing more goes there before it is heard from again. */
  noteSilence(nodeId: NodeId, nowMs: number): void {
    this.#target(nodeId, nowMs).silentMs = nowMs;
  }

  /** False when a signal was given up after the target was last heard from. */
  isAnswering(nodeId: NodeId, heardMs: number): boolean {
    const target = this.#targets.peek(toHex(nodeId));
    return target === undefined || heardMs > target.silentMs;
  }

  #hasRoom({ sentMs }: Target, nowMs: number): boolean {
    return sentMs.length < SIGNAL_DATAGRAMS_PER_S || nowMs - (sentMs[0] as number) >= WINDOW_MS;
  }

  #target(nodeId: NodeId, nowMs: number): Target {
    const name = toHex(nodeId);
    let target = this.#targets.get(name);
    if (target === undefined) {
      const signals = new TokenBucket(SIGNALS_PER_TARGET_PER_S, SIGNALS_PER_TARGET_BURST, nowMs);
      target = { signals, sentMs: [], silentMs: Number.NEGATIVE_INFINITY };
      this.#targets.set(name, target);
    }
    return target;
  }
}

/**
 * The allowances of who is called. A broker may name senders as it likes, hence the bound on all together; and whatever it sends uses up
 * only what is taken through it, so that the same sender is heard through another.
 */
export class SignalAllowance {
  readonly #brokers = new BoundedMap<string, TokenBucket>(SIGNAL_PEERS_MAX);
  /** By broker and sender. */
  readonly #senders = new BoundedMap<string, TokenBucket>(SIGNAL_PEERS_MAX);
  readonly #all: TokenBucket;

  constructor(nowMs: number) {
    this.#all = new TokenBucket(SIGNALS_TAKEN_PER_S, SIGNALS_TAKEN_BURST, nowMs);
  }

  /** One signal of this sender, which the broker at `via` brings, is to be taken. */
  take(from: NodeId, via: Address, nowMs: number): boolean {
    const source = sourceOf(via.host);
    const name = `${source} ${toHex(from)}`;
    const broker = bucketOf(this.#brokers, source, SIGNALS_TAKEN_PER_BROKER_PER_S, SIGNALS_TAKEN_PER_BROKER_BURST, nowMs);
    const sender = bucketOf(this.#senders, name, SIGNALS_TAKEN_PER_SENDER_PER_S, SIGNALS_TAKEN_PER_SENDER_BURST, nowMs);
    return sender.take(nowMs) && broker.take(nowMs) && this.#all.take(nowMs);
  }
}

function bucketOf(buckets: BoundedMap<string, TokenBucket>, name: string, perSecond: number, burst: number, nowMs: number): TokenBucket {
  let bucket = buckets.get(name);
  if (bucket === undefined) {
    bucket = new TokenBucket(perSecond, burst, nowMs);
    buckets.set(name, bucket);
  }
  return bucket;
}
