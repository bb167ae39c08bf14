// pure: which addresses belong to the network of one of our interfaces.
import { ipBytes } from '@batchain/shared';
import type { LanInterface } from '../adapters/lan-interfaces.ts';

/** True when the host is of the interface's network. */
export function isOnLink(host: string, { host: own, prefixBits }: LanInterface): boolean {
  const [a, b] = [ipBytes(host), ipBytes(own)];
  if (a?.length !== 4 || b?.length !== 4) return false;
  for (let bit = 0; bit < prefixBits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((a[bit >> 3] as number) & mask) !== ((b[bit >> 3] as number) & mask)) return false;
  }
  return true;
}
