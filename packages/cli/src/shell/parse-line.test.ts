import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { parseLine as parse } from './parse-line.ts';
import { VERB_SPECS, VERB_WORDS } from './shell-verbs.ts';

const parseLine = (line: string): ReturnType<typeof parse> => parse(line, { nodesMax: 24, pieceBytesMin: 64, pieceBytesMax: 896 });
const requestOf = (line: string): unknown => {
  const parsed = parseLine(line);
  return parsed.kind === 'request' ? parsed.request : parsed;
};
const whyOf = (line: string): string => {
  const parsed = parseLine(line);
  return parsed.kind === 'wrong' ? `${parsed.what}: ${parsed.why}` : `not refused: ${JSON.stringify(parsed)}`;
};

describe('a line of the shell', () => {
  it('asks for the same as a letter, as a word, in any case, with space around it', () => {
    for (const line of ['SZ', 'sz', 'Sz', '  size  ', 'SIZE']) expect(requestOf(line)).toEqual({ kind: 'size' });
    for (const line of ['x', 'exit', 'QUIT']) expect(requestOf(line)).toEqual({ kind: 'exit' });
    for (const line of ['help', '?', 'h']) expect(requestOf(line)).toMatchObject({ kind: 'help' });
    expect(parseLine('rn key')).toMatchObject({ verb: 'RN' });
    expect(parseLine('retrieve key')).toMatchObject({ verb: 'RETRIEVE' });
  });

  it('asks for nothing when it is empty or a comment', () => {
    for (const line of ['', '   ', '\t', '# MM', '#MM', "# what's more"]) expect(parseLine(line)).toEqual({ kind: 'empty' });
  });

  it('ends where a comment begins, which is no word of it', () => {
    expect(parseLine("SZ # how many? Let's see")).toMatchObject({ kind: 'request', request: { kind: 'size' } });
    expect(parseLine('RN a#b')).toMatchObject({ request: { kind: 'read', key: 'a#b' } });
    expect(parseLine("RN '#b'")).toMatchObject({ request: { kind: 'read', key: '#b' } });
  });

  it('BD-20 BD-21 W takes the place, a file, a piece size and a key', () => {
    const write = { kind: 'write', isLocal: false, file: undefined, pieceBytes: undefined, key: undefined };
    expect(requestOf('W')).toEqual(write);
    expect(requestOf('WN')).toEqual(write);
    for (const line of ['WL', 'W L', 'w l', 'write L']) expect(requestOf(line)).toEqual({ ...write, isLocal: true });
    const full = { kind: 'write', isLocal: true, file: 'a b.txt', pieceBytes: 512, key: 'notes' };
    for (const line of ["WL 'a b.txt' 512 notes", 'W L "a b.txt" 512 notes', 'wl a\\ b.txt 512 notes'])
      expect(requestOf(line)).toEqual(full);
    // A file of that name all the same.
    expect(requestOf('WN L')).toEqual({ ...write, file: 'L' });
    expect(requestOf('store notes.txt')).toEqual({ ...write, file: 'notes.txt' });
  });

  it('BD-22 BD-23 R and D take the place and a key', () => {
    expect(requestOf('R')).toEqual({ kind: 'read', isLocal: false, key: undefined, target: undefined });
    expect(requestOf('RL k')).toEqual({ kind: 'read', isLocal: true, key: 'k', target: undefined });
    expect(requestOf('r n k back.txt')).toEqual({ kind: 'read', isLocal: false, key: 'k', target: 'back.txt' });
    expect(requestOf('D l k')).toEqual({ kind: 'delete', isLocal: true, key: 'k' });
    expect(requestOf('DN')).toEqual({ kind: 'delete', isLocal: false, key: undefined });
  });

  it('BD-13 BD-14 FN takes a host, a port, a range of ports, or both', () => {
    const find = (host: string | undefined, from?: number, to = from): unknown => ({
      kind: 'find',
      host,
      ports: from === undefined ? undefined : { from, to },
    });
    expect(requestOf('FN')).toEqual(find(undefined));
    expect(requestOf('FN kitchen-nas')).toEqual(find('kitchen-nas'));
    expect(requestOf('FN 127.0.0.1:4870')).toEqual(find('127.0.0.1', 4870));
    expect(requestOf('FN [::1]:4870')).toEqual(find('::1', 4870));
    expect(requestOf('FN 4870-4880')).toEqual(find(undefined, 4870, 4880));
    expect(requestOf('FN 127.0.0.1 4870-4880')).toEqual(find('127.0.0.1', 4870, 4880));
    expect(requestOf('FN 127.0.0.1:4870-4880')).toEqual(find('127.0.0.1', 4870, 4880));
    expect(whyOf('FN ana 70000')).toBe('"70000" is no port: expected a number from 1 to 65535');
    expect(whyOf('FN ana:0')).toContain('is no port');
    expect(whyOf('FN 4880-4870')).toContain('the first port is above the last');
    expect(whyOf('FN 1-60000')).toContain('has too many ports');
    expect(whyOf('FN ana ports')).toContain('"ports" is no port');
    expect(whyOf('FN a/b')).toContain('is no host');
  });

  it('a verb that is none is named, with the nearest one; text where a number belongs is refused', () => {
    expect(whyOf('foo')).toBe('"foo" is no verb: type H for all verbs');
    expect(whyOf('exti')).toBe('"exti" is no verb: did you mean EXIT?');
    expect(whyOf('retreive k')).toBe('"retreive" is no verb: did you mean RETRIEVE?');
    expect(whyOf('SS')).toMatch(/did you mean SZ\?/);
    expect(whyOf('MM many')).toBe('"many" is no number of nodes: expected a number from 1 to 24');
    expect(whyOf('MM 0')).toContain('is no number of nodes');
    expect(whyOf('MM 1e3')).toContain('is no number of nodes');
    expect(whyOf('WN file big')).toContain('"big" is no piece size');
    expect(whyOf('WN file 99999999999')).toContain('is no piece size');
    expect(whyOf('SZ now')).toBe('SZ takes no "now": usage: SZ');
    expect(whyOf('RI table')).toBe('RI takes no "table": it takes: full, csv');
    expect(whyOf('JN here')).toContain('"here" is no HOST:PORT');
    expect(whyOf('JN a:70000')).toContain('is no HOST:PORT');
    expect(whyOf('LH a b')).toBe('LH takes no "b": usage: LH [hash]');
    expect(whyOf('RN ""')).toContain('"" is no key');
    expect(whyOf("WN 'open")).toContain('a quote');
    expect(whyOf('clear all')).toBe('CLEAR takes no "all": it takes: yes');
    expect(whyOf('test lots')).toContain('is no number of bytes');
  });

  it('never throws and never answers at length, whatever is typed', () => {
    const { random } = createSimRuntime('lines').runtime;
    const letters = [...'WRDLNHXSZ wrdln\'"\\-:[].#?0123456789\t\u0000\u001b\u202e\ud800é€😀', ...VERB_WORDS];
    for (let round = 0; round < 1500; round++) {
      const parts = Array.from({ length: random.below(40) }, () => letters[random.below(letters.length)] as string);
      const parsed = parseLine(parts.join(random.below(2) === 0 ? '' : ' '));
      expect(['empty', 'request', 'wrong']).toContain(parsed.kind);
      if (parsed.kind !== 'empty') expect(parsed.verb.length).toBeLessThan(40);
      if (parsed.kind === 'wrong') expect(parsed.what.length + parsed.why.length).toBeLessThan(400);
    }
    const long = parseLine('x'.repeat(1_000_000));
    expect(JSON.stringify(long).length).toBeLessThan(300);
  });

  it('BD-10 each verb says what it takes and does, each word means one verb', () => {
    for (const { words, does } of VERB_SPECS) {
      expect(words.length).toBeGreaterThan(0);
      expect(does).not.toBe('');
    }
    expect(new Set(VERB_WORDS).size).toBe(VERB_SPECS.flatMap(({ words }) => words).length);
    for (const word of 'H LL MM FN LH JN LN SZ RI W R D LD PD X WN WL RN RL DN DL STORE RETRIEVE TEST CLEAR LIST QUIT HELP EXIT FIND LOCATE JOIN LEAVE SIZE ROUTES WRITE READ DELETE'.split(
      ' ',
    ))
      expect(VERB_WORDS).toContain(word);
  });
});
