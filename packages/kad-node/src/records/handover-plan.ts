// pure: to whom a kept record is handed when nodes near its key came or went, and by whom (Kademlia section 2.5).
import type { NodeId } from '@batchain/shared';
import { compareDistance } from '../routing/distance.ts';

/** What is known around the key of a record. */
export interface KeyView<T extends { readonly nodeId: NodeId }> {
  readonly key: Uint8Array;
  readonly selfId: NodeId;
  /** The `storersMax` known nodes nearest to the key, nearest first, without ourselves. */
  readonly nearest: readonly T[];
}

export interface NodeChanges {
  isNewcomer(nodeId: NodeId): boolean;
  /** It came so lately that it may not have been given everything itself: it counts as nobody who hands over. Newcomers are such. */
  isYoung(nodeId: NodeId): boolean;
  /** Nodes that are gone: no longer among those known. */
  readonly lost: readonly NodeId[];
}

export interface HandoverLimits {
  /** Nodes that keep a record. */
  readonly storersMax: number;
  /** The nearest of them that were there before hand it over: more than one, for one may be dead, or a liar. */
  readonly giversMax: number;
}

/**
 * Whom we give the record: newcomers that are now among its storers, and those that stepped up for lost ones. Empty when
 * others are nearer to the key, so that a newcomer does not get everything twenty times.
 */
export function planHandover<T extends { readonly nodeId: NodeId }>(view: KeyView<T>, changes: NodeChanges, limits: HandoverLimits): T[] {
  const { key, selfId, nearest } = view;
  const rank = nearest.filter(({ nodeId }) => compareDistance(key, nodeId, selfId) < 0).length;
  if (rank >= limits.storersMax) return [];
  const elders = nearest.slice(0, rank).filter(({ nodeId }) => !changes.isYoung(nodeId)).length;
  if (elders >= limits.giversMax) return [];
  // We are one of the storers.
  const others = nearest.slice(0, limits.storersMax - 1);
  const steppedUp = countSteppedUp(view, others, changes.lost, limits.storersMax);
  return others.filter(({ nodeId }, at) => changes.isNewcomer(nodeId) || at >= others.length - steppedUp);
}

/** As many of the last storers are new to the record as nodes nearer than the last are gone; none when there were no others to step up. */
function countSteppedUp<T extends { readonly nodeId: NodeId }>(
  { key, selfId }: KeyView<T>,
  others: readonly T[],
  lost: readonly NodeId[],
  storersMax: number,
): number {
  const last = others.at(-1);
  if (last === undefined || others.length + 1 < storersMax) return 0;
  const edge = compareDistance(key, last.nodeId, selfId) < 0 ? selfId : last.nodeId;
  return Math.min(others.length, lost.filter((nodeId) => compareDistance(key, nodeId, edge) < 0).length);
}
