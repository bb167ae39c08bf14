// driven: `batchain status`: one screen: node, reach, peers, offer, files.
import { formatDuration, formatSize, type StatusResult } from '@batchain/participant/client';
import { second } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon } from '../daemon-access.ts';
import { countText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';

function filesText({ files }: StatusResult): string {
  const parts: readonly (readonly [number, string])[] = [
    [files.good, 'good'],
    [files.degraded, 'degraded'],
    [files.atRisk, 'at risk'],
    [files.lost, 'lost'],
    [files.unknown, 'unknown'],
  ];
  const words = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return [countText(files.total, 'file'), ...words].join(', ');
}

function statusText({ output }: CommandContext, status: StatusResult): string[] {
  const { isAscii } = output.out;
  const { offer } = status;
  const offering =
    offer.bytes === 0
      ? 'nothing'
      : `${formatSize(offer.bytes)}, ${formatSize(offer.usedBytes)} used by ${countText(offer.shards, 'shard')}`;
  return [
    `Node      up ${formatDuration(status.uptimeMs)}   ${status.nodeId.slice(0, 16)}   v${status.version}   ${formatSize(status.memory.rssBytes)} memory`,
    `Name      ${printable(status.name, isAscii)}   network ${printable(status.network, isAscii)}`,
    `Reach     ${status.reach}   kad ${status.kad}   bat ${status.bat}`,
    `Peers     ${status.peers.online} online`,
    `Offering  ${offering}${offer.isReadOnly ? '   read-only: the disk failed' : ''}`,
    `Yours     ${filesText(status)}`,
    `Now       ${status.jobs.running === 0 ? 'idle' : `${countText(status.jobs.running, 'command')} at work`}`,
  ];
}

/** 3 when a file is below its target; with --quiet the question is only whether the daemon answers. */
function exitOf({ files }: StatusResult, isQuiet: boolean): number {
  return !isQuiet && files.degraded + files.atRisk + files.lost > 0 ? 3 : 0;
}

async function runStatus(context: CommandContext): Promise<CommandOutcome> {
  const client = await requireDaemon(context);
  const status = await client.status({ signal: context.signal });
  return { json: status, text: statusText(context, status), exit: exitOf(status, context.globals.quiet) };
}

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'one screen: node, reach, peers, offer, files',
  positionals: [],
  options: {},
  examples: [
    ['batchain status', 'exits with 3 when a file is below its target'],
    ['batchain status --quiet', 'exit code only: 0 while the daemon answers'],
  ],
  timeoutMs: 10 * second,
  run: runStatus,
});
