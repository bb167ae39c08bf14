// pure: which NAT each node of a simulated laboratory is behind.
import { BatChainError } from '@batchain/shared';
import type { NatKind } from '@batchain/shared/testing';
import { PUBLIC_NODES_MIN } from '../limits.ts';

/** `none`: all nodes are public. `mixed`: as in the wild. A kind: all but the first few are behind one of it. */
export type NatMix = 'none' | 'mixed' | NatKind;

export const NAT_MIXES: readonly NatMix[] = [
  'none',
  'mixed',
  'open',
  'fw',
  'full-cone',
  'addr-restr',
  'port-restr',
  'linux',
  'symmetric-ip',
  'symmetric-seq',
  'symmetric',
  'udp-blocked',
];

/** Of ten nodes: a third public, most of the others behind routers that keep one mapping, some behind those that do not. */
const MIXED: readonly NatKind[] = [
  'open',
  'port-restr',
  'linux',
  'symmetric',
  'open',
  'addr-restr',
  'linux',
  'full-cone',
  'open',
  'udp-blocked',
];

/** Throws BAT_E_USAGE. */
export function parseNatMix(word: string): NatMix {
  const known = NAT_MIXES.find((mix) => mix === word.toLowerCase());
  if (known !== undefined) return known;
  throw new BatChainError('BAT_E_USAGE', {
    what: `${JSON.stringify(word)} is no kind of NAT`,
    why: `they are: ${NAT_MIXES.join(', ')}`,
    fix: 'batchain help lab',
  });
}

/** The NAT of the node with this number, counted from 1. The first few are public: somebody must be, for the others to meet through. */
export function natOf(mix: NatMix, number: number): NatKind {
  if (mix === 'none' || number <= PUBLIC_NODES_MIN) return 'open';
  return mix === 'mixed' ? (MIXED[number % MIXED.length] as NatKind) : mix;
}
