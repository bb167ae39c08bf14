// pure: which shard of each segment one host signed for, as compact text in the owner's records.
import { fromBase64Url, toBase64Url } from '@batchain/shared';

/** A host has at most one shard of a segment. */
export function packHeld(held: readonly { readonly segment: number; readonly index: number }[], segmentCount: number): string {
  const bytes = new Uint8Array(segmentCount * 2);
  for (const { segment, index } of held) {
    bytes[segment * 2] = (index + 1) >> 8;
    bytes[segment * 2 + 1] = (index + 1) & 0xff;
  }
  return toBase64Url(bytes);
}

export function unpackHeld(text: string): { segment: number; index: number }[] {
  const bytes = fromBase64Url(text) ?? new Uint8Array(0);
  const held: { segment: number; index: number }[] = [];
  for (let segment = 0; segment * 2 + 1 < bytes.length; segment++) {
    const value = ((bytes[segment * 2] as number) << 8) | (bytes[segment * 2 + 1] as number);
    if (value > 0) held.push({ segment, index: value - 1 });
  }
  return held;
}
