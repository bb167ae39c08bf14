import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatChainError } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { writeCrashReport } from './crash-report.ts';

describe('the report of a crash', () => {
  const error = new BatChainError('BAT_E_INTERNAL', { what: 'a defect' });

  it('lies below the log, made when it is not there', () => {
    const folder = mkdtempSync(join(tmpdir(), 'batchain-crash-'));
    const path = writeCrashReport(join(folder, 'home', 'log'), error, 'ls', 0);
    expect(readFileSync(path ?? '', 'utf8')).toContain('command ls');
    rmSync(folder, { recursive: true });
  });

  it('is given up where the system makes no folder', () => {
    expect(writeCrashReport('/proc/nowhere/log', error, 'ls', 0)).toBeUndefined();
  });
});
