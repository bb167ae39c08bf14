import { type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { compareDistance } from '../routing/distance.ts';
import { type NodeChanges, planHandover } from './handover-plan.ts';

interface Node {
  readonly nodeId: NodeId;
}
const KEY = sha256(uintBytes(7, 8));
/** Nodes of a network of 100 by distance to the key, nearest first. */
const nodes: readonly Node[] = Array.from({ length: 100 }, (_, n) => ({ nodeId: sha256(uintBytes(n, 4)) as NodeId })).sort((a, b) =>
  compareDistance(KEY, a.nodeId, b.nodeId),
);
const at = (place: number): Node => nodes[place] as Node;
const LIMITS = { storersMax: 20, giversMax: 3 };

/** What the node at `place` does, when it knows all of the others that are `present`. */
function plan(
  place: number,
  present: readonly Node[],
  newcomers: readonly Node[],
  lost: readonly Node[] = [],
  young: readonly Node[] = [],
): number[] {
  const self = at(place);
  const nearest = present.filter((node) => node !== self).slice(0, 20);
  const isNewcomer = (nodeId: NodeId): boolean => newcomers.some((node) => node.nodeId === nodeId);
  const changes: NodeChanges = {
    isNewcomer,
    isYoung: (nodeId) => isNewcomer(nodeId) || young.some((node) => node.nodeId === nodeId),
    lost: lost.map(({ nodeId }) => nodeId),
  };
  return planHandover({ key: KEY, selfId: self.nodeId, nearest }, changes, LIMITS).map((node) => nodes.indexOf(node));
}

describe('planHandover', () => {
  it('SH-03 gives a newcomer among the 20 nearest the record, from the 3 nearest alone', () => {
    for (const place of [0, 1, 2]) expect(plan(place, nodes, [at(10)])).toEqual([10]);
    for (const place of [3, 9, 11, 19, 50]) expect(plan(place, nodes, [at(10)])).toEqual([]);
  });

  it('gives nothing to a newcomer that others are nearer than', () => {
    expect(plan(0, nodes, [at(19)])).toEqual([19]);
    expect(plan(0, nodes, [at(20)])).toEqual([]);
  });

  it('leaves it to those who were there before: newcomers near the key have nothing to give', () => {
    const newcomers = [at(0), at(1), at(2)];
    for (const place of [3, 4, 5]) expect(plan(place, nodes, newcomers)).toEqual([0, 1, 2]);
    expect(plan(6, nodes, newcomers)).toEqual([]);
    expect(plan(3, nodes, [at(10)], [], newcomers)).toEqual([10]);
    expect(plan(6, nodes, [at(10)], [], newcomers)).toEqual([]);
  });

  it('BD-52 gives the record to whoever steps up for a node that is gone', () => {
    const present = nodes.filter((node) => node !== at(5) && node !== at(9));
    expect(plan(0, present, [], [at(5), at(9)])).toEqual([20, 21]);
    expect(plan(3, present, [], [at(5), at(9)])).toEqual([]);
  });

  it('does nothing when a node that is gone kept no copy, or when nobody is there to step up', () => {
    const withoutFar = nodes.filter((node) => node !== at(40));
    expect(plan(0, withoutFar, [], [at(40)])).toEqual([]);
    const few = nodes.slice(0, 15).filter((node) => node !== at(5));
    expect(plan(0, few, [], [at(5)])).toEqual([]);
  });

  it('hands over nothing that it does not belong to', () => {
    expect(plan(30, nodes.slice(0, 40), [at(2)])).toEqual([]);
  });
});
