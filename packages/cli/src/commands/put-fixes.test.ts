import { BatChainError, type ErrorCode } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { refinePutError } from './put-fixes.ts';

const argv = ['put', 'my films/a b.mp4', '--home', './h'];
const words = { file: 'my films/a b.mp4', argv, homeFlag: ' --home ./h', peersOnline: 0, peersRemembered: 0 };
const fixOf = (code: ErrorCode, facts: { why?: string; fix?: string; details?: Record<string, unknown> } = {}, peersOnline = 0): string =>
  refinePutError(new BatChainError(code, { what: 'x', ...facts }), { ...words, peersOnline }).fix;

describe('fix lines of put', () => {
  it('name flags that put has, and the command as it was typed', () => {
    expect(fixOf('BAT_E_TARGET_EXISTS')).toBe(
      "replace it: batchain put 'my films/a b.mp4' --home ./h --force; or choose another path with --manifest",
    );
    expect(fixOf('BAT_E_FILE_NOT_FOUND')).toBe("ls -l 'my films/a b.mp4'");
    expect(fixOf('BAT_E_NOT_ENOUGH_PEERS', { fix: 'batchain put a b.mp4 --policy 1of2', details: { found: 2 } })).toBe(
      "batchain put 'my films/a b.mp4' --home ./h --policy 1of2",
    );
    const smaller = new BatChainError('BAT_E_NOT_ENOUGH_PEERS', { what: 'x', fix: 'batchain put x --policy 1of2', details: { found: 2 } });
    const typed = ['-u', 'x', '--policy', '5of9', '--name', 'y', '--policy=3of5'];
    expect(refinePutError(smaller, { ...words, argv: typed }).fix).toBe('batchain -u x --name y --policy 1of2');
    expect(fixOf('BAT_E_TIMEOUT', { fix: 'as it was' })).toBe('as it was');
  });

  it('say how to find others when nobody is known at all', () => {
    const alone = new BatChainError('BAT_E_NOT_ENOUGH_PEERS', { what: 'x', why: 'no other host is known', details: { found: 0 } });
    expect(refinePutError(alone, words)).toMatchObject({
      what: 'no other computer is known yet',
      fix: 'batchain stop --home ./h && batchain start --home ./h --join HOST:PORT',
    });
  });

  it('do not call a network unknown that was joined before and does not answer now', () => {
    const alone = new BatChainError('BAT_E_NOT_ENOUGH_PEERS', { what: 'x', why: 'no other host is known', details: { found: 0 } });
    const refined = refinePutError(alone, { ...words, peersRemembered: 2 });
    expect(refined).toMatchObject({
      what: 'no other computer answers now',
      why: '2 members remembered from before: none answers; the node goes on trying',
      fix: 'try again when one of them answers: batchain peers --home ./h shows who is here',
    });
  });

  it('do not advise to wait for hosts that are there and full', () => {
    const full = { why: 'ab12cd34 no-room, 99999999 no-room', fix: 'wait for hosts to come online', details: { found: 0 } };
    expect(fixOf('BAT_E_NOT_ENOUGH_PEERS', full)).toContain('batchain config set offer 50GiB');
    expect(fixOf('BAT_E_NOT_ENOUGH_PEERS', { why: 'ab12cd34 refused', details: { found: 0 } }, 1)).toContain('offer 50GiB');
    const hidden = new BatChainError('BAT_E_NOT_ENOUGH_PEERS', { what: 'x', why: 'no other host is known', details: { found: 0 } });
    expect(refinePutError(hidden, { ...words, peersOnline: 4 }).why).toBe('peers that answer: 4; all are full or offer nothing');
    expect(fixOf('BAT_E_NOT_ENOUGH_PEERS', { why: 'ab12cd34 refused', details: { found: 0 } })).toContain(
      'try again when one of them answers',
    );
  });

  it('keep what leads to hosts that are there and out of reach', () => {
    const fix = 'batchain peers --why ab12cd34 tells what was tried';
    const why = 'ab12cd34 is online but there is no way to it: no relay is known';
    expect(fixOf('BAT_E_NOT_ENOUGH_PEERS', { why, fix, details: { found: 0, isNoWay: true } }, 3)).toBe(fix);
  });
});
