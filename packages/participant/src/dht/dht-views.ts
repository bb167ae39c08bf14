// driven: what the KadNode knows, as JSON: ids in hex, distances as shared bits and a power of two, times in ISO 8601.
import {
  type BucketView,
  type LookupStep,
  type ProvedPeer,
  type RecordKind,
  sharedPrefixBits,
  type TableContact,
} from '@batchain/kad-node';
import { equalAddress, equalBytes, formatAddress, type NodeId, toHex } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import type { DhtContact, DhtHop, DhtRoutesResult, DhtTableContact, DistanceView } from '../api/dht-schemas.ts';

const ID_BITS = 256;

/** Of a distance `d`: 2 to `log2` is at most `d`, and `d` is below twice that. */
export function viewDistance(target: Uint8Array, id: Uint8Array): DistanceView {
  const sharedBits = sharedPrefixBits(target, id);
  return { sharedBits, log2: sharedBits === ID_BITS ? null : ID_BITS - 1 - sharedBits };
}

/** Hundredths of a millisecond are noise. */
export const roundMs = (ms: number): number => Math.round(ms * 100) / 100;

const viewRtt = (rttMs: number | undefined): number | null => (rttMs === undefined ? null : roundMs(rttMs));

/** Nodes that answered a lookup, each with the time of its quickest answer. */
export function viewContacts(target: Uint8Array, peers: readonly ProvedPeer[], steps: readonly LookupStep[]): DhtContact[] {
  return peers.map(({ nodeId, address }) => {
    const times = steps.flatMap((step) => (equalBytes(step.nodeId, nodeId) && step.rttMs !== undefined ? [step.rttMs] : []));
    const rttMs = times.length === 0 ? null : roundMs(Math.min(...times));
    return { nodeId: toHex(nodeId), kad: formatAddress(address), distance: viewDistance(target, nodeId), rttMs };
  });
}

/** The two clocks at the same moment: contacts know their times on the monotonic one. */
export interface ClockReading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function viewTableContact(selfId: NodeId, contact: TableContact, { wallMs, monotonicMs }: ClockReading): DhtTableContact {
  const { nodeId, address, rttMs, lastSeenMs, failures } = contact;
  const distance = viewDistance(selfId, nodeId);
  return {
    nodeId: toHex(nodeId),
    kad: formatAddress(address),
    distance,
    rttMs: viewRtt(rttMs),
    bucket: distance.sharedBits,
    lastSeen: isoTime(wallMs - (monotonicMs - lastSeenMs)),
    failures,
  };
}

export function viewBuckets(buckets: readonly BucketView[], { wallMs, monotonicMs }: ClockReading): DhtRoutesResult['buckets'] {
  return buckets
    .filter(({ contacts, replacements }) => contacts.length + replacements.length > 0)
    .map(({ index, contacts, replacements, lastLookupMs }) => ({
      index,
      contacts: contacts.length,
      replacements: replacements.length,
      lastLookup: isoTime(wallMs - (monotonicMs - lastLookupMs)),
    }));
}

/** What one node was found to keep; undefined when it did not answer that question. */
export interface Holding {
  readonly peer: ProvedPeer;
  readonly kinds: readonly RecordKind[] | undefined;
}

export function viewHops(
  target: Uint8Array,
  steps: readonly LookupStep[],
  holdings: readonly Holding[],
  isResponsible: (nodeId: NodeId) => boolean,
): DhtHop[] {
  return steps.map((step, i) => {
    const { nodeId, address, depth, outcome, named, nearer } = step;
    const held = holdings.find(({ peer }) => equalBytes(peer.nodeId, nodeId) && equalAddress(peer.address, address));
    return {
      hop: i + 1,
      nodeId: toHex(nodeId),
      kad: formatAddress(address),
      depth,
      distance: viewDistance(target, nodeId),
      atMs: roundMs(step.atMs),
      rttMs: viewRtt(step.rttMs),
      outcome,
      named,
      nearer,
      holds: held?.kinds === undefined ? null : [...held.kinds],
      isResponsible: isResponsible(nodeId),
    };
  });
}
