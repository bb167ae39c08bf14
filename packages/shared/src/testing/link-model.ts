// pure: how a simulated path treats what is sent over it: latency, loss, duplicates, reordering, bandwidth, clogs.
import { MiB, second } from '../core/units.ts';
import type { Random } from '../runtime/random.ts';
import { drawBetween, drawChance } from './prng.ts';

/** The faults and costs of a path, as one record. Rates are probabilities per datagram. */
export interface LinkModel {
  /** One way, milliseconds. Each pair of hosts keeps one value out of this range for the whole run. */
  readonly latencyMs: readonly [number, number];
  /** Up to this much is added, drawn per datagram. */
  readonly jitterMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** A reordered datagram is held for up to `reorderMs`, so that later ones overtake it. */
  readonly reorderRate: number;
  readonly reorderMs: number;
  /** Rate of the sender's uplink; Infinity for none. */
  readonly bytesPerSecond: number;
  /** What waits for the uplink; datagrams beyond are dropped (drop-tail). */
  readonly queueBytesMax: number;
  /** A datagram clogs its path with this probability: all that is sent over it waits up to `clogMs`, then comes at once. */
  readonly clogRate: number;
  readonly clogMs: number;
}

/** A calm Internet: 10 to 60 ms one way and nothing lost. */
export const CALM_LINK: LinkModel = {
  latencyMs: [10, 60],
  jitterMs: 2,
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  reorderMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  queueBytesMax: MiB,
  clogRate: 0,
  clogMs: 0,
};

/** A local network. */
export const LAN_LINK: LinkModel = { ...CALM_LINK, latencyMs: [0.1, 0.5], jitterMs: 0.2 };

/**
 * Faults drawn for a swarm run: each is off in about half of the runs and anything
 * up to severe in the others, so that runs meet bad mixtures and also single faults alone.
 */
export function drawLinkModel(random: Random): LinkModel {
  const perhaps = (high: number): number => (drawChance(random, 0.5) ? drawBetween(random, 0, high) : 0);
  const lowMs = drawBetween(random, 0.5, 50);
  return {
    latencyMs: [lowMs, lowMs + drawBetween(random, 0, 150)],
    jitterMs: perhaps(50),
    lossRate: perhaps(0.3),
    duplicateRate: perhaps(0.1),
    reorderRate: perhaps(0.2),
    reorderMs: 2 * second,
    bytesPerSecond: drawChance(random, 0.25) ? drawBetween(random, MiB / 8, 16 * MiB) : Number.POSITIVE_INFINITY,
    queueBytesMax: MiB,
    clogRate: perhaps(0.001),
    clogMs: 10 * second,
  };
}

export interface DeliveryPlan {
  /** One entry per copy that arrives, in milliseconds from now; none when it is lost. */
  readonly delaysMs: readonly number[];
  /** When the uplink will have sent it. */
  readonly uplinkFreeMs: number;
  /** Set when this datagram clogs its path: for how long. */
  readonly clogMs: number;
}

/** What becomes of one datagram sent at `nowMs` by a host whose uplink is busy until `uplinkFreeMs`. */
export function planDelivery(
  link: LinkModel,
  random: Random,
  sizeBytes: number,
  baseLatencyMs: number,
  nowMs: number,
  uplinkFreeMs: number,
): DeliveryPlan {
  const startMs = Math.max(nowMs, uplinkFreeMs);
  if (((startMs - nowMs) / second) * link.bytesPerSecond > link.queueBytesMax) return { delaysMs: [], uplinkFreeMs, clogMs: 0 };
  const sentMs = startMs + (sizeBytes / link.bytesPerSecond) * second;
  const clogMs = drawChance(random, link.clogRate) ? drawBetween(random, 0, link.clogMs) : 0;
  if (drawChance(random, link.lossRate)) return { delaysMs: [], uplinkFreeMs: sentMs, clogMs };
  const copyDelayMs = (): number => {
    const heldMs = drawChance(random, link.reorderRate) ? drawBetween(random, 0, link.reorderMs) : 0;
    return sentMs - nowMs + baseLatencyMs + drawBetween(random, 0, link.jitterMs) + heldMs;
  };
  const delaysMs = [copyDelayMs()];
  if (drawChance(random, link.duplicateRate)) delaysMs.push(copyDelayMs());
  return { delaysMs, uplinkFreeMs: sentMs, clogMs };
}
