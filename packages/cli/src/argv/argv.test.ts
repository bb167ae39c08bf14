import { defineSettings, hostPortsValue, optional, switchValue, textValue } from '@batchain/participant/client';
import { BatChainError } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { type Command, defineCommand } from '../command.ts';
import { parseArgv } from './parse-argv.ts';

const nothing = async () => ({ json: {}, text: [] });
const make = (name: string, positional: string | undefined, options = {}): Command =>
  defineCommand({
    name,
    summary: name,
    positionals: positional === undefined ? [] : [{ name: positional, isRequired: name !== 'audit' }],
    options: defineSettings(options),
    examples: [],
    timeoutMs: 1000,
    run: nothing,
  });
const text = { schema: optional(textValue(99)), default: undefined, argument: 'X', help: '' };
const COMMANDS = [
  make('put', 'FILE', { policy: text, force: { schema: switchValue, default: false, help: '' } }),
  make('get', 'REF', { output: text }),
  make('ls', undefined, { health: { schema: switchValue, default: false, help: '' } }),
  make('audit', 'REF'),
  make('hash', 'FILE'),
  make('start', undefined, {
    join: { schema: hostPortsValue, default: [], argument: 'HOST:PORT', isList: true, help: '' },
    'no-lan-discovery': { schema: switchValue, default: false, help: '' },
  }),
];

const parse = (line: string) => {
  const { command, flags, words, ...wants } = parseArgv(line === '' ? [] : line.split(' '), COMMANDS);
  return { command: command?.name, flags, words, ...wants };
};
const refusalOf = (line: string): string => {
  try {
    parse(line);
  } catch (error) {
    if (error instanceof BatChainError) return `${error.code} ${error.what}; ${error.why}`;
    throw error;
  }
  return 'accepted';
};

describe('command line', () => {
  it('finds command, flags and words in any order, the last of repeated flags, all of a list', () => {
    expect(parse('--json put a.txt --policy 1of2 --policy 2of3 --force --home h')).toMatchObject({
      command: 'put',
      words: ['a.txt'],
      flags: { json: true, policy: '2of3', force: true, home: 'h' },
    });
    expect(parse('start --join 1.2.3.4:5 --join [::1]:6 --no-lan-discovery --no-input').flags).toEqual({
      join: ['1.2.3.4:5', '[::1]:6'],
      'no-lan-discovery': true,
      'no-input': true,
    });
    expect(parse('start --join 1.2.3.4:5').flags).toEqual({ join: ['1.2.3.4:5'] });
  });

  it('keeps words that look like numbers, and words after -- that look like flags', () => {
    expect(parse('put 007').words).toEqual(['007']);
    expect(parse('put -- -x').words).toEqual(['-x']);
    expect(parse('get 1e3 -o 12')).toMatchObject({ words: ['1e3'], flags: { output: '12' } });
  });

  it('BN-50 BN-51 BN-52 BN-53 BN-57 takes the flags of the seeds as the verbs of today, long ones too', () => {
    const same: readonly [string, string][] = [
      ['-u a.txt', 'put a.txt'],
      ['--upload a.txt --json', 'put a.txt --json'],
      ['--home h -u a.txt --policy 1of2', 'put a.txt --home h --policy 1of2'],
      ['-ua.txt', 'put a.txt'],
      ['--upload=a.txt', 'put a.txt'],
      ['-d m.batchain -o out', 'get m.batchain -o out'],
      ['--download m.batchain', 'get m.batchain'],
      ['-l', 'ls'],
      ['--list --health', 'ls --health'],
      ['-a m.batchain', 'audit m.batchain'],
      ['-a', 'audit'],
      ['-s a.txt', 'hash a.txt'],
    ];
    for (const [seed, modern] of same) expect([seed, parse(seed)]).toEqual([seed, parse(modern)]);
    expect(parse('-h').wantsHelp).toBe(true);
    expect(parse('put -h').wantsHelp).toBe(true);
    expect(parse('-V').wantsVersion).toBe(true);
  });

  it('refuses two verbs at once, and a seed flag without its file', () => {
    expect(refusalOf('-u a -d b')).toBe('BAT_E_USAGE -u and -d at once; one file at a time, and one thing with it');
    expect(refusalOf('-l -u a')).toContain('-l and -u at once');
    expect(refusalOf('-u a -u b')).toContain('-u and -u at once');
    expect(refusalOf('-u')).toBe('BAT_E_USAGE -u needs a file; usage: batchain -u FILE');
    expect(refusalOf('-d --json')).toContain('-d needs a file');
    expect(refusalOf('-u a b')).toContain('one file at a time');
  });

  it('leaves the reserved letters without another meaning', () => {
    for (const letter of ['a', 'd', 'l', 'p', 's', 'u']) expect(refusalOf(`ls -${letter}`)).toContain(`-${letter} is no flag of ls`);
    expect(refusalOf('-p m')).toContain('-p is no flag');
  });

  it('says what was probably meant', () => {
    expect(refusalOf('putt a')).toBe('BAT_E_USAGE "putt" is no command; did you mean put?');
    expect(refusalOf('launder a')).toContain('unknown command');
    expect(refusalOf('put a --polizy 1of2')).toBe('BAT_E_USAGE --polizy is no flag of put; did you mean --policy?');
    expect(refusalOf('put')).toBe('BAT_E_USAGE put needs FILE; usage: batchain put FILE [options]');
    expect(refusalOf('ls extra')).toBe('BAT_E_USAGE ls takes no "extra"; ls takes flags only; usage: batchain ls [options]');
    expect(refusalOf('put a --policy')).toContain('--policy needs a value');
  });

  it('takes as many words as there are where the last stands for all the rest', () => {
    const lab = {
      ...make('lab', 'ACTION'),
      positionals: [
        { name: 'ACTION', isRequired: false },
        { name: 'NODE...', isRequired: false, isRest: true },
      ],
    };
    expect(parseArgv(['lab', 'partition', '1,2', '/', '3..5', '--json'], [lab]).words).toEqual(['partition', '1,2', '/', '3..5']);
    expect(parseArgv(['lab'], [lab]).words).toEqual([]);
  });

  it('takes the words of the environment for a switch, and refuses others', () => {
    for (const [word, value] of [
      ['--json=1', true],
      ['--json=yes', true],
      ['--json=0', false],
      ['--json', true],
    ] as const)
      expect([word, parse(`ls ${word}`).flags.json]).toEqual([word, value]);
    expect(parse('put a --force=on').flags.force).toBe(true);
    expect(refusalOf('ls --json=maybe')).toBe('BAT_E_USAGE --json: "maybe" can not be used; expected true or false, or the flag alone');
    expect(parse('put -- --json=maybe').words).toEqual(['--json=maybe']);
  });

  it('is bare without anything', () => {
    expect(parse('')).toEqual({ command: undefined, flags: {}, words: [], wantsHelp: false, wantsVersion: false });
  });
});
