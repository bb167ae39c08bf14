// driven: `batchain info REF`: what a manifest says, keys left out; works without a daemon.
import { formatSize, type InfoResult, viewInfo } from '@batchain/participant/client';
import { minute } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { hasHome, requireHome, resolveRef } from '../daemon-access.ts';
import { countText, policyText, shortIdText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';

/** Shards shown per segment, and segments: a 1 TiB file has thousands of them. */
const SEGMENTS_SHOWN_MAX = 16;

function infoText({ output, globals }: CommandContext<any>, info: InfoResult): string[] {
  const { isAscii } = output.out;
  const shown = globals.verbose ? info.segments : info.segments.slice(0, SEGMENTS_SHOWN_MAX);
  const rest = info.segments.length - shown.length;
  return [
    `${printable(info.name, isAscii)}  ${formatSize(info.bytes)}`,
    `  id         ${info.id}`,
    `  owner      ${info.owner}`,
    `  policy     ${policyText(info.policy)}`,
    `  hosts      ${info.hosts.length === 0 ? 'none known' : info.hosts.map(shortIdText).join(', ')}`,
    `  segments   ${info.segments.length}`,
    ...shown.map(({ index, shardIds }) => `    ${index}: ${shardIds.map(shortIdText).join(' ')}`),
    ...(rest > 0 ? [`    and ${countText(rest, 'segment')} more (--verbose)`] : []),
  ];
}

async function runInfo(context: CommandContext): Promise<CommandOutcome> {
  const [word = ''] = context.words;
  const ref = resolveRef(word, context);
  // A manifest file speaks for itself; an id or a name needs a home.
  if (!hasHome(context.paths) && ref === word) requireHome(context);
  const { openHomeLibrary } = await import('@batchain/participant');
  const info = viewInfo(await openHomeLibrary(context.paths).info(ref));
  return { json: info, text: infoText(context, info) };
}

export const infoCommand = defineCommand({
  name: 'info',
  summary: 'what a manifest says: sizes, policy, shards, hosts; never a key',
  positionals: [{ name: 'REF', isRequired: true }],
  options: {},
  examples: [
    ['batchain info holiday.mp4.batchain', 'a manifest, yours or not'],
    ['batchain info 7f3a91c2', 'one of your files'],
  ],
  timeoutMs: 1 * minute,
  run: runInfo,
});
