import { describe, expect, it } from 'vitest';
import { fixedFor } from './doctor.ts';

const fixOf = (fix: string, flag: string): string | undefined =>
  fixedFor(flag, [{ check: 'network', state: 'fail', text: '', fix }])[0]?.fix;

describe('what doctor says helps', () => {
  it('names the home that doctor was given, in each command of this home', () => {
    expect(fixOf('name a member: batchain stop && batchain start --join HOST:PORT', ' --home /x')).toBe(
      'name a member: batchain stop --home /x && batchain start --home /x --join HOST:PORT',
    );
    expect(fixOf('or offer less: batchain config set offer SIZE', " --home '$& y'")).toBe(
      "or offer less: batchain config set --home '$& y' offer SIZE",
    );
  });

  it('leaves alone what others are to type, and everything where no home was named', () => {
    const fix = 'ask a member to run `batchain start --relay`\ncompare: batchain config list';
    expect(fixOf(fix, ' --home x')).toBe('ask a member to run `batchain start --relay`\ncompare: batchain config list --home x');
    expect(fixOf(fix, '')).toBe(fix);
  });
});
