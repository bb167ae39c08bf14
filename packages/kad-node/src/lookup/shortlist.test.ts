import { type Address, type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { compareDistance } from '../routing/distance.ts';
import { type Candidate, Shortlist } from './shortlist.ts';
import { Source } from './source.ts';

const id = (n: number): NodeId => sha256(uintBytes(n, 8)) as NodeId;
const address = (n: number): Address => ({ host: '10.0.0.1', port: 1000 + n });
const TARGET = id(0);
const SELF = id(99_999);
/** Ids 1..200, nearest to the target first. */
const NEAREST = Array.from({ length: 200 }, (_, n) => n + 1).sort((a, b) => compareDistance(TARGET, id(a), id(b)));
const rank = (candidate: Candidate | undefined): number =>
  NEAREST.findIndex((n) => candidate?.nodeId !== undefined && Buffer.compare(id(n), candidate.nodeId) === 0);

function shortlistOf(ranks: readonly number[], wanted = 3, candidatesMax = 100): Shortlist {
  const shortlist = new Shortlist(TARGET, SELF, { wanted, candidatesMax });
  for (const at of ranks) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(at) }, 0, new Source());
  return shortlist;
}

function ask(shortlist: Shortlist, nowMs = 0): Candidate {
  const candidate = shortlist.next();
  if (candidate === undefined) throw new Error('nobody to ask');
  shortlist.asking(candidate, nowMs);
  return candidate;
}

