import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatChainError } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureTokenFile, readTokenFile } from './token-file.ts';

const { entropy } = createSystemRuntime();
let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'batchain-token-'));
  path = join(dir, 'token');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const whyOf = (text: string, mode = 0o600): string => {
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  try {
    readTokenFile(path);
  } catch (error) {
    expect((error as BatChainError).code).toBe('BAT_E_CONFIG');
    return (error as BatChainError).why;
  }
  return 'none';
};

describe('the token of storage over HTTP (T17, T18)', () => {
  it('is drawn once, of 256 bits, into a file that only its owner may read', () => {
    const token = ensureTokenFile(path, entropy);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toBe(`${token}\n`);
    expect(ensureTokenFile(path, entropy)).toBe(token);
    expect(ensureTokenFile(join(dir, 'other'), entropy)).not.toBe(token);
  });

  it('is the one line of a file that was named', () => {
    for (const end of ['', '\n', '\r\n']) expect(whyOf(`${'k'.repeat(22)}${end}`)).toBe('none');
    expect(readTokenFile(path)).toBe('k'.repeat(22));
  });

  it('is refused when others can read it, when it can be guessed, and when it is no token', () => {
    expect(whyOf('k'.repeat(43), 0o644)).toBe('other users of this computer can read it');
    expect(whyOf('k'.repeat(43), 0o640)).toBe('other users of this computer can read it');
    for (const text of [
      '',
      '\n',
      'short',
      'k'.repeat(21),
      `${'k'.repeat(30)}\nsecond`,
      `two words ${'k'.repeat(30)}`,
      'ü'.repeat(30),
      'k'.repeat(5000),
    ])
      expect(whyOf(text)).toContain('one line of 22');
    rmSync(path);
    expect(() => readTokenFile(path)).toThrow(BatChainError);
  });
});
