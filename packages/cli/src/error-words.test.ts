import { BatChainError, type ErrorCode } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { sayError, type TypedCommand } from './error-words.ts';

const get: TypedCommand = { name: 'get', argv: ['get', 'a b.txt', '--home', 'h'], homeFlag: ' --home h', resumes: true };
const ls: TypedCommand = { name: 'ls', argv: ['ls', '--home', 'h'], homeFlag: ' --home h', resumes: false };
const fixOf = (code: ErrorCode, command: TypedCommand, fix?: string): string =>
  sayError(new BatChainError(code, { what: 'x', ...(fix === undefined ? {} : { fix }) }), command).fix;

describe('an error in the words of the command', () => {
  it('has a fix to be pasted: names quoted, the home kept, nothing to fill in', () => {
    expect(fixOf('BAT_E_TARGET_EXISTS', get)).toBe("replace it: batchain get 'a b.txt' --home h --force; or choose another path with -o");
    expect(fixOf('BAT_E_REF_NOT_FOUND', get)).toBe('See your files: batchain ls --home h');
    expect(fixOf('BAT_E_REF_AMBIGUOUS', get)).toBe('Name it by its id: batchain ls --home h shows them.');
    expect(fixOf('BAT_E_DAEMON_LOST', get)).toBe("batchain start --home h && batchain get 'a b.txt' --home h");
    expect(fixOf('BAT_E_USAGE', get)).toBe('batchain help get');
    expect(fixOf('BAT_E_USAGE', get, 'as it was')).toBe('as it was');
    expect(fixOf('BAT_E_TOO_FEW_SHARDS', get, 'batchain peers --why ab12cd34 tells what was tried')).toBe(
      'batchain peers --why ab12cd34 --home h tells what was tried',
    );
  });

  it('says after a Ctrl-C or a deadline what fits the command', () => {
    expect(fixOf('BAT_E_INTERRUPTED', get)).toBe("go on where it was: batchain get 'a b.txt' --home h");
    expect(fixOf('BAT_E_INTERRUPTED', ls)).toBe('run it again: batchain ls --home h');
    expect(fixOf('BAT_E_INTERRUPTED', { ...ls, afterInterrupt: 'batchain status' })).toBe('batchain status');
    expect(fixOf('BAT_E_TIMEOUT', get)).toContain('go on where it was');
    expect(fixOf('BAT_E_TIMEOUT', ls)).toBe('give a longer --timeout');
  });

  it('says what hosts answered, and that a picture is no manifest', () => {
    const why = (code: ErrorCode, text: string, what = 'x') => sayError(new BatChainError(code, { what, why: text }), get);
    expect(why('BAT_E_NOT_ENOUGH_PEERS', 'ab12cd34 no-room').why).toBe('ab12cd34 has no room');
    const noWay = 'ab12cd34 is online but there is no way to it: no relay is known';
    expect(why('BAT_E_TOO_FEW_SHARDS', `${noWay}; away: 99999999`).why).toBe(`${noWay}; away: 99999999`);
    expect(why('BAT_E_MANIFEST_MALFORMED', 'manifest: not JSON', '/a.jpg is no manifest that can be used').what).toBe(
      '/a.jpg is not a BatChain manifest',
    );
    expect(why('BAT_E_LISTEN_FAILED', 'EADDRNOTAVAIL').why).toBe('the address is not one of this machine');
    expect(why('BAT_E_MANIFEST_MALFORMED', 'roster: cut short').why).toBe('roster: cut short');
  });
});
