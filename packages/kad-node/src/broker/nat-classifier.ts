// pure: what kind of NAT we are behind, judged from where several peers saw us (RFC 4787 section 4).
import { type Address, formatAddress, isPrivateHost, type NatMapping } from '@batchain/shared';
import { PORT_DELTA_MAX } from '../limits.ts';
import type { MappingSample } from './mapping-samples.ts';

export interface MappingView {
  readonly mapping: NatMapping;
  /** Where others see us. With a mapping that depends on the destination its port holds towards one of them only. */
  readonly external: Address | undefined;
  /** The external port is our own. */
  readonly preservesPort: boolean;
  /** The step of a NAT that maps each destination to the next port; undefined when ports are not counted through. */
  readonly portDelta: number | undefined;
  /** The external address is none of our interfaces. */
  readonly isBehindNat: boolean;
}

export const UNKNOWN_MAPPING: MappingView = {
  mapping: 'unknown',
  external: undefined,
  preservesPort: false,
  portDelta: undefined,
  isBehindNat: false,
};

function grouped<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

const groupsOf = (samples: readonly MappingSample[]): number => new Set(samples.map(({ group }) => group)).size;
const newest = (samples: readonly MappingSample[]): MappingSample | undefined => samples.toSorted((a, b) => b.sinceMs - a.sinceMs)[0];

/**
 * What most voters say, when what they say can change: the claim that came up last wins as soon as two groups make it and most of
 * those heard since then do, so that a change is believed at once and a single liar never. Undefined when there is none.
 */
function agreed(samples: readonly MappingSample[], claimOf: (sample: MappingSample) => string): string | undefined {
  const believed = [...grouped(samples, claimOf)].flatMap(([claim, own]) => {
    const votes = groupsOf(own);
    if (votes < 2) return [];
    const firstMs = Math.min(...own.map(({ sinceMs }) => sinceMs));
    const heardSince = groupsOf(samples.filter(({ atMs }) => atMs >= firstMs));
    return 2 * votes > heardSince ? [{ claim, firstMs, votes }] : [];
  });
  return believed.sort((a, b) => b.firstMs - a.firstMs || b.votes - a.votes)[0]?.claim;
}

/** Our external IP: agreed on, or of the only voter, or else of most, the one that was there first among equals. */
function externalHostOf(samples: readonly MappingSample[]): string | undefined {
  const hostOf = ({ observed }: MappingSample): string => observed.host;
  const common = agreed(samples, hostOf);
  if (common !== undefined) return common;
  if (groupsOf(samples) === 1) return newest(samples)?.observed.host;
  const claims = [...grouped(samples, hostOf).values()];
  const firstMs = (own: readonly MappingSample[]): number => Math.min(...own.map(({ sinceMs }) => sinceMs));
  return claims.sort((a, b) => groupsOf(b) - groupsOf(a) || firstMs(a) - firstMs(b))[0]?.[0]?.observed.host;
}

/** Whether two ports of one IP see us alike: how many IPs say yes, and how many no. */
function comparePorts(samples: readonly MappingSample[]): { readonly alike: number; readonly apart: number } {
  const perIp = [...grouped(samples, ({ voter }) => voter.host).values()].filter((own) => own.length > 1);
  const isApart = (own: readonly MappingSample[]): boolean => new Set(own.map(({ observed }) => observed.port)).size > 1;
  const apart = perIp.filter(isApart).length;
  return { alike: perIp.length - apart, apart };
}

/** The usual gap between the external ports in their order, when most gaps are that of one counter. */
function portDeltaOf(samples: readonly MappingSample[]): number | undefined {
  const ports = [...new Set(samples.map(({ observed }) => observed.port))].sort((a, b) => a - b);
  const gaps = ports.slice(1).map((port, i) => port - (ports[i] as number));
  const small = gaps.filter((gap) => gap <= PORT_DELTA_MAX);
  if (small.length === 0 || 2 * small.length < gaps.length) return undefined;
  const counts = [...grouped(small, (gap) => gap)].map(([gap, own]) => ({ gap, count: own.length }));
  return counts.sort((a, b) => b.count - a.count || a.gap - b.gap)[0]?.gap;
}

/** `samples` as MappingSamples.current gives them; `ownHosts` are the addresses of our interfaces. */
export function classifyMapping(samples: readonly MappingSample[], localPort: number, ownHosts: readonly string[]): MappingView {
  const host = externalHostOf(samples);
  if (host === undefined) return UNKNOWN_MAPPING;
  const here = samples.filter(({ observed }) => observed.host === host);
  const isBehindNat = !ownHosts.includes(host);
  const voterIps = new Set(here.map(({ voter }) => (isPrivateHost(voter.host) ? formatAddress(voter) : voter.host))).size;
  const ports = new Set(here.map(({ observed }) => observed.port));
  const common = ports.size === 1 ? `${[...ports][0]}` : agreed(here, ({ observed }) => `${observed.port}`);
  if (common !== undefined) {
    const external = { host, port: Number(common) };
    const preservesPort = external.port === localPort;
    const isDirect = !isBehindNat && preservesPort;
    // One IP alone cannot tell whether another one would see the same port.
    const mapping = isDirect ? 'none' : voterIps > 1 ? 'endpoint-independent' : 'unknown';
    return { mapping, external, preservesPort, portDelta: undefined, isBehindNat };
  }
  const { alike, apart } = comparePorts(here);
  const preserving = here.filter(({ observed }) => observed.port === localPort).length;
  return {
    // Without two ports of one IP to compare, the kind that is harder to get through is assumed.
    mapping: alike > apart ? 'address-dependent' : 'address-and-port-dependent',
    external: newest(here)?.observed,
    preservesPort: 2 * preserving > here.length,
    portDelta: portDeltaOf(here),
    isBehindNat,
  };
}
