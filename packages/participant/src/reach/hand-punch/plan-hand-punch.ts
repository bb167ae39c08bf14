// pure: how two nodes punch UDP by hand where ICE does not come through, by what both know of their NATs (docs/spec/punch.md).
import type { NatFiltering } from '@batchain/kad-node';
import type { Address, NatMapping } from '@batchain/shared';
import { HAND_PUNCH_PORT_STEP_MAX } from '../../limits.ts';

/** What a node knows of its own NAT. */
export interface NatFacts {
  readonly mapping: NatMapping;
  readonly filtering: NatFiltering;
  /** The external port is the local one. */
  readonly preservesPort: boolean;
  /** The step from one new mapping to the next where ports count; undefined where they do not. */
  readonly portDelta: number | undefined;
}

/** What one side tells the other before both punch. */
export interface PunchFacts extends NatFacts {
  /** For each of the sockets that are open already: as which address the observers saw it, in the order in which they were asked. */
  readonly observed: readonly (readonly Address[])[];
}

export type HandPunchMethod = 'none' | 'simultaneous' | 'ordered' | 'predict' | 'birthday';

/** `fixed`: the other side knows the address that its packets come from; `moving`: its router takes another port for this peer. */
export type PunchPart = 'fixed' | 'moving';

/** What this side does. In `ordered` the side that `isFirst` sends a little earlier on the first socket, and a little later on the second. */
export interface HandPunchPlan {
  readonly method: HandPunchMethod;
  readonly part: PunchPart;
  readonly peerPart: PunchPart;
  readonly isFirst: boolean;
  /** In words, for the reason of a rung that failed. */
  readonly why: string;
}

export interface PlanOptions {
  readonly role: 'caller' | 'called';
  /** The peer has proved to us that it controls its address: bursts are allowed (T8). */
  readonly isVouched: boolean;
}

/** An address that does not depend on whom we send to, by the class and by what the observers of this very socket saw. */
function isFixed({ mapping, observed }: PunchFacts): boolean {
  if (mapping === 'address-dependent' || mapping === 'address-and-port-dependent') return false;
  return new Set((observed[0] ?? []).map(({ host, port }) => `${host} ${port}`)).size === 1;
}

/** The step between two mappings of the first socket, else the one known from before; undefined when it is too large to be one. */
export function portStep({ observed, portDelta }: PunchFacts): number | undefined {
  const [first, second] = observed[0] ?? [];
  const seen = first === undefined || second === undefined ? portDelta : second.port - first.port;
  const step = seen === 0 ? portDelta : seen;
  return step !== undefined && step !== 0 && Math.abs(step) <= HAND_PUNCH_PORT_STEP_MAX ? step : undefined;
}

/** Both sides reach the same method from the same two sets of facts; of two equal cone pairs the caller goes first. */
export function planHandPunch(ours: PunchFacts, theirs: PunchFacts, options: PlanOptions): HandPunchPlan {
  const areWeFixed = isFixed(ours);
  const areTheyFixed = isFixed(theirs);
  const plan = (method: HandPunchMethod, why: string, isFirst = false): HandPunchPlan => ({
    method,
    part: areWeFixed ? 'fixed' : 'moving',
    peerPart: areTheyFixed ? 'fixed' : 'moving',
    isFirst,
    why,
  });
  if ((ours.observed[0] ?? []).length === 0) return plan('none', 'no observer answered us by UDP');
  if ((theirs.observed[0] ?? []).length === 0) return plan('none', 'no observer answered the peer by UDP');
  if (areWeFixed && areTheyFixed) return planCones(ours, theirs, options, plan);
  if (!areWeFixed && !areTheyFixed) {
    if (portStep(ours) === undefined || portStep(theirs) === undefined)
      return plan('none', 'both routers map each peer to a port of its own');
    return plan('predict', 'the ports of both routers count');
  }
  const [fixed, moving] = areWeFixed ? [ours, theirs] : [theirs, ours];
  if (fixed.filtering === 'endpoint-independent' || fixed.filtering === 'address-dependent') {
    return plan('simultaneous', 'the router with the lasting port does not look at ports of others');
  }
  if (portStep(moving) !== undefined) return plan('predict', 'the ports of one router count');
  if (!options.isVouched)
    return plan('none', 'nobody vouches for the address of the peer: that takes two public members in different networks');
  return plan('birthday', 'one router maps each peer to a random port');
}

/**
 * Two lasting ports open by themselves, unless a router that keeps ports takes our packet for one of its own when it comes before
 * its host has sent: then that one must be first. Which it is cannot be seen from outside, so both orders are tried.
 */
function planCones(
  ours: PunchFacts,
  theirs: PunchFacts,
  { role }: PlanOptions,
  plan: (method: HandPunchMethod, why: string, isFirst?: boolean) => HandPunchPlan,
): HandPunchPlan {
  if (!ours.preservesPort && !theirs.preservesPort) return plan('simultaneous', 'both routers keep one port for all peers');
  const isFirst = ours.preservesPort === theirs.preservesPort ? role === 'caller' : ours.preservesPort;
  return plan('ordered', 'a router that keeps ports may mind who sends first', isFirst);
}
