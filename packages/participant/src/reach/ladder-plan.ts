// pure: which ways to a node are worth trying, in which order, and why the others are not (docs/NAT.md).
import { type Address, type ContactRecord, equalAddress, isDialable, isPrivateHost } from '@batchain/shared';
import { DIAL_RUNG_MS, LADDER_PLAN } from '../limits.ts';
import type { MeetingFacts, RelayHint, RungName, SelfFacts } from './reach-types.ts';

export interface PlannedRung {
  readonly rung: RungName;
  /** After the race began. */
  readonly startAfterMs: number;
  readonly budgetMs: number;
}

export interface SkippedRung {
  readonly rung: RungName;
  readonly reason: string;
}

/** A race of rungs, and what was left out of it. */
export interface LadderPlan {
  readonly rungs: readonly PlannedRung[];
  readonly skipped: readonly SkippedRung[];
}

/** Addresses to dial at once, apart by what the connection will be called. */
export interface DialPlan {
  readonly lan: readonly Address[];
  readonly direct: readonly Address[];
  readonly skipped: readonly SkippedRung[];
}

const publicHost = (address: Address | undefined): string | undefined =>
  address === undefined || isPrivateHost(address.host) ? undefined : address.host;

/** True unless both are known to stand behind different external addresses: private addresses of one network mean nothing in another. */
function mayShareNetwork(ourExternal: Address | undefined, theirAddresses: readonly Address[]): boolean {
  const ours = publicHost(ourExternal);
  const theirs = theirAddresses.map(publicHost).filter((host) => host !== undefined);
  return ours === undefined || theirs.length === 0 || theirs.includes(ours);
}

/** Of ourselves: where others see us, and where we listen. */
type OwnPlace = Pick<SelfFacts, 'external' | 'batAddresses'>;

function splitDials(bat: readonly Address[], external: readonly Address[], ours: OwnPlace, ownHosts: readonly string[]): DialPlan {
  const skipped: SkippedRung[] = [];
  const privates = bat.filter(({ host }) => isPrivateHost(host));
  // A node in another network may have our very address there.
  const isOurs = (address: Address): boolean => ours.batAddresses.some((own) => equalAddress(own, address));
  const reachable = privates.filter((address) => isDialable(address, ownHosts) && !isOurs(address));
  const lan = mayShareNetwork(ours.external, external) ? reachable : [];
  const direct = bat.filter((address) => !isPrivateHost(address.host) && isDialable(address, ownHosts));
  if (lan.length === 0) {
    const reason = privates.length === 0 ? 'it names no address of a local network' : 'it is in another network';
    skipped.push({ rung: 'lan', reason });
  }
  if (direct.length === 0) skipped.push({ rung: 'direct', reason: 'it can not be dialled from outside' });
  return { lan, direct, skipped };
}

/** True when nothing of the record is left but what was dialled: a node whose KadNode is seen from outside may be met through that. */
export const isAllDialled = ({ contact }: ContactRecord, { direct }: DialPlan): boolean =>
  contact.brokers.length === 0 && (direct.length > 0 || contact.kadAddresses.every(({ host }) => isPrivateHost(host)));

/** What the contact record of a node lets us dial before anything was said. */
export function planDials({ contact }: ContactRecord, ours: OwnPlace, ownHosts: readonly string[]): DialPlan {
  return splitDials(contact.batAddresses, [...contact.kadAddresses, ...contact.batAddresses], ours, ownHosts);
}

/** The same from what the node itself said just now. */
export function planFreshDials(theirs: MeetingFacts, ours: OwnPlace, ownHosts: readonly string[]): DialPlan {
  const external = theirs.external === undefined ? theirs.batAddresses : [theirs.external];
  return splitDials(theirs.batAddresses, external, ours, ownHosts);
}

const changesPorts = ({ mapping }: MeetingFacts): boolean => mapping === 'address-dependent' || mapping === 'address-and-port-dependent';

/**
 * The pair that ICE can not open: one side takes another port for each destination, the other lets in only what it has sent to
 * (RFC 4787). A filter that is not known let in other ports of an IP when that was tried: ICE has a chance.
 */
export function isHardPair(a: MeetingFacts, b: MeetingFacts): boolean {
  const isStrict = (side: MeetingFacts): boolean => changesPorts(side) || side.filtering === 'address-and-port-dependent';
  return (changesPorts(a) && isStrict(b)) || (changesPorts(b) && isStrict(a));
}

