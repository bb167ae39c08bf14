// What `kv` makes of its words, and what it says.
import type { ValueEntryView, ValueFoundView } from '@batchain/participant/client';
import { utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { styleOf } from '../output/style.ts';
import { foundText, isPrintable, listText, storedText } from './kv-text.ts';
import { bodyOfWord } from './kv-word.ts';

const style = styleOf({ isTTY: false, columns: 80 }, { color: 'never', isAscii: true, env: {} });
const entry: ValueEntryView = {
  key: 'motd',
  kind: 'json',
  form: 'inline',
  size: 7,
  seq: 5,
  pieces: 0,
  addedAt: '2026-11-26T10:00:00.000Z',
  expiresAt: null,
  isLocal: false,
};

describe('kv', () => {
  it('SH-10 takes a VALUE as JSON where it is JSON, else as text; digits that a number would lose stay text', () => {
    expect(bodyOfWord('{"a":1}', false)).toEqual({ json: '{"a":1}' });
    expect(bodyOfWord('-5', false)).toEqual({ json: '-5' });
    for (const word of ['hello', '', '12345678901234567890', '{a:1}'])
      expect(bodyOfWord(word, false)).toEqual({ json: JSON.stringify(word) });
    expect(bodyOfWord('{"a":1}', true)).toEqual({ text: '{"a":1}' });
  });

  it('prints text as it is and all else as JSON; a terminal gets nothing that it would obey', () => {
    const found = (value: unknown): ValueFoundView =>
      ({ key: 'k', owner: null, kind: 'json', form: 'inline', seq: 1, size: 1, expiresAt: null, value }) as ValueFoundView;
    expect(foundText(style, found('two\nlines'), false)).toEqual(['two\nlines']);
    expect(foundText(style, found({ a: [1] }), false)).toEqual(['{"a":[1]}']);
    expect(foundText(style, found('a\u001b[2Jb\nc'), true).join('|')).not.toContain('\u001b');
    expect([isPrintable(utf8Bytes('gr\u00fc\u00dfe\n')), isPrintable(Uint8Array.of(255)), isPrintable(utf8Bytes('\u001b[2J'))]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('BD-25 lists what there is, how it is kept and how long', () => {
    const nowMs = Date.parse('2026-11-26T12:00:00.000Z');
    const lines = listText(
      style,
      [entry, { ...entry, key: 'film', form: 'file', kind: 'bytes', size: 5_000_000, expiresAt: '2026-11-26T13:00:00.000Z' }],
      { nowMs, isLocal: false },
    );
    expect(lines).toEqual([
      'KEY   KIND   SIZE     KEPT AS  PUT      EXPIRES',
      'motd  json   7 B      record   2 h ago  never',
      'film  bytes  4.8 MiB  file     2 h ago  in 1 h',
      '2 values, 4.8 MiB',
    ]);
    expect(listText(style, [], { nowMs, isLocal: true })).toEqual([
      'No values in the local store. Put one: batchain kv put --local KEY VALUE',
    ]);
    expect(storedText(style, { ...entry, form: 'pieces', pieces: 3, storedOn: 2 }, true)).toEqual([
      'Stored motd   7 B in 3 pieces, on 2 peers',
    ]);
    expect(storedText(style, { ...entry, storedOn: 2 }, false)).toEqual(['motd']);
  });
});
