// driven: the help texts, made from the commands themselves: examples first.
import { environmentName, type Setting, type SettingTable } from '@batchain/participant/client';
import { type Command, usageLine } from './command.ts';
import { GLOBAL_OPTIONS, SHORT_FLAGS } from './global-options.ts';

/** What a newcomer needs, in this order; the second text stands for the flags of the seeds. */
const START_HERE: readonly (readonly [verb: string, line: string, what: string])[] = [
  ['sample', 'batchain sample', 'try it on this machine in a minute'],
  ['init', 'batchain init', 'set up this computer'],
  ['start', 'batchain start', 'take part, in the background'],
  ['put', 'batchain put FILE', 'upload          (short: batchain -u FILE)'],
  ['get', 'batchain get MANIFEST', 'download        (short: batchain -d MANIFEST)'],
  ['ls', 'batchain ls', 'your files      (short: batchain -l)'],
];

/** Help for nothing in particular; lists only verbs that exist. */
export function bareHelp(commands: readonly Command[]): string[] {
  const names = commands.map((command) => command.name);
  const shown = START_HERE.filter(([verb]) => names.includes(verb));
  const more = names.filter((name) => !START_HERE.some(([verb]) => verb === name) && name !== 'help');
  return [
    "BatChain keeps your files on your friends' spare disks, encrypted and in pieces.",
    '',
    'Usage: batchain [options] [command]',
    '',
    'Start here',
    ...shown.map(([, line, what]) => `  ${line.padEnd(30)}  ${what}`),
    '',
    ...wrapWords('More: ', more),
    `Help: batchain help [cmd]         ${FLAGS_HELP}`,
  ];
}

const LINE_LENGTH_MAX = 80;

/** Words behind a title, in lines that fit a terminal. */
function wrapWords(title: string, words: readonly string[]): string[] {
  const lines = [title];
  for (const word of words) {
    const last = lines.at(-1) as string;
    const gap = last.trimEnd() === last ? '  ' : '';
    if (last.length + gap.length + word.length > LINE_LENGTH_MAX) lines.push(`${' '.repeat(title.length)}${word}`);
    else lines[lines.length - 1] = `${last}${gap}${word}`;
  }
  return lines;
}

function optionLines(table: SettingTable): string[] {
  const rows = Object.entries(table).map(([key, setting]: [string, Setting]): [string, string] => {
    const short = SHORT_FLAGS[key];
    const flag = `${short === undefined ? '    ' : `-${short}, `}--${key}${setting.argument === undefined ? '' : ` ${setting.argument}`}`;
    return [flag, setting.help];
  });
  const width = Math.max(0, ...rows.map(([flag]) => flag.length));
  return rows.map(([flag, what]) => `  ${flag.padEnd(width)}  ${what}`);
}

/** Which help tells the flags that every command takes. */
const FLAGS_HELP = 'batchain help flags';

/** The word behind `help` for those flags. */
export const FLAGS_TOPIC = 'flags';

/** Help for the flags that every command takes. */
export function flagsHelp(): string[] {
  return [
    'Flags that every command takes',
    ...optionLines(GLOBAL_OPTIONS),
    '',
    `Each --flag can come from the environment: --home = ${environmentName('home')}.`,
  ];
}

/** Help for one command. */
export function commandHelp(command: Command): string[] {
  const width = Math.max(...command.examples.map(([line]) => line.length));
  const [anyKey = 'timeout'] = Object.keys(command.options);
  return [
    `batchain ${command.name}: ${command.summary}`,
    '',
    ...command.examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`.trimEnd()),
    '',
    `Usage: ${usageLine(command)}`,
    ...(Object.keys(command.options).length === 0 ? [] : ['', 'Options', ...optionLines(command.options)]),
    ...(command.notes === undefined ? [] : ['', ...command.notes]),
    '',
    `For every command: --home DIR  --json  --timeout DURATION  --yes  ...: ${FLAGS_HELP}`,
    `Each --flag can come from the environment: --${anyKey} = ${environmentName(anyKey)}.`,
  ];
}
