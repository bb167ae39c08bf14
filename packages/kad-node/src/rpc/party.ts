// pure: who counts as one party where allowances are given: off private ranges an IP, whatever ids speak from there, for those cost nothing.
import { type Address, isPrivateHost, type NodeId, toHex } from '@batchain/shared';
import { sourceOf } from './source-ip.ts';

export function partyOf({ nodeId, address }: { readonly nodeId: NodeId; readonly address: Address }): string {
  return isPrivateHost(address.host) ? toHex(nodeId) : sourceOf(address.host);
}