describe('Shortlist', () => {
  it('BD-47 asks the nearest first and is done when the wanted nearest have answered', () => {
    const shortlist = shortlistOf([9, 3, 7, 1, 5]);
    const asked = [ask(shortlist), ask(shortlist), ask(shortlist)];
    expect(asked.map(rank)).toEqual([1, 3, 5]);
    expect(shortlist.next(), 'three are under way').toBeUndefined();
    for (const candidate of asked) {
      expect(shortlist.isDone).toBe(false);
      shortlist.answered(candidate);
    }
    expect(shortlist.isDone).toBe(true);
    expect(shortlist.nearestAnswered(2).map(rank)).toEqual([1, 3]);
  });

  it('goes on when an answer names nearer ones', () => {
    const shortlist = shortlistOf([10, 11, 12]);
    for (const candidate of [ask(shortlist), ask(shortlist), ask(shortlist)]) shortlist.answered(candidate);
    expect(shortlist.isDone).toBe(true);
    shortlist.add({ nodeId: id(NEAREST[0] as number), address: address(0) }, 1, new Source());
    expect(shortlist.isDone).toBe(false);
    const nearest = ask(shortlist);
    expect([rank(nearest), nearest.depth]).toEqual([0, 1]);
    shortlist.answered(nearest);
    expect(shortlist.isDone).toBe(true);
  });

  it('DF-18 goes around the dead, and counts only who answered', () => {
    const shortlist = shortlistOf([0, 1, 2, 3, 4]);
    const [first, second, third] = [ask(shortlist), ask(shortlist), ask(shortlist)];
    shortlist.failed(first);
    shortlist.failed(second);
    shortlist.answered(third);
    const [fourth, fifth] = [ask(shortlist), ask(shortlist)];
    shortlist.answered(fourth);
    expect(shortlist.isDone).toBe(false);
    shortlist.failed(fifth);
    expect(shortlist.isDone, 'nobody is left').toBe(true);
    expect(shortlist.nearestAnswered(9).map(rank)).toEqual([2, 3]);
  });

  it('asks others beside a slow one, and waits for it only for a while', () => {
    const shortlist = shortlistOf([0, 1, 2, 3]);
    const slow = ask(shortlist, 0);
    for (let i = 0; i < 2; i++) shortlist.answered(ask(shortlist, 0));
    expect(shortlist.next()).toBeUndefined();
    expect(shortlist.notePatience(250, 250, 1500)).toBe(1);
    shortlist.answered(ask(shortlist, 250));
    expect(shortlist.isDone, 'it might still be the nearest').toBe(false);
    shortlist.notePatience(1500, 250, 1500);
    expect([slow.state, shortlist.isDone]).toEqual(['overdue', true]);
    shortlist.answered(slow);
    expect(rank(shortlist.nearestAnswered(1)[0]), 'a late answer counts as long as nobody ended it').toBe(0);
  });

  it('never lists ourselves, and each id once', () => {
    const shortlist = shortlistOf([1, 1, 1]);
    shortlist.add({ nodeId: SELF, address: address(5) }, 0, new Source());
    expect(shortlist.candidates).toHaveLength(1);
  });

  it('keeps the nearest when it is full', () => {
    const shortlist = shortlistOf(
      Array.from({ length: 60 }, (_, at) => 59 - at),
      3,
      10,
    );
    expect(shortlist.candidates.map(rank)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('T5 tries another address for an id when the first one is dead, but not without end', () => {
    const shortlist = shortlistOf([0]);
    const elsewhere = (n: number): unknown =>
      shortlist.add({ nodeId: id(NEAREST[0] as number), address: { host: '10.9.9.9', port: n } }, 1, new Source());
    elsewhere(1);
    elsewhere(1);
    const liar = ask(shortlist);
    expect(liar.address).toEqual(address(0));
    shortlist.failed(liar);
    expect(ask(shortlist).address).toEqual({ host: '10.9.9.9', port: 1 });
    shortlist.failed(liar);
    expect(liar.state).toBe('failed');
    elsewhere(2);
    expect(ask(shortlist).address.port).toBe(2);
    shortlist.failed(liar);
    elsewhere(3);
    expect(shortlist.next(), 'three addresses are enough').toBeUndefined();
  });

  it('T3 does not wait for what a node named that named only dead ids', () => {
    const shortlist = shortlistOf([50, 51, 52]);
    const liar = new Source();
    for (let at = 0; at < 16; at++) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(at) }, 1, liar);
    for (let i = 0; i < 4; i++) shortlist.failed(ask(shortlist));
    expect(liar.isDiscredited).toBe(true);
    for (let i = 0; i < 3; i++) shortlist.answered(ask(shortlist));
    expect(shortlist.nearestAnswered(3).map(rank), "the honest ones were asked before the rest of the liar's").toEqual([50, 51, 52]);
    expect([shortlist.isDone, shortlist.next()], 'twelve more dead ones would take a minute').toEqual([true, undefined]);
  });

  it('T3 does not wait for the last try either: who is overdue counts as dead until it answers', () => {
    const shortlist = shortlistOf([50, 51, 52], 5);
    const liar = new Source();
    for (let at = 0; at < 5; at++) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(at) }, 1, liar);
    const late = [ask(shortlist), ask(shortlist), ask(shortlist), ask(shortlist)];
    shortlist.notePatience(1500, 250, 1500);
    expect([liar.failures, liar.isDiscredited, rank(shortlist.next())]).toEqual([4, true, 50]);
    shortlist.failed(late[0] as Candidate);
    shortlist.answered(late[1] as Candidate);
    expect([liar.failures, liar.answers, liar.isDiscredited]).toEqual([3, 1, false]);
  });

  it('T3 asks whom a discredited node named when nobody else is left', () => {
    const shortlist = shortlistOf([50, 51]);
    const liar = new Source();
    for (let at = 0; at < 6; at++) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(at) }, 1, liar);
    for (let i = 0; i < 4; i++) shortlist.failed(ask(shortlist));
    for (let i = 0; i < 2; i++) shortlist.answered(ask(shortlist));
    expect(shortlist.isDone, 'three are wanted').toBe(false);
    expect(rank(ask(shortlist))).toBe(4);
  });

  it('T3 goes on believing in a node that a liar named too', () => {
    const shortlist = shortlistOf([50, 51, 52]);
    const liar = new Source();
    for (let at = 0; at < 6; at++) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(at) }, 1, liar);
    shortlist.add({ nodeId: id(NEAREST[5] as number), address: address(5) }, 1, new Source());
    for (let i = 0; i < 4; i++) shortlist.failed(ask(shortlist));
    expect([liar.isDiscredited, rank(ask(shortlist))]).toEqual([true, 5]);
  });

  it('T3 T6 asks one of several names at an address, and blames who named the others', () => {
    const shortlist = shortlistOf([50, 51, 52], 5);
    const liar = new Source();
    const victim = address(7);
    for (const at of [0, 1, 2]) shortlist.add({ nodeId: id(NEAREST[at] as number), address: victim }, 1, liar);
    const asked = [ask(shortlist), ask(shortlist)];
    expect(asked.map(rank), 'the others wait for what becomes of the first').toEqual([0, 50]);
    shortlist.failed(asked[0] as Candidate);
    expect(liar.failures).toBe(3);
    shortlist.add({ nodeId: id(NEAREST[3] as number), address: victim }, 1, liar);
    expect([ask(shortlist), ask(shortlist)].map(rank)).toEqual([51, 52]);
    expect(liar.isDiscredited).toBe(true);
  });

  it('T5 asks the other name at an address where somebody else answered', () => {
    const shortlist = shortlistOf([50]);
    for (const at of [0, 1]) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(7) }, 1, new Source());
    shortlist.failed(ask(shortlist), 'stranger');
    expect(rank(ask(shortlist))).toBe(1);
  });

  it('T3 never asks whom only a node named that gives many names to one address', () => {
    const shortlist = shortlistOf([50, 51]);
    const liar = new Source();
    for (let at = 0; at < 6; at++) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(7) }, 1, liar);
    expect([liar.isLying, liar.isDiscredited]).toEqual([true, true]);
    for (let i = 0; i < 2; i++) shortlist.answered(ask(shortlist));
    expect([shortlist.isDone, shortlist.next()], 'three are wanted').toEqual([true, undefined]);
    shortlist.add({ nodeId: id(NEAREST[2] as number), address: address(7) }, 1, new Source());
    expect(rank(ask(shortlist)), 'another one vouches for it').toBe(2);
  });

  it('blames nobody for a node that is busy', () => {
    const shortlist = shortlistOf([50]);
    const source = new Source();
    for (let at = 0; at < 5; at++) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(at) }, 1, source);
    for (let i = 0; i < 3; i++) shortlist.failed(ask(shortlist), 'busy');
    const late = ask(shortlist);
    shortlist.notePatience(1500, 250, 1500);
    expect(source.failures).toBe(1);
    shortlist.failed(late, 'busy');
    expect(source.failures).toBe(0);
  });

  it('blames nobody for a node to which nothing went, and looks for nobody else there', () => {
    const shortlist = shortlistOf([50]);
    const source = new Source();
    for (const [at, port] of [7, 8].entries()) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(port) }, 1, source);
    shortlist.failed(ask(shortlist), 'unasked');
    expect(source.failures).toBe(0);
    shortlist.add({ nodeId: id(NEAREST[2] as number), address: address(7) }, 1, new Source());
    expect([rank(ask(shortlist)), rank(ask(shortlist))], 'the third lies where the first does').not.toContain(2);
  });

  it('our own table is never discredited', () => {
    const table = new Source({ isOurs: true });
    table.failures = 50;
    expect(table.isDiscredited).toBe(false);
  });

  it('T5 goes around whom another path asked, and counts it for nothing', () => {
    const shortlist = shortlistOf([0, 1, 2, 3, 4]);
    shortlist.claimed(shortlist.next() as Candidate);
    for (const candidate of [ask(shortlist), ask(shortlist), ask(shortlist)]) shortlist.answered(candidate);
    expect(shortlist.isDone).toBe(true);
    expect(shortlist.nearestAnswered(9).map(rank)).toEqual([1, 2, 3]);
  });

  it('T5 asks the required ones however far they are, and is not done before', () => {
    const shortlist = shortlistOf([0, 1, 2, 30, 31]);
    for (const at of [30, 31]) shortlist.require(id(NEAREST[at] as number));
    for (const candidate of [ask(shortlist), ask(shortlist), ask(shortlist)]) shortlist.answered(candidate);
    expect(shortlist.isDone).toBe(false);
    const far = [ask(shortlist), ask(shortlist)];
    expect(far.map(rank)).toEqual([30, 31]);
    shortlist.answered(far[0] as Candidate);
    expect(shortlist.isDone).toBe(false);
    shortlist.failed(far[1] as Candidate);
    expect(shortlist.isDone).toBe(true);
  });

  it('T5 keeps the required ones when it is full', () => {
    const shortlist = shortlistOf([20, 21, 22], 3, 3);
    shortlist.require(id(NEAREST[22] as number));
    for (let at = 0; at < 5; at++) shortlist.add({ nodeId: id(NEAREST[at] as number), address: address(at) }, 1, new Source());
    expect(shortlist.candidates.map(rank)).toContain(22);
  });
});
