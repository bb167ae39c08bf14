// driven: `batchain status`: one screen: node, reach, peers, offer, files.
import {
  defineSettings,
  formatDuration,
  formatSize,
  type LocalApiClient,
  type StatusResult,
  switchValue,
} from '@batchain/participant/client';
import { second } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { homeFlag, requireDaemon } from '../daemon-access.ts';
import { countText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';

const OPTIONS = defineSettings({
  watch: { schema: switchValue, default: false, help: 'show it again every 2 s until Ctrl-C' },
});
type Context = CommandContext<typeof OPTIONS>;

const WATCH_INTERVAL_MS: number = 2 * second;
/** Of what is ended by Ctrl-C. */
const WATCH_ENDED_EXIT = 130;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

function filesText({ files }: StatusResult): string {
  const parts: readonly (readonly [number, string])[] = [
    [files.good, 'good'],
    [files.degraded, 'degraded'],
    [files.atRisk, 'at risk'],
    [files.lost, 'lost'],
    [files.unknown - files.withoutManifest, 'unknown'],
    [files.withoutManifest, 'without a manifest'],
  ];
  const words = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return [countText(files.total, 'file'), ...words].join(', ');
}

const REACH_WORDS: Readonly<Record<StatusResult['reach'], string>> = {
  lan: 'local network',
  public: 'public: others dial this computer',
  punched: 'behind a router: connections are brokered and punched',
  relayed: 'through relays',
  unknown: 'not known yet',
};

const MEMBERSHIP_WORDS: Readonly<Record<StatusResult['membership'], string | undefined>> = {
  member: undefined,
  leaving: 'is leaving: it hands over what it keeps for others, and takes nothing',
  left: 'has left the network: it takes nothing',
};

function statusText(context: Context, status: StatusResult): string[] {
  const { output } = context;
  const left = MEMBERSHIP_WORDS[status.membership];
  const { isAscii } = output.out;
  const { offer, relay } = status;
  const offering =
    offer.bytes === 0
      ? 'nothing'
      : `${formatSize(offer.bytes)}, ${formatSize(offer.usedBytes)} used by ${countText(offer.shards, 'shard')}`;
  return [
    `Node      up ${formatDuration(status.uptimeMs)}   ${status.nodeId.slice(0, 16)}   v${status.version}   ${formatSize(status.memory.rssBytes)} memory`,
    `Name      ${printable(status.name, isAscii)}   network ${printable(status.network, isAscii)}`,
    `Reach     ${REACH_WORDS[status.reach]}   kad ${status.kad}   bat ${status.bat}`,
    `Peers     ${status.peers.online} online`,
    `Offering  ${offering}${offer.isReadOnly ? '   read-only: the disk failed' : ''}`,
    ...(left === undefined ? [] : [`Leaving   this node ${left}; to take part again: batchain leave --cancel${homeFlag(context)}`]),
    ...(relay === undefined ? [] : [`Relaying  ${countText(relay.circuits, 'circuit')} now, ${formatSize(relay.bytesToday)} today`]),
    `Yours     ${filesText(status)}`,
    `Now       ${status.jobs.running === 0 ? 'idle' : `${countText(status.jobs.running, 'command')} at work`}`,
  ];
}

/** 3 when a file is below its target, has no manifest, or too few hosts answered its last audit to tell; with --quiet the question is only whether the daemon answers. */
function exitOf({ files }: StatusResult, isQuiet: boolean): number {
  return !isQuiet && files.good < files.total ? 3 : 0;
}

/** Ends with the signal, or with the daemon. */
async function watch(context: Context, client: LocalApiClient): Promise<CommandOutcome> {
  const { output, clock, signal } = context;
  while (output.isJson || !signal.aborted) {
    const status = await client.status({ signal });
    const lines = statusText(context, status);
    if (output.isJson) output.line('status', status);
    else if (output.out.canRedraw) output.result({}, [`${CLEAR_SCREEN}${lines.join('\n')}`]);
    else output.result({}, [...lines, '']);
    await clock.sleep(WATCH_INTERVAL_MS, signal).catch((error: unknown) => {
      if (output.isJson) throw error;
    });
  }
  // A person ends it this way, and knows.
  return { json: {}, text: [], isSilent: true, exit: WATCH_ENDED_EXIT };
}

async function runStatus(context: Context): Promise<CommandOutcome> {
  const client = await requireDaemon(context);
  if (context.options.watch) return watch(context, client);
  const status = await client.status({ signal: context.signal });
  return { json: status, text: statusText(context, status), exit: exitOf(status, context.globals.quiet) };
}

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'one screen: node, reach, peers, offer, files',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain status', 'exits with 3 when a file is below its target'],
    ['batchain status --watch', 'again and again, until Ctrl-C'],
    ['batchain status --quiet', 'exit code only: 0 while the daemon answers'],
  ],
  timeoutMs: (options) => (options.watch ? undefined : 10 * second),
  run: runStatus,
});
