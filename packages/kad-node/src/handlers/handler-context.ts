// pure: what handlers may use, and who asks.
import { equalBytes, isPrivateHost, type Runtime, type Verifier } from '@batchain/shared';
import type { PassedRecord, RecordStore, StoreTime } from '../records/record-store.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import { highBits, type TableContact } from '../routing/table-contact.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';

export interface HandlerContext {
  readonly runtime: Runtime;
  readonly table: RoutingTable;
  readonly store: RecordStore;
  readonly verifier: Verifier;
  /** Nodes that a record belongs on; KadConfig.bucketSize. */
  readonly storersMax: number;
  /** Our own contact record; `isHost` when it carries `stores`. */
  ownContact(): PassedRecord & { readonly isHost: boolean };
  /** Takes one signature check from this second's budget (T7); false when it is used up. */
  takeSignatureCheck(): boolean;
}

export function timeOf(context: HandlerContext): StoreTime {
  const { clock } = context.runtime;
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
}

/**
 * Whom an asker is told about: never about itself, and about contacts in private ranges only when it is in one too, since
 * nobody else could reach them.
 */
export function nameableTo(asker: RpcRequest['peer']): (contact: TableContact) => boolean {
  let isPrivate: boolean | undefined;
  const { nodeId, address } = asker;
  const high = highBits(nodeId);
  return (contact) => {
    if (contact.high === high && equalBytes(contact.nodeId, nodeId)) return false;
    // Contacts of private ranges have no diversity group.
    if (contact.group !== undefined) return true;
    isPrivate ??= isPrivateHost(address.host);
    return isPrivate;
  };
}
