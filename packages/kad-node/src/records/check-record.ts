// pure: one check per record kind, used on put and on get (T3), giving what the store needs to know.
import { fail, nodeIdFromPublicKey, ok, openContactRecord, type Result, VALUE_BYTES_MAX, type Verifier } from '@batchain/shared';
import { MUTABLE_KEPT_MS, RECORD_LIFETIME_MAX_MS } from '../limits.ts';
import { immutableKey, openMutableValue } from './mutable-value.ts';
import { isOwnerGrant } from './owner-grant.ts';
import { openProviderRecord } from './provider-record.ts';
import { type RecordFacts, type RecordFault, type RecordKind, recordFault } from './record-kind.ts';

type Check = (verifier: Verifier, bytes: Uint8Array, storedBy: Uint8Array) => Result<RecordFacts, RecordFault>;

const CHECKS: Readonly<Record<RecordKind, Check>> = {
  provider: (verifier, bytes) => {
    const opened = openProviderRecord(verifier, bytes);
    if (!opened.ok) return opened;
    const { fileId, hostId, sequence, lifetimeMs, grant } = opened.value;
    const isWithdrawal = lifetimeMs === 0;
    const countsMs = isWithdrawal ? RECORD_LIFETIME_MAX_MS : lifetimeMs;
    return ok({
      kind: 'provider',
      key: fileId,
      publisher: hostId,
      sequence,
      lifetimeMs: countsMs,
      keptMs: countsMs,
      isWithdrawal,
      hasGrant: grant !== undefined && isOwnerGrant(verifier, grant, fileId, hostId),
      isHost: false,
      bytes,
    });
  },
  contact: (verifier, bytes) => {
    const opened = openContactRecord(verifier, bytes);
    if (!opened.ok) return recordFault(opened);
    const { nodeId, contact } = opened.value;
    const isHost = contact.flags.stores && !contact.flags.isLeaving;
    const { sequence, lifetimeMs } = contact;
    return ok({
      kind: 'contact',
      key: nodeId,
      publisher: nodeId,
      sequence,
      lifetimeMs,
      keptMs: lifetimeMs,
      isWithdrawal: false,
      hasGrant: false,
      isHost,
      isLeaver: contact.flags.isLeaving,
      bytes,
    });
  },
  immutable: (_verifier, bytes, storedBy) => {
    if (bytes.length < 1 || bytes.length > VALUE_BYTES_MAX) return fail('malformed');
    const key = immutableKey(bytes);
    const lifetimeMs = RECORD_LIFETIME_MAX_MS;
    const facts = { sequence: 0, lifetimeMs, keptMs: lifetimeMs, isWithdrawal: false, hasGrant: false, isHost: false };
    return ok({ kind: 'immutable', key, publisher: storedBy, ...facts, bytes });
  },
  mutable: (verifier, bytes) => {
    const opened = openMutableValue(verifier, bytes);
    if (!opened.ok) return opened;
    const { key, publicKey, sequence, value } = opened.value;
    const isWithdrawal = value === null;
    const lifetimeMs = isWithdrawal ? RECORD_LIFETIME_MAX_MS : opened.value.lifetimeMs;
    const publisher = nodeIdFromPublicKey(publicKey);
    // A version that is over still keeps away older ones.
    const keptMs = MUTABLE_KEPT_MS;
    return ok({ kind: 'mutable', key, publisher, sequence, lifetimeMs, keptMs, isWithdrawal, hasGrant: false, isHost: false, bytes });
  },
};

/** Checks bytes from outside as a record of `kind`; `storedBy` is the id of the node that sent it. */
export function checkRecord(
  verifier: Verifier,
  kind: RecordKind,
  bytes: Uint8Array,
  storedBy: Uint8Array,
): Result<RecordFacts, RecordFault> {
  return CHECKS[kind](verifier, bytes, storedBy);
}
