// What stands between a peer and the internet, which pairs of that are tried, and by which path each should end up connected.
import type { PeerView } from '@batchain/participant/client';

export type Path = PeerView['path'];

/** Kinds of the matrix, as words of `natlab up pair:A,B`. */
export const KINDS = [
  'open',
  'fw',
  'full-cone',
  'address-restricted',
  'port-restricted',
  'linux',
  'linux-open',
  'linux/port-restricted',
  'symmetric-ip',
  'symmetric-seq',
  'symmetric',
  'linux/symmetric',
  'udp-blocked',
  'web-only',
] as const;
export type Kind = (typeof KINDS)[number];

const isSymmetric = (kind: Kind): boolean => kind.includes('symmetric');
const hasNoUdp = (kind: Kind): boolean => kind === 'udp-blocked' || kind === 'web-only';

/** Where no way but a relay can be counted on; a peer that may only go to ports 80 and 443 reaches none that listens elsewhere. */
function needsRelay(a: Kind, b: Kind): boolean {
  if (isSymmetric(a) && isSymmetric(b)) return true;
  if (a === 'linux-open' && b === 'linux-open') return true;
  if (a === 'web-only' || b === 'web-only') return true;
  return (hasNoUdp(a) && b !== 'open') || (hasNoUdp(b) && a !== 'open');
}

/** Paths that are right for a pair in the end; `relayed` is among them only where nothing else can be counted on. */
export function rightPaths(a: Kind, b: Kind): readonly Path[] {
  if (needsRelay(a, b)) return ['relayed', 'punched', 'direct', 'reverse'];
  return a === 'open' || b === 'open' ? ['direct', 'reverse'] : ['punched'];
}

/** One case: two peers, `a` and `b`, in one topology. */
export interface Case {
  /** `linux,symmetric`, `same:linux`. */
  readonly key: string;
  /** For `Lab.up`. */
  readonly topology: string;
  readonly paths: readonly Path[];
}

export const pairCase = (a: Kind, b: Kind): Case => ({ key: `${a},${b}`, topology: `pair:${a},${b}`, paths: rightPaths(a, b) });

const PUBLIC = 'public kad1 addr=203.0.113.10 also=203.0.113.11\npublic kad2 addr=198.51.100.20\n';
const HOMES = 'nat ra1 via=carrier type=linux\nhost a via=ra1\nnat rb1 via=carrier type=linux\nhost b via=rb1\n';
/** Two homes, with the same private addresses, behind one router of a carrier, whose customers see one another through it or not at all. */
const carrier = (type: string, paths: readonly Path[]): Case => ({
  key: `carrier:${type}`,
  topology: `${PUBLIC}nat carrier type=${type}+isolate lan=100.64.1.0/24\n${HOMES}`,
  paths,
});
const same = (type: string, paths: readonly Path[]): Case => ({ key: `same:${type}`, topology: `same:${type}`, paths });

const PUNCHED: readonly Path[] = ['punched'];
const RELAYED: readonly Path[] = ['relayed', 'punched'];

/** Both peers behind one and the same router. */
export const SAME_NETWORK: readonly Case[] = [
  same('linux', ['lan']),
  same('linux+isolate', RELAYED),
  same('port-restricted+hairpin+isolate', PUNCHED),
  carrier('port-restricted+hairpin', PUNCHED),
  carrier('full-cone+hairpin', PUNCHED),
  carrier('port-restricted', RELAYED),
  carrier('symmetric', RELAYED),
];

/** The fourteen that are tried with every change, each opened by `a` and then by `b`. */
export const NAMED: readonly Case[] = [
  pairCase('linux', 'linux'),
  pairCase('linux', 'port-restricted'),
  pairCase('linux', 'symmetric'),
  pairCase('port-restricted', 'symmetric-seq'),
  pairCase('port-restricted', 'symmetric-ip'),
  pairCase('symmetric', 'symmetric'),
  pairCase('symmetric', 'symmetric-seq'),
  pairCase('linux', 'linux-open'),
  pairCase('linux-open', 'linux-open'),
  pairCase('linux/symmetric', 'linux'),
  pairCase('udp-blocked', 'linux'),
  pairCase('web-only', 'web-only'),
  same('linux', ['lan']),
  pairCase('open', 'symmetric'),
];

/** Every ordered pair of kinds, and what shares a router. */
export const ALL: readonly Case[] = [...KINDS.flatMap((a) => KINDS.map((b) => pairCase(a, b))), ...SAME_NETWORK];
