// pure: the contacts next to our own id in the order of ids, on either side (BD-04).
import { compareBytes, type NodeId } from '@batchain/shared';
import type { TableContact } from './table-contact.ts';

export interface Neighbours {
  readonly above: TableContact | undefined;
  readonly below: TableContact | undefined;
}

/** The next larger and the next smaller id; the order is a ring, so the largest id stands below the smallest. */
export function findNeighbours(selfId: NodeId, contacts: Iterable<TableContact>): Neighbours {
  const sorted = [...contacts].sort((a, b) => compareBytes(a.nodeId, b.nodeId));
  const above = sorted.find((contact) => compareBytes(contact.nodeId, selfId) > 0) ?? sorted[0];
  const below = sorted.findLast((contact) => compareBytes(contact.nodeId, selfId) < 0) ?? sorted.at(-1);
  return { above, below };
}
