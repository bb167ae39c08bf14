// pure: what sets one network apart from another: its name and, for closed ones, a secret (BD-59).
import { createHmac } from 'node:crypto';
import { utf8Bytes } from '@batchain/shared';

export interface NetworkConfig {
  readonly name: string;
  /** Shared by all members of a closed network, at least 16 bytes of entropy. Absent: whoever knows the name may join. */
  readonly secret?: Uint8Array;
}

/** The network of those who configure nothing. */
export const DEFAULT_NETWORK: NetworkConfig = { name: 'batchain' };

/**
 * 32 bytes that every first exchange is keyed with: HMAC-SHA256(secret or nothing, tag, name). Without the secret it can
 * be neither computed nor learnt from the wire.
 */
export function networkKey(network: NetworkConfig): Uint8Array {
  const hmac = createHmac('sha256', network.secret ?? new Uint8Array(0));
  return new Uint8Array(hmac.update(utf8Bytes('batchain/1/network\0')).update(utf8Bytes(network.name)).digest());
}
