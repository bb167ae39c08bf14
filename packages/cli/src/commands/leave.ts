// driven: `batchain leave`: hands over what this node keeps for others, then leaves the network.
import {
  defineSettings,
  durationValue,
  formatSize,
  LEAVE_WITHIN_MS,
  type LeaveResultView,
  type MembershipResult,
  optional,
  switchValue,
} from '@batchain/participant/client';
import { BatChainError, minute } from '@batchain/shared';
import { usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { homeFlag, requireDaemon } from '../daemon-access.ts';
import { countText, shortIdText } from '../output/health-text.ts';
import { leftReasonText } from '../output/left-text.ts';
import { ask, canAsk } from '../prompt.ts';
import { showProgress } from '../show-progress.ts';

const OPTIONS = defineSettings({
  within: {
    schema: optional(durationValue),
    default: undefined,
    argument: 'DURATION',
    help: 'ends by then, with what could be moved; 8h by default',
  },
  emergency: { schema: switchValue, default: false, help: 'only tell the neighbours, in seconds; nothing is moved' },
  cancel: { schema: switchValue, default: false, help: 'stay after all: take part again' },
});
type Context = CommandContext<typeof OPTIONS>;

/** As after a Ctrl-C at the question. */
const DECLINED_EXIT = 130;
const LEFT_SHOWN_MAX = 10;
/** The daemon ends in time by itself; this is for one that does not answer. */
const GRACE_MS: number = 1 * minute;

const holdingsText = ({ shards, records, bytes }: MembershipResult): string =>
  `${countText(shards, 'shard')} and ${countText(records, 'record')} (${formatSize(bytes)})`;

function leftLines({ left, leftCount }: LeaveResultView): string[] {
  const lines = left
    .slice(0, LEFT_SHOWN_MAX)
    .map(({ kind, id, what, reason }) => `  ${kind} ${what} of ${shortIdText(id)}: ${leftReasonText(reason)}`);
  return leftCount > lines.length ? [...lines, `  and ${leftCount - lines.length} more`] : lines;
}

function textOf(context: Context, before: MembershipResult, result: LeaveResultView): string[] {
  const flag = homeFlag(context);
  const { moved, leftCount, told } = result;
  const end = [
    `It still runs, so that what it knows can be asked: batchain stop${flag}    To take part again: batchain leave --cancel${flag}`,
  ];
  if (context.options.emergency)
    return [`Left at once: ${countText(told, 'neighbour')} told. ${holdingsText(before)} stay here and are missed by others.`, ...end];
  const first = `Handed over ${countText(moved.shards, 'shard')} and ${countText(moved.records, 'record')}, ${formatSize(moved.bytes)}; ${countText(told, 'neighbour')} told.`;
  if (leftCount === 0) return [first, ...end];
  return [first, `${leftCount} could not be moved:`, ...leftLines(result), ...end];
}

async function confirmLast(context: Context, before: MembershipResult): Promise<boolean> {
  const { output, globals } = context;
  output.say(`Nobody else of the network is there. ${holdingsText(before)} end with this node.`);
  if (globals.yes) return true;
  if (!canAsk(context))
    throw new BatChainError('BAT_E_LAST_MEMBER', {
      what: 'nobody else of the network is there',
      why: `${holdingsText(before)} are kept here and nowhere else`,
      fix: `batchain leave --yes${homeFlag(context)}`,
    });
  return /^y(es)?$/i.test(await ask(context, 'Leave all the same? [y/N]: '));
}

async function runLeave(context: Context): Promise<CommandOutcome> {
  const { options, signal } = context;
  if (options.cancel && (options.emergency || options.within !== undefined))
    throw usageError('--cancel stands alone', 'it ends the leaving; nothing is moved back', 'leave');
  const client = await requireDaemon(context);
  if (options.cancel) {
    const { changed } = await client.membership.rejoin({ signal });
    return { json: { changed }, text: [changed ? 'This node takes part again.' : 'This node had not left.'] };
  }
  const before = await client.membership.view({ signal });
  const hasLastWord = before.isAlone && before.shards + before.records > 0;
  if (hasLastWord && !(await confirmLast(context, before))) return { json: { left: [] }, text: ['Nothing changed.'], exit: DECLINED_EXIT };
  const result = await showProgress(context, 'moving', (progress) =>
    client.membership.leave(
      {
        isEmergency: options.emergency,
        isLastAccepted: hasLastWord,
        ...(options.within === undefined ? {} : { withinMs: options.within }),
      },
      progress,
    ),
  );
  return { json: result, text: textOf(context, before, result), exit: result.leftCount > 0 && !options.emergency ? 3 : 0 };
}

export const leaveCommand = defineCommand({
  name: 'leave',
  summary: 'hand over what this node keeps for others, then leave the network',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain leave', 'every shard and record goes to others first'],
    ['batchain leave --within 30m', 'ends by then and lists what could not be moved'],
    ['batchain leave --emergency', 'only tells the neighbours, in seconds'],
    ['batchain leave --cancel', 'stays after all, or comes back'],
  ],
  notes: [
    'Exit 3 when something could not be moved. Interrupted, also by a crash, the node takes nothing new and goes on at its next start;',
    'run it again to watch, with a shorter --within or --emergency to have it end sooner, or --cancel.',
    'Your own files stay with their hosts for 30 days, your own values for 48 hours, unless you start again.',
  ],
  timeoutMs: ({ within }) => (within ?? LEAVE_WITHIN_MS) + GRACE_MS,
  resumes: true,
  run: runLeave,
});
