import { describe, expect, it } from 'vitest';
import { systemReason, systemWords } from './system-words.ts';

describe('what the system says', () => {
  it('is told in words, and as it says itself where there are none', () => {
    expect(systemReason(Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }))).toBe('nothing is at that path');
    expect(systemReason(Object.assign(new Error('EWEIRD: odd'), { code: 'EWEIRD' }))).toBe('EWEIRD: odd');
    expect(systemReason('odd')).toBe('odd');
    expect([systemWords('EADDRNOTAVAIL'), systemWords('toString')]).toEqual(['the address is not one of this machine', undefined]);
  });
});
