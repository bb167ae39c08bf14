// driven: answers STORE: checks each record and keeps it when there is room.
import { equalBytes, isPrivateHost, networkGroup } from '@batchain/shared';
import { checkRecord } from '../records/check-record.ts';
import type { RecordFacts } from '../records/record-kind.ts';
import { compareDistance } from '../routing/distance.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import type { AgedRecord, CompactContact, KadRequest, KadResponse, StoreOutcome } from '../wire/messages.ts';
import { type HandlerContext, timeOf } from './handler-context.ts';

type Store = Extract<KadRequest, { type: 'store' }>;

export function handleStore(context: HandlerContext, request: Store, asker: RpcRequest): KadResponse {
  if (!asker.isProved) return { type: 'stored', outcomes: request.records.map(() => 'not-proved') };
  if (context.isLeaving()) return { type: 'stored', outcomes: request.records.map(() => 'leaving') };
  const outcomes: StoreOutcome[] = [];
  for (const record of request.records) {
    if (!context.takeSignatureCheck()) return { type: 'error', code: 'rate-limited', detail: 'no signature checks left this second' };
    outcomes.push(keepRecord(context, request.kind, record, asker.peer));
  }
  return { type: 'stored', outcomes };
}

/** Checks and keeps one record; `storedBy` is who sent it, from where. */
export function keepRecord(
  context: HandlerContext,
  kind: Store['kind'],
  record: AgedRecord,
  storedBy: Pick<CompactContact, 'nodeId'> & Partial<CompactContact>,
): StoreOutcome {
  const checked = checkRecord(context.verifier, kind, record.bytes, storedBy.nodeId);
  if (!checked.ok) return checked.reason;
  // A copy of its own: a Buffer from a pool would keep the whole pool alive as long as the record.
  const facts: RecordFacts = { ...checked.value, ...hostFacts(checked.value, storedBy), bytes: new Uint8Array(record.bytes) };
  if (context.store.isUnderPressure && !facts.hasGrant && !isNear(context, facts.key)) return 'not-near';
  const outcome = context.store.put(facts, record.ageMs, timeOf(context));
  if (facts.isLeaver && outcome === 'stored' && equalBytes(facts.publisher, storedBy.nodeId)) context.noteLeaver(storedBy.nodeId);
  return outcome;
}

/** Keys cost nothing: only a node that spoke to us itself is named as a host, and few of one network (T4, T5). */
function hostFacts(
  { isHost, publisher }: RecordFacts,
  { nodeId, address }: Pick<CompactContact, 'nodeId'> & Partial<CompactContact>,
): Pick<RecordFacts, 'isHost' | 'hostGroup'> {
  const isPrivate = address === undefined || isPrivateHost(address.host);
  return { isHost: isHost && equalBytes(publisher, nodeId), hostGroup: isPrivate ? undefined : networkGroup(address.host) };
}

/** True when we are one of the nodes that we would publish the key to ourselves. */
function isNear(context: HandlerContext, key: Uint8Array): boolean {
  const { table, storersMax } = context;
  const nearest = table.closest(key, storersMax);
  if (nearest.length < storersMax) return true;
  return nearest.some((contact) => compareDistance(key, table.selfId, contact.nodeId) < 0);
}
