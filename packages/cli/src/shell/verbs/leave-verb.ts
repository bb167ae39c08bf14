// driven: LN: leaves the network with all that the node keeps for others (BD-17).
import { formatSize } from '@batchain/participant/client';
import { countText, shortIdText } from '../../output/health-text.ts';
import { leftReasonText } from '../../output/left-text.ts';
import { LEAVE_WITHIN_MS } from '../shell-limits.ts';
import type { RequestOf } from '../shell-request.ts';
import type { VerbAnswer, VerbTools } from '../verb-tools.ts';

const LEFT_SHOWN_MAX = 10;

/** What stayed behind is told and is no failure of the verb: it was carried out as far as there was somebody to take it. */
export async function answerLeave({ how }: RequestOf<'leave'>, { api, signal }: VerbTools): Promise<VerbAnswer> {
  const body = { isEmergency: how === 'emergency', isLastAccepted: how !== 'hand-over', withinMs: LEAVE_WITHIN_MS };
  const result = await api.membership.leave(body, { signal });
  const { moved, left, leftCount, told } = result;
  const lines = left
    .slice(0, LEFT_SHOWN_MAX)
    .map(({ kind, id, what, reason }) => `  ${kind} ${what} of ${shortIdText(id)} stays: ${leftReasonText(reason)}`);
  const more = leftCount > lines.length ? [`  ${leftCount - lines.length} more stay`] : [];
  const first = `OK left, ${countText(told, 'neighbour')} told; ${countText(moved.shards, 'shard')} and ${countText(moved.records, 'record')} handed over (${formatSize(moved.bytes)})`;
  return { fields: { ...result }, text: [first, ...lines, ...more] };
}
