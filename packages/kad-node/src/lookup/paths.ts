// pure: disjoint paths: which contacts each begins with, and that no node has a say in two of them.
import { type NodeId, toHex } from '@batchain/shared';
import { distanceHead } from '../routing/distance.ts';

/**
 * Who was asked by one of several paths: the first to come takes a node, all others go around it, so that a liar can mislead
 * one path at most (S/Kademlia: Baumgart and Mies 2007, section 4.4).
 */
export class Claims {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<NodeId> = []) {
    this.#taken = new Set(Array.from(taken, (nodeId) => toHex(nodeId)));
  }

  /** True when nobody had taken it; then it is taken. */
  take(nodeId: NodeId): boolean {
    const name = toHex(nodeId);
    if (this.#taken.has(name)) return false;
    this.#taken.add(name);
    return true;
  }

  has(nodeId: NodeId): boolean {
    return this.#taken.has(toHex(nodeId));
  }
}

/**
 * Deals contacts to paths in rounds: each path in turn takes the remaining contact nearest to its point, until it has
 * `perPathMax` or none is left. The nearest are spread over all paths, as S/Kademlia spreads the k nearest over d paths.
 */
export function dealContacts<T extends { readonly nodeId: NodeId }>(
  points: readonly Uint8Array[],
  contacts: readonly T[],
  perPathMax: number,
): T[][] {
  const wishes = points.map((point) =>
    contacts
      .map((contact) => ({ contact, head: distanceHead(point, contact.nodeId) }))
      .sort((a, b) => a.head - b.head)
      .map(({ contact }) => contact),
  );
  const dealt = points.map((): T[] => []);
  const taken = new Set<T>();
  const next = points.map(() => 0);
  for (let round = 0; round < perPathMax && taken.size < contacts.length; round++) {
    for (const [path, wished] of wishes.entries()) {
      while (taken.has(wished[next[path] as number] as T)) next[path] = (next[path] as number) + 1;
      const contact = wished[next[path] as number];
      if (contact === undefined) break;
      taken.add(contact);
      dealt[path]?.push(contact);
    }
  }
  return dealt;
}
