import { describe, expect, it } from 'vitest';
import { countDissenters, judgeResult, type ResultFacts, type Testimony } from './agreement.ts';

/** Nodes 1 to 20 are the result; a node's head is its number. */
const RESULT = Array.from({ length: 20 }, (_, n) => n + 1);
const witness = (head: number, named: readonly number[], changes: Partial<Testimony> = {}): Testimony => ({
  head,
  named,
  isDiscredited: false,
  hasRecords: true,
  ...changes,
});
const honest = (head: number, changes: Partial<Testimony> = {}): Testimony =>
  witness(head, RESULT.filter((other) => other !== head).slice(0, 16), changes);
/** Its accomplices are the even ones and some beyond the result. */
const colluding = (head: number): Testimony => {
  const accomplices = Array.from({ length: 40 }, (_, n) => 2 * (n + 1)).filter((other) => other !== head);
  return witness(head, accomplices.slice(0, 16), { hasRecords: false });
};
const allHonest = RESULT.map((head) => honest(head));
const judge = (testimonies: readonly Testimony[], changes: Partial<ResultFacts> = {}): ReturnType<typeof judgeResult> =>
  judgeResult({ testimonies, expects: 'nothing', densities: [], estimates: [], ...changes });

describe('countDissenters', () => {
  it('T5 finds none where all name all, nor where an answer went less far', () => {
    expect(countDissenters(allHonest)).toBe(0);
    const brief = RESULT.map((head) => witness(head, RESULT.filter((other) => other !== head).slice(0, 8)));
    expect(countDissenters(brief), 'eight beside records').toBe(0);
  });

  it('T5 counts who names accomplices only, and who named the dead', () => {
    const two = allHonest.map((one) => (one.head === 2 || one.head === 4 ? colluding(one.head) : one));
    expect(countDissenters(two)).toBe(2);
    const forger = witness(7, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]);
    expect(countDissenters([...allHonest.slice(0, 6), forger, ...allHonest.slice(7)]), 'nobody knows yet that they are dead').toBe(0);
    expect(countDissenters([...allHonest.slice(0, 6), { ...forger, isDiscredited: true }, ...allHonest.slice(7)])).toBe(1);
  });

  it('T5 counts who knows hardly anybody, though not in a network where there is hardly anybody', () => {
    expect(countDissenters([witness(1, [2]), ...allHonest.slice(1)])).toBe(1);
    expect(countDissenters([witness(1, []), witness(2, [1]), witness(3, [1, 2])])).toBe(0);
  });

  it('T5 where liars prevail, it is the honest who stand out', () => {
    const accomplices = RESULT.slice(0, 17);
    const liars = accomplices.map((head) =>
      witness(
        head,
        accomplices.filter((other) => other !== head),
      ),
    );
    const few = [18, 19, 20].map((head) => witness(head, [18, 19, 20, 21, 22, 23, 24, 25, 26, 27]));
    expect(countDissenters([...liars, ...few])).toBe(3);
  });
});

describe('judgeResult', () => {
  it('T5 takes what agrees', () => {
    expect(judge(allHonest)).toBeUndefined();
    expect(judge(allHonest, { expects: 'each' })).toBeUndefined();
    expect(judge([])).toBeUndefined();
  });

  it('T5 tolerates a quarter of dissent, and no more', () => {
    const withLiars = (count: number): Testimony[] =>
      allHonest.map((one) => (one.head % 2 === 0 && one.head <= 2 * count ? colluding(one.head) : one));
    expect([judge(withLiars(5)), judge(withLiars(6))]).toEqual([undefined, 'contradicted']);
  });

  it('T5 doubts a result in which nobody or hardly anybody has the record', () => {
    const holding = (count: number): Testimony[] => RESULT.map((head) => honest(head, { hasRecords: head <= count }));
    expect([0, 4, 5].map((count) => judge(holding(count), { expects: 'each' }))).toEqual(['empty', 'thin', undefined]);
    expect([0, 1].map((count) => judge(holding(count), { expects: 'some' }))).toEqual(['empty', undefined]);
    expect(judge(holding(0)), 'none were asked for').toBeUndefined();
  });

  it('T5 doubts what lies too densely or too far apart, before all else', () => {
    const estimate = { nodes: 1000, errorRatio: 0.1 };
    const at = (reach: number, estimates = [estimate]): ReturnType<typeof judge> =>
      judge(allHonest, { expects: 'each', densities: [{ count: 20, reach }], estimates });
    expect([0.001, 0.02, 0.1].map((reach) => at(reach))).toEqual(['crowded', undefined, 'sparse']);
    const behind = [10, 20].map((count) => ({ count, reach: count === 10 ? 0.0005 : 0.02 }));
    expect(judge(allHonest, { densities: behind, estimates: [estimate] }), 'three others behind seventeen').toBe('crowded');
    expect(at(0.001, [estimate, { nodes: 20_000, errorRatio: 0.2 }]), 'the network may have grown').toBeUndefined();
  });
});
