// driven: what a node says of itself (no I/O; its choice of addresses stands in a driven file): addresses, flags and the word for its reach, from what it and others have seen.
import type { NatFiltering } from '@batchain/kad-node';
import { type Address, isPrivateHost, type NatMapping } from '@batchain/shared';
import { chooseAdvertised } from '../adapters/own-addresses.ts';
import { TUNNEL_PORTS } from '../limits.ts';
import type { RelayHint, SelfFacts } from './reach-types.ts';

/** What others have seen of this node, and what they found when they tried to reach it; undefined: nobody has told. */
export interface SeenByOthers {
  readonly external: Address | undefined;
  readonly mapping: NatMapping;
  readonly filtering: NatFiltering;
  readonly preservesPort: boolean;
  readonly kadReachable: boolean | undefined;
  /** Where strangers' datagrams got through: a forwarded port may have another number than the one that others see. */
  readonly kadReachableAt: Address | undefined;
  readonly batReachable: boolean | undefined;
}

/** A port that the router forwards because this node asked for it. */
export interface PortMapping {
  readonly protocol: 'udp' | 'tcp';
  readonly external: Address;
}

export interface SelfInputs {
  readonly seen: SeenByOthers;
  /** Addresses of the interfaces now. */
  readonly hosts: readonly string[];
  /** Where the sockets are bound. */
  readonly kad: Address;
  readonly bat: Address;
  readonly mappings: readonly PortMapping[];
  readonly hasNoUdp: boolean;
  readonly relays: readonly RelayHint[];
}

export type ReachWord = 'lan' | 'public' | 'punched' | 'relayed' | 'unknown';

export interface SelfDescription {
  readonly facts: SelfFacts;
  readonly kadAddresses: readonly Address[];
  readonly batAddresses: readonly Address[];
  readonly isKadReachable: boolean;
  readonly natMapping: NatMapping;
  readonly reach: ReachWord;
}

/** Whether somebody outside can join through this node at its first kad address, as far as is known: by UDP, or over a WebSocket. */
export function takesJoins({ facts, kadAddresses, batAddresses, isKadReachable }: SelfDescription): boolean {
  if (isKadReachable) return true;
  const [kad] = kadAddresses;
  const [bat] = batAddresses;
  const isDialled = facts.external !== undefined && facts.isBatReachable && kad?.host === bat?.host;
  return isDialled && bat !== undefined && TUNNEL_PORTS.includes(bat.port);
}

const ADDRESSES_MAX = 4;
const isPublic = ({ host }: Address): boolean => !isPrivateHost(host);

/** The addresses, each once, as many as a contact record holds. */
function distinct(addresses: readonly (Address | undefined)[]): Address[] {
  const known = addresses.filter((address) => address !== undefined);
  const isFirst = ({ host, port }: Address, i: number): boolean =>
    known.findIndex((other) => other.host === host && other.port === port) === i;
  return known.filter(isFirst).slice(0, ADDRESSES_MAX);
}

/** A node that nobody has seen from outside is on a network of its own, or public: both can be dialled by whom they talk to. */
function describeUnseen(inputs: SelfInputs): SelfDescription {
  const kadAddresses = chooseAdvertised(inputs.kad, inputs.hosts);
  const batAddresses = chooseAdvertised(inputs.bat, inputs.hosts);
  const facts: SelfFacts = {
    batAddresses,
    isBatReachable: true,
    external: undefined,
    mapping: 'unknown',
    filtering: 'unknown',
    keepsPorts: false,
    hasUdp: !inputs.hasNoUdp,
    relays: inputs.relays,
  };
  const reach = inputs.hasNoUdp ? 'relayed' : kadAddresses.some(isPublic) ? 'public' : 'lan';
  return { facts, kadAddresses, batAddresses, isKadReachable: !inputs.hasNoUdp, natMapping: 'unknown', reach };
}

/**
 * Until somebody has tried, a node is taken to be reachable when the address that others see is one of its own, and not to be
 * when it is a router's.
 */
export function describeSelf(inputs: SelfInputs): SelfDescription {
  const { seen, hosts, mappings, hasNoUdp, relays } = inputs;
  const { external } = seen;
  if (external === undefined || isPrivateHost(external.host)) return describeUnseen(inputs);
  const isOwn = hosts.includes(external.host);
  const isKadReachable = !hasNoUdp && (seen.kadReachable ?? isOwn);
  const isBatReachable = seen.batReachable ?? isOwn;
  const mappedTo = (protocol: PortMapping['protocol']): Address | undefined =>
    mappings.find((mapping) => mapping.protocol === protocol)?.external;
  const kadOwn = chooseAdvertised(inputs.kad, hosts);
  const batOwn = chooseAdvertised(inputs.bat, hosts);
  const lan = (own: readonly Address[]): readonly Address[] => own.filter((address) => !isPublic(address));
  // What was found to work comes before what the router says.
  const kadOutside = isOwn ? undefined : (seen.kadReachableAt ?? external);
  const kadAddresses = isKadReachable ? distinct([kadOutside, mappedTo('udp'), ...kadOwn]) : distinct([external, ...lan(kadOwn)]);
  const batOutside = mappedTo('tcp') ?? { host: external.host, port: inputs.bat.port };
  const batAddresses = isBatReachable ? distinct([isOwn ? undefined : batOutside, ...batOwn]) : lan(batOwn);
  const facts: SelfFacts = {
    batAddresses,
    isBatReachable,
    // Through a tunnel others see whoever carries our datagrams.
    external: hasNoUdp ? undefined : external,
    mapping: seen.mapping,
    filtering: seen.filtering,
    keepsPorts: seen.preservesPort,
    hasUdp: !hasNoUdp,
    relays,
  };
  const reach = isBatReachable ? 'public' : hasNoUdp ? 'relayed' : 'punched';
  return { facts, kadAddresses, batAddresses, isKadReachable, natMapping: seen.mapping, reach };
}
