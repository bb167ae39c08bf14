// pure: the manual pages, from the same table of commands as `batchain help`.
import { environmentName, type Setting, type SettingTable } from '@batchain/participant/client';
import { EXIT_MEANINGS } from '@batchain/shared';
import { type Command, usageLine } from '../packages/cli/src/command.ts';
import { COMMANDS } from '../packages/cli/src/commands.ts';
import { GLOBAL_OPTIONS, SHORT_FLAGS } from '../packages/cli/src/global-options.ts';
import { sampleHelp } from '../packages/cli/src/sample/sample-help.ts';

/** Text as troff takes it: nothing of it is an instruction, and a hyphen can be copied as one. */
function plain(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

const bold = (text: string): string => `\\fB${plain(text)}\\fR`;
const tagged = (tag: string, what: string): string[] => ['.TP', tag, plain(what)];
const verbatim = (lines: readonly string[]): string[] => ['.nf', ...lines.map(plain), '.fi'];

function optionLines(table: SettingTable): string[] {
  return Object.entries(table).flatMap(([key, setting]: [string, Setting]) => {
    const short = SHORT_FLAGS[key];
    const flag = `${short === undefined ? '' : `${bold(`-${short}`)}, `}${bold(`--${key}`)}`;
    return tagged(setting.argument === undefined ? flag : `${flag} \\fI${plain(setting.argument)}\\fR`, setting.help);
  });
}

function commandLines(command: Command): string[] {
  return [
    `.SS ${plain(usageLine(command))}`,
    plain(`${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`),
    ...optionLines(command.options),
    ...command.examples.flatMap(([line, what]) => tagged(bold(line), what)),
    ...(command.notes === undefined ? [] : ['.PP', ...verbatim(command.notes)]),
  ];
}

const titleLine = (name: string, version: string, date: string): string =>
  `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "${date}" "batchain ${version}" "User Commands"`;

/** `batchain.1`. `date` is the day of the release, as 2026-01-31. */
export function formatManPage(version: string, date: string): string {
  const lines = [
    titleLine('batchain', version, date),
    '.SH NAME',
    'batchain \\- keep files on the spare disks of people who know each other',
    '.SH SYNOPSIS',
    `${bold('batchain')} [\\fIoptions\\fR] \\fIcommand\\fR [\\fIwords\\fR]`,
    '.SH DESCRIPTION',
    plain(
      'A file is encrypted on this computer, cut into n shards of which any k restore it, and spread over n hosts that are found through',
    ),
    plain(
      'Kademlia. What comes back is checked byte for byte. There is no server and no account: a node in the background takes part in the',
    ),
    plain('network, and the commands speak to it. The manifest that an upload writes is the only key to the file: keep a copy elsewhere.'),
    '.SH COMMANDS',
    ...COMMANDS.flatMap(commandLines),
    '.SH OPTIONS OF EVERY COMMAND',
    ...optionLines(GLOBAL_OPTIONS),
    '.SH ENVIRONMENT',
    plain(
      `Each option can come from the environment: ${environmentName('home')} stands for --home, ${environmentName('kad-port')} for --kad-port.`,
    ),
    plain('A flag comes before its variable, that before config.toml, the file before the default.'),
    '.SH FILES',
    ...tagged('\\fI~/.config/batchain/config.toml\\fR', 'settings'),
    ...tagged('\\fI~/.local/share/batchain\\fR', 'the home: identity, manifests, shards of others'),
    ...tagged('\\fI~/.local/state/batchain/log\\fR', 'logs'),
    ...tagged(
      '\\fI/usr/lib/systemd/user/batchain.service\\fR',
      'runs the node at login, or at boot after loginctl enable-linger: systemctl --user enable --now batchain',
    ),
    '.SH EXIT STATUS',
    ...Object.entries(EXIT_MEANINGS).flatMap(([exit, meaning]) => tagged(bold(exit), meaning)),
    '.SH SEE ALSO',
    `${bold('batchain-sample')}(1), ${bold('systemctl')}(1)`,
  ];
  return `${lines.join('\n')}\n`;
}

/** `batchain-sample.1` */
export function formatSampleManPage(version: string, date: string): string {
  const [title = '', , ...help] = sampleHelp();
  const [, what = ''] = title.split(': ');
  const lines = [
    titleLine('batchain-sample', version, date),
    '.SH NAME',
    plain(`batchain-sample - ${what}`),
    '.SH SYNOPSIS',
    `${bold('batchain-sample')} \\fIcommand\\fR [\\fIwords\\fR]`,
    '.SH DESCRIPTION',
    ...verbatim(help),
    '.SH SEE ALSO',
    `${bold('batchain')}(1)`,
  ];
  return `${lines.join('\n')}\n`;
}
