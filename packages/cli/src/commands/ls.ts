// driven: `batchain ls` (`-l`): your files and how they are; works without a daemon.
import { basename } from 'node:path';
import { defineSettings, formatSize, type ListResult, switchValue, viewList } from '@batchain/participant/client';
import { minute } from '@batchain/shared';
import { parseIsoTime } from '@batchain/shared/node';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { daemonOrNone, homeFlag, requireDaemon } from '../daemon-access.ts';
import { countText, healthText, manifestFaultText, mayLoseText, shortIdText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import { shellWord } from '../output/shell-word.ts';
import { formatTable } from '../output/table.ts';
import { agoText, dayWord } from '../output/times.ts';
import { showProgress } from '../show-progress.ts';

const OPTIONS = defineSettings({
  health: { schema: switchValue, default: false, help: 'ask the peers now instead of showing the last known health' },
});

const COLUMNS = [
  { title: 'ID' },
  { title: 'NAME', isFlexible: true },
  { title: 'SIZE', dropOrder: 1 },
  { title: 'HEALTH' },
  { title: 'MAY LOSE', dropOrder: 0 },
  { title: 'CHECKED', dropOrder: 2 },
  { title: 'ADDED', dropOrder: 3 },
];

type Entry = ListResult['files'][number];

/** Equal names are told apart by the manifest, which can be given for a REF. */
function nameOf({ name, manifest }: Entry, files: readonly Entry[]): string {
  const own = basename(manifest);
  const isAlone = files.filter((file) => file.name === name).length === 1;
  return isAlone || own === `${name}.batchain` ? name : `${name} (${own})`;
}

/** What is wrong, and what helps. */
function troubleLines(files: readonly Entry[], flag: string): string[] {
  const readable = files.filter(({ manifestFault }) => manifestFault === null);
  const named = (...words: readonly Entry['health'][]): Entry[] => readable.filter(({ health }) => words.includes(health));
  const [below, lost, unknown] = [named('degraded', 'at-risk'), named('lost'), named('unknown')];
  const unread = files.length - readable.length;
  return [
    ...(unread > 0 ? [`${countText(unread, 'file')} without a manifest; put a copy back where it was`] : []),
    ...(below.length > 0 ? [`${countText(below.length, 'file')} below target; why: batchain audit${flag}`] : []),
    ...(lost.length > 0
      ? [`${countText(lost.length, 'file')} lost; put again from the original: ${lost.map(({ name }) => shellWord(name)).join(' ')}`]
      : []),
    ...(unknown.length > 0
      ? [`${countText(unknown.length, 'file')} can not be judged: too few hosts answered; ask again: batchain ls --health${flag}`]
      : []),
  ];
}

function listText(context: CommandContext<any>, { files }: ListResult): string[] {
  const { output, clock } = context;
  const style = output.out;
  if (files.length === 0) return ['No files yet. Upload one: batchain put FILE'];
  const nowMs = clock.nowMs();
  const rows = files.map((file) => [
    shortIdText(file.id),
    printable(nameOf(file, files), style.isAscii),
    formatSize(file.bytes),
    file.manifestFault === null
      ? healthText(style, file.health, file.shardsHealthy, file.shardsTotal)
      : manifestFaultText(style, file.manifestFault),
    file.manifestFault === null ? mayLoseText(file.health, file.shardsHealthy, file.policy) : '-',
    file.checkedAt === null ? 'never' : agoText(parseIsoTime(file.checkedAt), nowMs),
    dayWord(parseIsoTime(file.addedAt), nowMs),
  ]);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return [
    ...formatTable(COLUMNS, rows, style.width),
    `${countText(files.length, 'file')}, ${formatSize(bytes)} yours.`,
    ...troubleLines(files, homeFlag(context)),
  ];
}

async function listNow(context: CommandContext<typeof OPTIONS>): Promise<ListResult> {
  const { signal } = context;
  if (context.options.health) {
    const client = await requireDaemon(context);
    await showProgress(context, 'asking', (progress) => client.auditAll({}, progress));
    return client.list({ signal });
  }
  const client = await daemonOrNone(context);
  if (client !== undefined) return client.list({ signal });
  context.output.say('no daemon runs for this home: this is the last known state');
  // Only here: the storage side takes a while to load.
  const { openHomeLibrary } = await import('@batchain/participant');
  return viewList(await openHomeLibrary(context.paths).list());
}

function faultText({ what, why, fix }: { readonly what: string; readonly why: string; readonly fix: string }): string {
  return `${what} (${why}): ${fix}`;
}

async function runList(context: CommandContext<typeof OPTIONS>): Promise<CommandOutcome> {
  const result = await listNow(context);
  // With --health the audit has said so already.
  if (!context.options.health)
    for (const { manifestFault } of result.files) if (manifestFault !== null) context.output.warn(faultText(manifestFault));
  return { json: result, text: listText(context, result) };
}

export const listCommand = defineCommand({
  name: 'ls',
  summary: 'your uploaded files and how they are',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain ls', 'the last known state; needs no daemon'],
    ['batchain ls --health', 'asks the peers now'],
    ['batchain -l', 'the same as the first, shorter'],
  ],
  timeoutMs: 10 * minute,
  run: runList,
});
