// pure: which packet of a hand punch leaves when, from which socket and where to: the plan as a list, so that its limits can be read off.
import type { Address, Random } from '@batchain/shared';
import {
  HAND_PUNCH_BURST_GAP_MS,
  HAND_PUNCH_ORDER_MS,
  HAND_PUNCH_PACE_MS,
  HAND_PUNCH_PACKETS_MAX,
  HAND_PUNCH_PREDICTED_MAX,
  HAND_PUNCH_PROBES_MAX,
  HAND_PUNCH_SECOND_LANE_MS,
  HAND_PUNCH_SOCKETS,
} from '../../limits.ts';
import { type HandPunchPlan, type PunchFacts, portStep } from './plan-hand-punch.ts';

/** One packet. `socket` counts from 0: those that are open already, then further ones. */
export interface PunchShot {
  readonly atMs: number;
  readonly socket: number;
  readonly to: Address;
}

/** Ports that a router may choose from (RFC 4787 section 4.2.2: most keep off the well-known ones). */
const PORT_FIRST = 1024;
const PORTS = 65_536 - PORT_FIRST;

/** All packets of this side, by time. They go to one IP only: the one that the peer's observers saw last. */
export function aimShots(
  plan: HandPunchPlan,
  { ours, theirs }: { readonly ours: PunchFacts; readonly theirs: PunchFacts },
  random: Random,
  isVouched: boolean,
): readonly PunchShot[] {
  const at = theirs.observed[0]?.at(-1);
  if (at === undefined) return [];
  switch (plan.method) {
    case 'none':
      return [];
    case 'simultaneous':
      return paced(0, HAND_PUNCH_PACKETS_MAX, () => ({ socket: 0, to: at }));
    case 'ordered':
      return orderedShots(plan.isFirst, at, theirs.observed[1]?.at(-1));
    case 'predict':
      return predictShots(plan, theirs, at, isVouched);
    case 'birthday':
      return plan.part === 'moving'
        ? movingShots(at, theirs.observed[1]?.at(-1))
        : probeShots(at.host, drawPorts(random), ours.observed[1] !== undefined);
  }
}

/** From every socket to the lasting port; and to that of the other's second socket once that one has probed. */
function movingShots(first: Address, second: Address | undefined): PunchShot[] {
  const lane = (fromMs: number, to: Address | undefined): PunchShot[] =>
    to === undefined
      ? []
      : Array.from({ length: HAND_PUNCH_SOCKETS }, (_, i) => ({ atMs: fromMs + i * HAND_PUNCH_BURST_GAP_MS, socket: i, to }));
  return [...lane(0, first), ...lane(HAND_PUNCH_PROBES_MAX * HAND_PUNCH_BURST_GAP_MS, second)];
}

/**
 * Random ports of the moving side; the later ones from the second socket, to which nothing is sent before: a router that takes what
 * comes first for its own would give every port that was tried another mapping.
 */
function probeShots(host: string, ports: readonly number[], hasSecond: boolean): PunchShot[] {
  return ports.map((port, i) => {
    const atMs = i * HAND_PUNCH_BURST_GAP_MS;
    return { atMs, socket: hasSecond && atMs >= HAND_PUNCH_SECOND_LANE_MS ? 1 : 0, to: { host, port } };
  });
}

/** `count` shots so far apart that an address which nobody vouches for may get them (T8). */
function paced(fromMs: number, count: number, shot: (i: number) => Omit<PunchShot, 'atMs'>): PunchShot[] {
  return Array.from({ length: count }, (_, i) => ({ atMs: fromMs + i * HAND_PUNCH_PACE_MS, ...shot(i) }));
}

function orderedShots(isFirst: boolean, first: Address, second: Address | undefined): PunchShot[] {
  const early = isFirst ? 0 : HAND_PUNCH_ORDER_MS;
  const late = HAND_PUNCH_SECOND_LANE_MS + (isFirst ? HAND_PUNCH_ORDER_MS : 0);
  const lane = (socket: number, fromMs: number, to: Address | undefined, count: number): PunchShot[] =>
    to === undefined ? [] : paced(fromMs, count, () => ({ socket, to }));
  // Before the second socket's turn comes the first has had its three packets.
  return [...lane(0, early, first, 3), ...lane(1, late, second, HAND_PUNCH_PACKETS_MAX - 3)];
}

/** Towards a counting router: the next ports that it will use, nearest first; towards a lasting port: that one. */
function predictShots(plan: HandPunchPlan, theirs: PunchFacts, at: Address, isVouched: boolean): PunchShot[] {
  const step = portStep(theirs);
  if (plan.peerPart === 'fixed' || step === undefined) return paced(0, HAND_PUNCH_PACKETS_MAX, () => ({ socket: 0, to: at }));
  const ports = Array.from({ length: HAND_PUNCH_PREDICTED_MAX }, (_, i) => at.port + (i + 1) * step).filter(
    (port) => port > 0 && port < 65_536,
  );
  const targets = ports.map((port) => ({ host: at.host, port }));
  if (!isVouched) return paced(0, Math.min(HAND_PUNCH_PACKETS_MAX, targets.length), (i) => ({ socket: 0, to: targets[i] as Address }));
  return targets.map((to, i) => ({ atMs: i * HAND_PUNCH_BURST_GAP_MS, socket: 0, to }));
}

/** Different ports in random order. */
function drawPorts(random: Random): number[] {
  const ports = new Set<number>();
  while (ports.size < HAND_PUNCH_PROBES_MAX) ports.add(PORT_FIRST + random.below(PORTS));
  return [...ports];
}
