import { type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { Paging } from './paging.ts';
import { type Candidate, Shortlist } from './shortlist.ts';
import { Source } from './source.ts';

const id = (n: number): NodeId => sha256(uintBytes(n, 8)) as NodeId;
const contact = (n: number) => ({ nodeId: id(n), address: { host: '10.0.0.1', port: 1000 + n } });

/** An answerer of three pages, and the candidates that its second one named. */
function answererOf(names: readonly number[]): { readonly paging: Paging; readonly shortlist: Shortlist; readonly brought: Candidate[] } {
  const shortlist = new Shortlist(id(0), id(99_999), { wanted: 3, candidatesMax: 100 });
  const candidate = shortlist.add(contact(1), 0, new Source({ isOurs: true })) as Candidate;
  shortlist.asking(candidate, 0);
  shortlist.answered(candidate);
  const paging = new Paging(candidate, contact(1), new Source(), 3);
  const brought = names.map((n) => shortlist.add(contact(n), 1, paging.source) as Candidate);
  paging.next++;
  paging.noteBrought(brought);
  return { paging, shortlist, brought };
}

describe('Paging', () => {
  it('T3 reads on only where a page named somebody who answered or whom another node names', () => {
    const alone = answererOf([2, 3]);
    expect([alone.paging.hasMore, alone.paging.isUnvouched]).toEqual([true, true]);
    alone.shortlist.asking(alone.brought[1] as Candidate, 0);
    alone.shortlist.answered(alone.brought[1] as Candidate);
    expect(alone.paging.isUnvouched).toBe(false);
    const vouched = answererOf([2, 3]);
    vouched.shortlist.add(contact(3), 1, new Source());
    expect(vouched.paging.isUnvouched).toBe(false);
    expect(answererOf([]).paging.isUnvouched, 'an empty page').toBe(true);
  });

  it('T3 counts no word of a node that is not believed itself', () => {
    const { paging, shortlist } = answererOf([2, 3]);
    const liar = new Source();
    for (let n = 10; n < 14; n++) liar.noteName({ host: '10.0.0.9', port: 1 });
    shortlist.add(contact(2), 1, liar);
    expect(paging.isUnvouched).toBe(true);
  });

  it('T3 has no more from one that gives many names to one address, is being read, or has given them all', () => {
    const { paging } = answererOf([2]);
    paging.isReading = true;
    expect(paging.hasMore).toBe(false);
    paging.isReading = false;
    expect(paging.hasMore).toBe(true);
    const lying = answererOf([2]).paging;
    for (let n = 0; n < 4; n++) lying.source.noteName({ host: '10.0.0.9', port: 1 });
    expect(lying.hasMore).toBe(false);
    paging.next++;
    expect(paging.hasMore).toBe(false);
  });
});