/** Whether ICE opens it depends on a filter that nobody has tried yet. */
function mayBeHardPair(a: MeetingFacts, b: MeetingFacts): boolean {
  return (changesPorts(a) && b.filtering === 'unknown') || (changesPorts(b) && a.filtering === 'unknown');
}

function handPunchStartMs(caller: MeetingFacts, called: MeetingFacts, isDialable: boolean): number {
  if (isHardPair(caller, called)) return isDialable ? LADDER_PLAN.dialHeadStartMs : 0;
  return mayBeHardPair(caller, called) ? LADDER_PLAN.doubtfulIceMs : LADDER_PLAN.handPunchHeadStartMs;
}

type RelayFacts = Pick<MeetingFacts, 'relays' | 'hasUdp'>;

/** Both choose the same relay: one that both named, else one of a side without UDP, which can reach few, else the answerer's. */
export function chooseRelay(caller: RelayFacts, called: RelayFacts): RelayHint | undefined {
  const isSame = (a: RelayHint) => (b: RelayHint) => Buffer.compare(a.nodeId, b.nodeId) === 0;
  const common = called.relays.find((relay) => caller.relays.some(isSame(relay)));
  const [first, second] = caller.hasUdp ? [called.relays, caller.relays] : [caller.relays, called.relays];
  return common ?? first[0] ?? second[0];
}

/**
 * The race after both have spoken; the same at both ends but for who dials. Ways that carry more bytes per second of work get a
 * head start where they are likely (docs/NAT.md). Nothing is left out for what a side says of being reachable: it may not know
 * yet of the firewall before it, and the other may reach ports 80 and 443 only.
 */
export function planMeeting(caller: MeetingFacts, called: MeetingFacts): LadderPlan {
  const rungs: PlannedRung[] = [];
  const skipped: SkippedRung[] = [];
  const skip = (rung: RungName, reason: string): void => void skipped.push({ rung, reason });
  const isDialable = caller.isBatReachable || called.isBatReachable;
  if (caller.isBatReachable) rungs.push({ rung: 'reverse', startAfterMs: 0, budgetMs: LADDER_PLAN.reverseMs });
  else skip('reverse', 'we can not be dialled from outside');
  if (called.isBatReachable) rungs.push({ rung: 'direct', startAfterMs: 0, budgetMs: DIAL_RUNG_MS });

  const isOneNat = caller.external !== undefined && caller.external.host === called.external?.host;
  const hasTcp = caller.tcpPort > 0 && called.tcpPort > 0 && caller.external !== undefined && called.external !== undefined;
  const keepPorts = caller.keepsPorts && called.keepsPorts;
  if (!hasTcp) skip('tcp-punch', 'an external address is not known');
  else if (isOneNat) skip('tcp-punch', 'both are behind one NAT');
  else rungs.push({ rung: 'tcp-punch', startAfterMs: isDialable ? LADDER_PLAN.dialHeadStartMs : 0, budgetMs: LADDER_PLAN.tcpPunchMs });

  const isTcpLikely = isDialable || (hasTcp && keepPorts && !isOneNat);
  if (!caller.hasUdp || !called.hasUdp) skip('data-channel', 'UDP does not get through on one side');
  else if (caller.ice === undefined || called.ice === undefined) skip('data-channel', 'one side could not open one');
  else if (isHardPair(caller, called))
    skip('data-channel', 'one side takes a new port for each destination, the other lets in known ports only');
  else {
    const startAfterMs = isTcpLikely ? LADDER_PLAN.channelHeadStartMs : 0;
    rungs.push({ rung: 'data-channel', startAfterMs, budgetMs: LADDER_PLAN.channelMs });
  }

  if (!caller.hasUdp || !called.hasUdp) skip('hand-punch', 'UDP does not get through on one side');
  else if (caller.external === undefined || called.external === undefined) skip('hand-punch', 'an external address is not known');
  else if (isOneNat) skip('hand-punch', 'both are behind one NAT');
  else {
    const startAfterMs = handPunchStartMs(caller, called, isDialable);
    rungs.push({ rung: 'hand-punch', startAfterMs, budgetMs: LADDER_PLAN.handPunchMs });
  }

  if (chooseRelay(caller, called) === undefined) skip('relay', 'neither knows a participant that relays');
  else {
    // What is only tried, without much hope, is not waited for.
    const isHopeful = isTcpLikely || rungs.some(({ rung }) => rung === 'data-channel');
    rungs.push({ rung: 'relay', startAfterMs: isHopeful ? LADDER_PLAN.relayHeadStartMs : 0, budgetMs: LADDER_PLAN.relayMs });
  }
  return { rungs, skipped };
}
