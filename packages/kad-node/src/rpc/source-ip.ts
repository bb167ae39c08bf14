// pure: which part of an IP address counts as one party.
import { ipBytes, toHex } from '@batchain/shared';

/** An IPv6 user has a whole /64 to send from, so that is the source; the rare whole-address ranges are kept apart. */
export function sourceOf(host: string): string {
  const bytes = host.includes(':') ? ipBytes(host) : undefined;
  if (bytes === undefined) return host;
  const prefix = toHex(bytes.subarray(0, 8));
  return prefix === '0000000000000000' ? host : prefix;
}
