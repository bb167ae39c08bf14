// pure: why no way leads to a node that answers calls, in short; `batchain peers --why ID` has the whole of it.
import type { NoWay } from '@batchain/bat-node';
import { BETTER_WAY_WANTED, type ClimbReport } from './climb-log.ts';

/** The words with which a relay refuses. */
const REFUSALS: Readonly<Record<string, string>> = {
  'relay-full': 'the relay has no place left',
  'relay-quota': 'the relay carries nothing more today',
  'not-a-relay': 'the relay has stopped relaying',
};

/** Of the latest attempt to reach it, newest first; undefined when it did not answer the call, or a way was found. */
export function noWayOf(climbs: readonly ClimbReport[]): NoWay | undefined {
  // Where a better way was looked for, one was there.
  const isForBetter = ({ rungs }: ClimbReport): boolean => rungs.some(({ reason }) => reason === BETTER_WAY_WANTED);
  const rungs = climbs.find((climb) => climb.role === 'caller' && !isForBetter(climb))?.rungs ?? [];
  const signal = rungs.findLast(({ rung }) => rung === 'signal');
  const ways = rungs.filter(({ rung }) => rung !== 'signal');
  if (signal?.outcome !== 'won' || ways.some(({ outcome }) => outcome === 'won')) return undefined;
  const relay = ways.findLast(({ rung }) => rung === 'relay');
  if (relay?.outcome === 'skipped') return { reason: 'no relay is known', isRelayWanted: true };
  const refusal = Object.keys(REFUSALS).find((word) => relay?.outcome === 'failed' && relay.reason.includes(word));
  if (refusal !== undefined) return { reason: REFUSALS[refusal] as string, isRelayWanted: true };
  const reason = ways.findLast(({ outcome }) => outcome === 'failed')?.reason ?? '';
  return { reason: reason === '' ? 'none was found in time' : reason, isRelayWanted: false };
}
