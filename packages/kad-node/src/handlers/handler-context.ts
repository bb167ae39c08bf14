// pure: what handlers may use, and who asks.
import { equalBytes, isPrivateHost, type NodeId, type Runtime, type Verifier } from '@batchain/shared';
import type { DialBackService } from '../broker/dial-back-service.ts';
import type { ReachCheck } from '../broker/reach-check.ts';
import type { SignalBroker } from '../broker/signal-broker.ts';
import type { PassedRecord, RecordStore, StoreTime } from '../records/record-store.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import { highBits, type TableContact } from '../routing/table-contact.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import type { KadResponse } from '../wire/messages.ts';
import type { LaidRecord } from './answer-pages.ts';
import type { HeavyWork } from './heavy-work.ts';
import type { LaidAnswers } from './laid-answers.ts';

export interface HandlerContext {
  readonly runtime: Runtime;
  readonly table: RoutingTable;
  readonly store: RecordStore;
  readonly verifier: Verifier;
  /** Nodes that a record belongs on; KadConfig.bucketSize. */
  readonly storersMax: number;
  /** Our own contact record; `isHost` when it carries `stores`. */
  ownContact(): PassedRecord & { readonly isHost: boolean };
  /** We leave the network: nothing new is kept. */
  isLeaving(): boolean;
  /** A node told us itself that it leaves. */
  noteLeaver(nodeId: NodeId): void;
  /** Takes one signature check from this second's budget (T7); false when it is used up. */
  takeSignatureCheck(): boolean;
  readonly signalBroker: SignalBroker;
  readonly heavyWork: HeavyWork;
  /** Apart, so that askers for hosts near many made-up keys do not push out what providers' keys have. */
  readonly laidHosts: LaidAnswers;
  readonly laidValues: LaidAnswers;
  readonly dialBacks: Pick<DialBackService, 'dialBack' | 'probe'>;
  readonly reachCheck: Pick<ReachCheck, 'onResult'>;
}

export const TOO_MUCH_WORK: KadResponse = { type: 'error', code: 'rate-limited', detail: 'no long answers left this second' };

/** Our own contact record for an answer. */
export function ownRecord(context: HandlerContext, nowMs: number): LaidRecord {
  const { bytes, ageMs } = context.ownContact();
  return { bytes, receivedMs: nowMs - ageMs };
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

/** The same for any asker of such a range; itself may be among them. */
export function nameableIn(isPrivate: boolean): (contact: TableContact) => boolean {
  return (contact) => isPrivate || contact.group !== undefined;
}
