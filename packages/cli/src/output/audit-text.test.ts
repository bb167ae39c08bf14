import type { AuditResult } from '@batchain/participant/client';
import { describe, expect, it } from 'vitest';
import { auditLines, exitOfAudit } from './audit-text.ts';
import { styleOf } from './style.ts';

type File = AuditResult['files'][number];
type Row = File['shards'][number];
const id = (digit: string): string => digit.repeat(64);
const style = (width: number) => styleOf({ isTTY: false, columns: width }, { color: 'never', isAscii: false, env: {} });

function row(shard: string, segment: number, host: string | null, outcome: Row['outcome'] = 'passed', reason = ''): Row {
  return { shardId: id(shard), segment, index: 0, host: host === null ? null : id(host), outcome, reason };
}
function audit(verdict: File['verdict'], shards: Row[], policy = { k: 1, n: 3 }): AuditResult {
  return {
    files: [
      { id: id('7'), name: 'a.txt', verdict, policy, shardsHealthy: 2, shardsTotal: policy.n, challengedBytes: 1, reason: null, shards },
    ],
  };
}

describe('BN-58 audit output', () => {
  const copies = audit('at-risk', [
    row('1', 0, 'a'),
    row('1', 0, 'b', 'offline', 'timeout'),
    row('1', 0, 'c'),
    row('2', 1, 'a', 'failed', 'bad-proof'),
    row('2', 1, 'b', 'offline', 'timeout'),
    row('2', 1, null, 'inconclusive', 'no-host'),
  ]);

  it('counts, per distinct shard, the copies that can be had, and says pass or fail against the policy', () => {
    expect(auditLines(style(100), copies, false)).toEqual([
      '  aaaaaaaa  1/2 ok, 1 WRONG',
      '  bbbbbbbb  0/2 ok, 2 no answer',
      '  cccccccc  1/1 ok',
      '  nobody    0/1 ok, 1 not proved yet',
      '77777777  a.txt  at risk 2/3  pass: any 1 of 3 restores it',
      '    SHARD     SEGMENT  COPIES',
      '    11111111  0        2 of 3  offline',
      '      bbbbbbbb does not answer',
      '    22222222  1        0 of 3  failed, offline, inconclusive',
      '      aaaaaaaa: bad-proof',
      '      bbbbbbbb does not answer',
      '      nobody: no-host',
      'a.txt is below its target.',
      'Whole again when its hosts are back; to be safe now, get and put again: a.txt',
    ]);
  });

  it('fails no file that can be restored, and speaks of one file when there is one', () => {
    const lines = (verdict: File['verdict'], count = 1): string[] => {
      const [file] = audit(verdict, [row('1', 0, 'a')]).files as [File];
      return auditLines(style(100), { files: Array.from({ length: count }, () => file) }, false);
    };
    for (const verdict of ['good', 'degraded', 'at-risk'] as const)
      expect(lines(verdict)[1], verdict).toMatch(/pass: any 1 of 3 restores it$/);
    expect(lines('lost')[1]).toMatch(/fail: 1 of 3 is needed$/);
    expect(lines('unknown')[1]).toMatch(/unsure: 1 of 3 is needed$/);
    expect(lines('good').at(-1)).toBe('a.txt meets its policy.');
    expect(lines('lost').slice(-2)).toEqual(['a.txt can not be restored any more.', 'Put again from the original: a.txt']);
    expect(lines('good', 2).at(-1)).toBe('All 2 files meet their policy.');
    expect(lines('unknown').at(-1)).toBe('a.txt can not be judged now: too few hosts answered.');
    expect(lines('lost', 2).slice(-2)).toEqual(['2 of 2 files below target.', 'Put again from the original: a.txt a.txt']);
    expect(lines('unknown', 2).at(-1)).toBe('0 of 2 files below target, 2 can not be judged now.');
  });

  it('calls missing what a host says itself that it has no longer, and never cuts why', () => {
    const reason = 'it signed that it does not hold the shard';
    const gone = audit('degraded', [row('1', 0, 'a', 'failed', reason), row('1', 0, 'b')], { k: 1, n: 2 });
    expect(auditLines(style(20), gone, false)).toEqual(
      expect.arrayContaining(['  aaaaaaaa  0/1 ok, 1 missing', '    11111111  1 of 2  missing', `      aaaaaaaa: ${reason}`]),
    );
    expect(exitOfAudit(gone)).toBe(7);
    const terminal = styleOf({ isTTY: true, columns: 40 }, { color: 'never', isAscii: false, env: {} });
    expect(auditLines(terminal, gone, false)).toEqual(
      expect.arrayContaining(['      aaaaaaaa: it signed that it does', '      not hold the shard']),
    );
  });

  it('lists only shards with trouble when there are many, all with --verbose', () => {
    const many = audit('degraded', [
      ...Array.from({ length: 100 }, (_, i) => ({ ...row('0', i, 'a'), shardId: i.toString(16).padStart(64, '0') })),
      row('2', 100, 'b', 'contained', 'silent'),
    ]);
    expect(auditLines(style(80), many, false).filter((line) => /^ {4}[0-9a-f]{8}/.test(line))).toHaveLength(1);
    expect(auditLines(style(80), many, true).filter((line) => /^ {4}[0-9a-f]{8}/.test(line))).toHaveLength(101);
  });

  it('ends in 0 when all is right, 3 when some could not be asked, 7 when an answer was wrong', () => {
    expect(exitOfAudit(audit('good', [row('1', 0, 'a')]))).toBe(0);
    for (const outcome of ['offline', 'contained', 'inconclusive'] as const)
      expect(exitOfAudit(audit('degraded', [row('1', 0, 'a', outcome)]))).toBe(3);
    expect(exitOfAudit(copies)).toBe(7);
    expect(exitOfAudit(audit('lost', [row('1', 0, 'a', 'offline')]))).toBe(7);
    expect(exitOfAudit({ files: [] })).toBe(0);
  });

  it('says of a file that nobody could be asked about why, and ends in 3', () => {
    const [file] = audit('unknown', []).files as [File];
    const result = {
      files: [
        ...audit('good', [row('1', 0, 'a')]).files,
        { ...file, name: 'b.txt', reason: 'the manifest of b.txt is gone: nothing is at /b' },
      ],
    };
    expect(exitOfAudit(result)).toBe(3);
    expect(auditLines(style(100), result, false)).toEqual([
      '  aaaaaaaa  1/1 ok',
      '77777777  a.txt  good 2/3  pass: any 1 of 3 restores it',
      '    SHARD     SEGMENT  COPIES',
      '    11111111  0        1 of 1',
      '77777777  b.txt  unknown  unsure: the manifest of b.txt is gone: nothing is at /b',
      '0 of 2 files below target, 1 can not be judged now.',
    ]);
  });
});
