import { describe, expect, it } from 'vitest';
import { hostWords, inWords } from './host-words.ts';

describe('what hosts answer, in words', () => {
  it('stands in the place of the codes behind an id and in brackets, and nothing else changes', () => {
    expect(inWords('ab12cd34 no-room, 99999999 refused and 3 more')).toBe('ab12cd34 has no room, 99999999 is not running and 3 more');
    expect(inWords('ab12cd34 refused, looking for another host')).toBe('ab12cd34 is not running, looking for another host');
    expect(inWords('ab12cd34 refused (disk-full), looking for another host')).toBe('ab12cd34 has a full disk, looking for another host');
    expect(inWords('ab12cd34 stopped answering (timeout), using another')).toBe(
      'ab12cd34 stopped answering (it does not answer), using another',
    );
    expect(inWords('ab12cd34 is slow, trying 99999999 beside it')).toBe('ab12cd34 is slow, trying 99999999 beside it');
    expect(inWords('away: ab12cd34, 99999999')).toBe('away: ab12cd34, 99999999');
    expect(inWords('a (b) refused')).toBe('a (b) refused');
  });

  it('are none for a reason that has its own words', () => {
    expect(hostWords('no-room')).toBe('has no room');
    expect(hostWords('it signed that its copy is damaged')).toBeUndefined();
    expect(hostWords('constructor')).toBeUndefined();
  });
});
