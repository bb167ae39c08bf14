// pure: XOR distance of 256-bit ids, compared as bytes (Kademlia: Maymounkov and Mazieres 2002, section 2).
import { ID_BYTES, type NodeId } from '@batchain/shared';

export const ID_BITS: number = ID_BYTES * 8;
/** What distanceHead can be at most, plus one: 48 bits, so that it is an exact number. */
export const DISTANCE_HEAD_RANGE: number = 2 ** 48;

/** Negative, zero or positive, as `a` is nearer to `target` than `b`, the same, or farther (DF-14). */
export function compareDistance(target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < ID_BYTES; i++) {
    const t = target[i] as number;
    const difference = ((a[i] as number) ^ t) - ((b[i] as number) ^ t);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** How many leading bits both ids share: 0 to 256. It is the index of the k-bucket of one in the other's table. */
export function sharedPrefixBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < ID_BYTES; i++) {
    const difference = (a[i] as number) ^ (b[i] as number);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return ID_BITS;
}

/**
 * The first 48 bits of the distance as a number below DISTANCE_HEAD_RANGE. Two heads that differ order their ids;
 * equal heads need compareDistance. One number per candidate makes sorting several times cheaper than comparing bytes.
 */
export function distanceHead(target: Uint8Array, id: Uint8Array): number {
  const high =
    (((target[0] as number) ^ (id[0] as number)) << 24) |
    (((target[1] as number) ^ (id[1] as number)) << 16) |
    (((target[2] as number) ^ (id[2] as number)) << 8) |
    ((target[3] as number) ^ (id[3] as number));
  const low = (((target[4] as number) ^ (id[4] as number)) << 8) | ((target[5] as number) ^ (id[5] as number));
  return (high >>> 0) * 65536 + low;
}

/** True when bit `index` (0 is the most significant) is set. */
export function bitAt(id: Uint8Array, index: number): boolean {
  return ((id[index >> 3] as number) & (0x80 >> (index & 7))) !== 0;
}

/** An id that shares exactly `index` leading bits with `self`; what follows comes from 32 drawn bytes. */
export function idInBucket(self: Uint8Array, index: number, drawn: Uint8Array): NodeId {
  const id = new Uint8Array(drawn.subarray(0, ID_BYTES));
  const whole = index >> 3;
  id.set(self.subarray(0, whole));
  const kept = 0xff00 >> (index & 7);
  const flipped = 0x80 >> (index & 7);
  const own = self[whole] as number;
  const random = id[whole] as number;
  id[whole] = (own & kept & 0xff) | ((own ^ flipped) & flipped) | (random & (flipped - 1));
  return id as NodeId;
}
