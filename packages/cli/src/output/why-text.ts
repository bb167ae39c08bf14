// driven: what was tried to reach a peer, as a table for people: `batchain peers --why ID`.
import type { WhyResult } from '@batchain/participant/client';
import { parseIsoTime } from '@batchain/shared/node';
import { shortIdText } from './health-text.ts';
import { formatTable } from './table.ts';
import { agoText } from './times.ts';

type Rung = WhyResult['attempts'][number]['rungs'][number];

/** What each rung is, in words that need no manual. */
const RUNG_WORDS: Readonly<Record<Rung['rung'], string>> = {
  signal: 'ask it through its brokers',
  lan: 'local network',
  direct: 'dial it',
  reverse: 'let it dial back',
  'tcp-punch': 'punch through both routers (TCP)',
  'data-channel': 'punch through both routers (UDP)',
  'hand-punch': 'punch by guessing ports (UDP)',
  relay: 'through a relay',
};
const OUTCOME_WORDS: Readonly<Record<Rung['outcome'], string>> = {
  won: 'ok',
  failed: 'failed',
  cancelled: 'not needed',
  skipped: 'left out',
  trying: 'under way',
};
const COLUMNS = [
  { title: 'WAY' },
  { title: 'RESULT' },
  { title: 'BEGAN', dropOrder: 2 },
  { title: 'TOOK', dropOrder: 1 },
  { title: 'REASON', isFlexible: true },
];

/** A reason that is cut is none: a narrow window wraps the line instead. */
const WIDTH_MIN = 140;

/** What was tried in the order in which it began, then what was left out. */
const inOrder = (rungs: readonly Rung[]): Rung[] =>
  rungs.toSorted((a, b) => (a.startedMs ?? Number.MAX_SAFE_INTEGER) - (b.startedMs ?? Number.MAX_SAFE_INTEGER));

const milliseconds = (value: number | null): string => (value === null ? '-' : `${value} ms`);

export function whyText(result: WhyResult, nowMs: number, width: number): string[] {
  const id = shortIdText(result.nodeId);
  const { path, awaySince } = result;
  const away = awaySince === null ? '' : `; a member remembered from before, last seen ${agoText(parseIsoTime(awaySince), nowMs)}`;
  const state = path === 'none' ? `no connection now${away}` : `connected: ${path}`;
  if (result.attempts.length === 0) return [`${id}  ${state}; nothing was tried since this node started`];
  return [
    `${id}  ${state}`,
    ...result.attempts.flatMap(({ role, at, rungs }) => [
      '',
      `${role === 'caller' ? 'This node tried to reach it' : 'It tried to reach this node'}, ${agoText(parseIsoTime(at), nowMs)}:`,
      ...formatTable(
        COLUMNS,
        inOrder(rungs).map((rung) => [
          RUNG_WORDS[rung.rung],
          OUTCOME_WORDS[rung.outcome],
          milliseconds(rung.startedMs),
          milliseconds(rung.durationMs),
          rung.reason,
        ]),
        Math.max(width, WIDTH_MIN),
      ),
    ]),
  ];
}
