// driven: the command line through yargs: which command, with which flags and words. Values are checked later, with those of the environment.
import type { Setting, SettingTable } from '@batchain/participant/client';
import { BatChainError } from '@batchain/shared';
import yargs, { type Options } from 'yargs';
import { type Command, usageLine } from '../command.ts';
import { GLOBAL_OPTIONS, SHORT_FLAGS } from '../global-options.ts';
import { expandSeedFlags } from './seed-flags.ts';
import { nearestWord, usageError } from './usage-error.ts';

export interface ParsedArgv {
  readonly command: Command | undefined;
  /** By key; lists as arrays of text, switches as booleans, all else text. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];
  readonly wantsHelp: boolean;
  readonly wantsVersion: boolean;
}

const SWITCHES: SettingTable = {
  help: { schema: GLOBAL_OPTIONS.json.schema, default: false, help: 'show help' },
  version: { schema: GLOBAL_OPTIONS.json.schema, default: false, help: 'show the version' },
};

const isSwitch = (setting: Setting): boolean => setting.argument === undefined;

function yargsOptions(table: SettingTable): Record<string, Options> {
  return Object.fromEntries(
    Object.entries(table).map(([key, setting]): [string, Options] => {
      const short = SHORT_FLAGS[key];
      return [
        key,
        {
          type: isSwitch(setting) ? 'boolean' : 'string',
          requiresArg: !isSwitch(setting),
          ...(short === undefined ? {} : { alias: short }),
        },
      ];
    }),
  );
}

/** True when a flag, as written, is followed by its value. */
function makeTakesValue(commands: readonly Command[]): (flag: string) => boolean {
  const tables: SettingTable[] = [GLOBAL_OPTIONS, ...commands.map((command) => command.options as SettingTable)];
  const keys = new Set(tables.flatMap((table) => Object.keys(table).filter((key) => !isSwitch(table[key] as Setting))));
  return (flag) => {
    const name = flag.replace(/^--?/, '');
    return keys.has(name) || [...keys].some((key) => SHORT_FLAGS[key] === name);
  };
}

/** `--json=1` as `--json=true`: a switch takes the same words on the command line as in the environment. Throws BAT_E_USAGE. */
function plainSwitches(argv: readonly string[], commands: readonly Command[]): string[] {
  const tables: SettingTable[] = [GLOBAL_OPTIONS, SWITCHES, ...commands.map((command) => command.options as SettingTable)];
  const settings = new Map(tables.flatMap((table) => Object.entries(table)));
  const end = argv.indexOf('--');
  return argv.map((word, at) => {
    const [, key = '', value = ''] = /^--([a-z-]+)=(.*)$/s.exec(end >= 0 && at > end ? '' : word) ?? [];
    const setting = settings.get(key);
    if (setting === undefined || !isSwitch(setting)) return word;
    const parsed = setting.schema.safeParse(value);
    if (!parsed.success)
      throw usageError(`--${key}: ${JSON.stringify(value)} can not be used`, 'expected true or false, or the flag alone');
    return `--${key}=${String(parsed.data)}`;
  });
}

interface RawArguments {
  readonly _: readonly (string | number)[];
  readonly [key: string]: unknown;
}

function tokenize(
  argv: readonly string[],
  commands: readonly Command[],
): { readonly command: Command | undefined; readonly raw: RawArguments } {
  let chosen: Command | undefined;
  let parser = yargs()
    .scriptName('batchain')
    .locale('en')
    .help(false)
    .version(false)
    .exitProcess(false)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    })
    .options(yargsOptions({ ...GLOBAL_OPTIONS, ...SWITCHES }))
    .fail((message: string, error: Error | undefined) => {
      if (error instanceof BatChainError) throw error;
      throw usageError(
        'the command line is wrong',
        message.replace(/^Not enough arguments following: (.*)$/, '--$1 needs a value'),
        chosen?.name,
      );
    });
  for (const command of commands) {
    parser = parser.command(
      `${command.name} [words..]`,
      false,
      (inner) => {
        chosen = command;
        return inner.options(yargsOptions(command.options)).positional('words', { type: 'string', array: true });
      },
      () => undefined,
    ) as typeof parser;
  }
  const raw = parser.parse([...argv]) as unknown as RawArguments;
  return { command: chosen, raw };
}

function checkFlags(raw: RawArguments, command: Command | undefined, isList: (key: string) => boolean): Record<string, unknown> {
  const known = [...Object.keys(GLOBAL_OPTIONS), ...Object.keys(SWITCHES), ...Object.keys(command?.options ?? {})];
  const flags: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (key === '_' || key === '$0' || key === 'words' || value === undefined) continue;
    if (!known.includes(key)) {
      const written = key.length === 1 ? `-${key}` : `--${key}`;
      const near = key.length === 1 ? undefined : nearestWord(key, known);
      const where = command === undefined ? 'batchain' : command.name;
      throw usageError(`${written} is no flag of ${where}`, near === undefined ? 'unknown flag' : `did you mean --${near}?`, command?.name);
    }
    flags[key] = isList(key) ? [value].flat() : Array.isArray(value) ? value.at(-1) : value;
  }
  return flags;
}

function checkWords(command: Command, words: readonly string[]): void {
  const missing = command.positionals[words.length];
  if (missing?.isRequired === true) {
    throw usageError(`${command.name} needs ${missing.name}`, `usage: ${usageLine(command)}`, command.name);
  }
  const takesAll = command.positionals.at(-1)?.isRest === true;
  const extra = takesAll ? undefined : words[command.positionals.length];
  if (extra !== undefined) {
    const isOneOfMany = command.positionals.some(({ name }) => name === 'FILE' || name === 'REF');
    const why = `${isOneOfMany ? 'one file at a time' : `${command.name} takes flags only`}; usage: ${usageLine(command)}`;
    throw usageError(`${command.name} takes no ${JSON.stringify(extra)}`, why, command.name);
  }
}

/** Throws BAT_E_USAGE, with the nearest right word for a typo. */
export function parseArgv(argv: readonly string[], commands: readonly Command[]): ParsedArgv {
  const { command, raw } = tokenize(expandSeedFlags(plainSwitches(argv, commands), makeTakesValue(commands)), commands);
  const isList = (key: string): boolean => (command?.options as SettingTable | undefined)?.[key]?.isList === true;
  const flags = checkFlags(raw, command, isList);
  const { help, version, ...rest } = flags;
  const wantsHelp = help === true;
  const words = [...((raw.words as string[] | undefined) ?? []), ...raw._.slice(command === undefined ? 0 : 1).map(String)];
  const [unknown] = words;
  if (command === undefined && unknown !== undefined) {
    const near = nearestWord(
      unknown,
      commands.map(({ name }) => name),
    );
    throw usageError(`${JSON.stringify(unknown)} is no command`, near === undefined ? 'unknown command' : `did you mean ${near}?`);
  }
  if (command !== undefined && !wantsHelp) checkWords(command, words);
  return { command, flags: rest, words, wantsHelp, wantsVersion: version === true };
}
