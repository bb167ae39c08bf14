// driven: `batchain peers`: the participants that this one knows (BD-03).
import type { PeersResult } from '@batchain/participant/client';
import { second } from '@batchain/shared';
import { parseIsoTime } from '@batchain/shared/node';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { homeFlag, requireDaemon } from '../daemon-access.ts';
import { shortIdText } from '../output/health-text.ts';
import { formatTable } from '../output/table.ts';
import { agoText } from '../output/times.ts';

const COLUMNS = [
  { title: 'PEER' },
  { title: 'KAD', isFlexible: true },
  { title: 'BAT', dropOrder: 3 },
  { title: 'PATH', dropOrder: 1 },
  { title: 'RTT', dropOrder: 2 },
  { title: 'SEEN', dropOrder: 4 },
];

function peersText(context: CommandContext, { peers }: PeersResult): string[] {
  const { output, clock } = context;
  const flag = homeFlag(context);
  if (peers.length === 0) return [`No peers known. Join a member: batchain stop${flag} && batchain start${flag} --join HOST:PORT`];
  const nowMs = clock.nowMs();
  const rows = peers.map((peer) => [
    shortIdText(peer.nodeId),
    peer.kad ?? '-',
    peer.bat ?? '-',
    peer.path,
    peer.rttMs === null ? '-' : `${peer.rttMs.toFixed(1)} ms`,
    peer.lastSeen === null ? 'never' : agoText(parseIsoTime(peer.lastSeen), nowMs),
  ]);
  return formatTable(COLUMNS, rows, output.out.width);
}

async function runPeers(context: CommandContext): Promise<CommandOutcome> {
  const client = await requireDaemon(context);
  const result = await client.peers({ signal: context.signal });
  return { json: result, text: peersText(context, result) };
}

export const peersCommand = defineCommand({
  name: 'peers',
  summary: 'the participants that this one knows',
  positionals: [],
  options: {},
  examples: [['batchain peers', 'with their addresses and how they are reached']],
  timeoutMs: 10 * second,
  run: runPeers,
});
