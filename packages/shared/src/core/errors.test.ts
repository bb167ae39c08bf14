import { describe, expect, it } from 'vitest';
import { assert, present } from './assert.ts';
import { ERROR_CODES } from './error-codes.ts';
import { BatChainError, toBatChainError } from './errors.ts';

describe('BatChainError', () => {
  it('takes cause and fix from the table unless this case knows better, and the exit code from it always', () => {
    const error = new BatChainError('BAT_E_TIMEOUT', { what: 'no answer from host1', fix: 'start host1' });
    expect(error).toMatchObject({ code: 'BAT_E_TIMEOUT', what: 'no answer from host1', fix: 'start host1', exit: 5, isRetryable: true });
    expect(error.why).toBe(ERROR_CODES.BAT_E_TIMEOUT.cause);
    expect(error).toBeInstanceOf(Error);
  });

  it('wraps what is not one of ours, and keeps the cause', () => {
    const known = new BatChainError('BAT_E_USAGE', { what: 'no such flag' });
    expect(toBatChainError(known)).toBe(known);
    const odd = new RangeError('out of range');
    expect(toBatChainError(odd)).toMatchObject({ code: 'BAT_E_INTERNAL', what: 'out of range', cause: odd, isRetryable: false });
    for (const message of ['ENOSPC: no space left on device, write', 'IO error: /h/db/000003.log: No space left on device'])
      expect(toBatChainError(new Error(message))).toMatchObject({ code: 'BAT_E_HOME_UNUSABLE', why: 'the disk is full' });
    expect(toBatChainError('text')).toMatchObject({ code: 'BAT_E_INTERNAL', what: 'text' });
    expect(toBatChainError(new DOMException('stopped', 'AbortError'))).toMatchObject({ code: 'BAT_E_INTERRUPTED', exit: 130 });
  });

  it('has a line for everything that people need: meaning, cause and fix, each a sentence', () => {
    for (const [code, { meaning, cause, fix }] of Object.entries(ERROR_CODES)) {
      for (const text of [meaning, cause, fix]) expect(text, code).toMatch(/^[A-Z`].*\.$/s);
    }
  });
});

describe('assertions', () => {
  it('name the broken invariant as an error of our own', () => {
    expect(() => assert(1 + 1 === 3, 'sums hold')).toThrow(expect.objectContaining({ code: 'BAT_E_INTERNAL', what: 'sums hold' }));
    expect(present(0, 'zero is there')).toBe(0);
    expect(() => present(undefined, 'it is there')).toThrow('it is there');
  });
});
