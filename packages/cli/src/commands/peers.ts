// driven: `batchain peers`: the participants that this one knows (BD-03).
import { defineSettings, optional, type PeersResult, textValue } from '@batchain/participant/client';
import { second } from '@batchain/shared';
import { parseIsoTime } from '@batchain/shared/node';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { homeFlag, requireDaemon } from '../daemon-access.ts';
import { batText } from '../output/bat-text.ts';
import { shortIdText } from '../output/health-text.ts';
import { formatTable } from '../output/table.ts';
import { agoText } from '../output/times.ts';
import { whyText } from '../output/why-text.ts';
import { rememberedText } from './join-warnings.ts';

const OPTIONS = defineSettings({
  why: {
    schema: optional(textValue(64)),
    default: undefined,
    argument: 'ID',
    help: 'what was tried to reach this peer, with times and reasons',
  },
});
type Context = CommandContext<typeof OPTIONS>;

const COLUMNS = [
  { title: 'PEER' },
  { title: 'KAD', isFlexible: true },
  { title: 'BAT', dropOrder: 3 },
  { title: 'PATH', dropOrder: 1 },
  { title: 'RTT', dropOrder: 2 },
  { title: 'SEEN', dropOrder: 4 },
];

/** A network that was joined is not forgotten while nobody answers. */
function nobodyText(flag: string, remembered: number): string {
  if (remembered > 0) return `Nobody answers now: ${rememberedText(remembered)}; the node goes on trying`;
  return `No peers known. Join a member: batchain stop${flag} && batchain start${flag} --join HOST:PORT`;
}

function peersText(context: Context, { peers }: PeersResult): string[] {
  const { output, clock } = context;
  const nowMs = clock.nowMs();
  const rows = peers.map((peer) => [
    shortIdText(peer.nodeId),
    peer.kad ?? '-',
    batText(peer),
    peer.path,
    peer.rttMs === null ? '-' : `${peer.rttMs.toFixed(1)} ms`,
    peer.lastSeen === null ? 'never' : agoText(parseIsoTime(peer.lastSeen), nowMs),
  ]);
  return formatTable(COLUMNS, rows, output.out.width);
}

async function runPeers(context: Context): Promise<CommandOutcome> {
  const client = await requireDaemon(context);
  const { why } = context.options;
  if (why !== undefined) {
    const result = await client.why(why, { signal: context.signal });
    return { json: result, text: whyText(result, context.clock.nowMs(), context.output.out.width) };
  }
  const result = await client.peers({ signal: context.signal });
  if (result.peers.length > 0 || context.output.isJson) return { json: result, text: peersText(context, result) };
  const { peers } = await client.status({ signal: context.signal });
  return { json: result, text: [nobodyText(homeFlag(context), peers.remembered)] };
}

export const peersCommand = defineCommand({
  name: 'peers',
  summary: 'the participants that this one knows',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain peers', 'with their addresses and how they are reached'],
    ['batchain peers --why 7f3a91c2', 'each way that was tried to reach that one'],
  ],
  notes: [
    'PATH, how a peer is connected now',
    '  lan      on the same local network',
    '  direct   this computer dialled it',
    '  reverse  it dialled this computer',
    '  punched  through the routers of both, opened from both sides at once',
    '  relayed  through a member that carries the connection (start --relay)',
    '  none     not connected now; it is when there is something to send',
    'BAT is where it takes connections, or where the one in use leads; - when neither means anything here.',
  ],
  timeoutMs: 10 * second,
  run: runPeers,
});
