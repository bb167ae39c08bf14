import { BatChainError } from '@batchain/shared';
import { SimRandom } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { chooseNodes, chooseVictims, parseGroups } from './node-words.ts';

const NAMES = Array.from({ length: 10 }, (_, i) => `node${i + 1}`);
const random = SimRandom.fromSeed('words', 'random');

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof BatChainError ? error.code : String(error);
  }
}

describe('words that name nodes', () => {
  it('are names, numbers, ranges, and lists of them; each node comes once, in order', () => {
    expect(chooseNodes(['node2'], NAMES)).toEqual(['node2']);
    expect(chooseNodes(['4,NODE3', '2..3'], NAMES)).toEqual(['node2', 'node3', 'node4']);
    expect(chooseNodes(['node9..node10,'], NAMES)).toEqual(['node9', 'node10']);
  });

  it('that name none say so: 4 when there is no such node, 2 when it is no word for one', () => {
    for (const word of ['11', 'node11', '9..11']) expect(codeOf(() => chooseNodes([word], NAMES))).toBe('BAT_E_LAB_NODE_UNKNOWN');
    for (const word of ['', 'ana', '0', '3..2', '1..99999', '-1', 'node', '1..9999999'])
      expect(codeOf(() => chooseNodes([word], NAMES))).toBe('BAT_E_USAGE');
    expect(codeOf(() => chooseNodes(['1'], []))).toBe('BAT_E_LAB_NODE_UNKNOWN');
  });

  it('draw a share of those that are up', () => {
    const up = NAMES.slice(0, 5);
    const drawn = chooseVictims(['40%'], NAMES, up, random);
    expect(drawn).toHaveLength(2);
    expect(drawn.every((name) => up.includes(name))).toBe(true);
    expect(chooseVictims(['100%'], NAMES, up, random)).toEqual(up);
    for (const words of [['0%'], ['101%'], ['20%', '1']]) expect(codeOf(() => chooseVictims(words, NAMES, up, random))).toBe('BAT_E_USAGE');
    expect(chooseVictims(['9'], NAMES, up, random)).toEqual(['node9']);
  });

  it('form the groups of a partition, with or without blanks around the slash', () => {
    expect(parseGroups(['1,2', '/', '3..4'], NAMES)).toEqual([
      ['node1', 'node2'],
      ['node3', 'node4'],
    ]);
    expect(parseGroups(['1/2/3'], NAMES)).toHaveLength(3);
    for (const words of [['1,2'], ['1', '/'], ['1,2', '/', '2'], ['']]) expect(codeOf(() => parseGroups(words, NAMES))).toBe('BAT_E_USAGE');
    expect(codeOf(() => parseGroups(['1/11'], NAMES))).toBe('BAT_E_LAB_NODE_UNKNOWN');
  });
});
