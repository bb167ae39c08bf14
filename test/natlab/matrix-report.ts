// The outcomes of a matrix as a document: path and time of every cell, and what of it is not as it should be.
import { ALL, type Case, KINDS, type Path, pairCase, SAME_NETWORK } from './kinds.ts';

export interface Outcome {
  readonly key: string;
  readonly run: number;
  /** Of the sources that were tried. */
  readonly commit: string;
  readonly isOk: boolean;
  readonly knownMs?: number;
  readonly firstByteMs?: number;
  readonly bothWaysMs?: number;
  readonly firstPath?: Path;
  readonly path?: Path;
  readonly error?: string;
}

const LETTERS: Readonly<Record<Path, string>> = {
  lan: 'L',
  direct: 'D',
  reverse: 'V',
  punched: 'P',
  relayed: 'r',
  none: '?',
};
const LEGEND =
  'Each cell: path in the end, ms to the first byte. L lan, D direct, V reverse, P punched, r relayed; `r>P`: relayed first, then punched; ' +
  '**bold**: not the path that is wanted; `FAIL`: no transfer; empty: not tried.';

const casesByKey: ReadonlyMap<string, Case> = new Map(ALL.map((one) => [one.key, one]));

export const isRight = ({ key, isOk, path }: Outcome): boolean =>
  isOk && path !== undefined && (casesByKey.get(key)?.paths.includes(path) ?? false);

const isNeedlesslyRelayed = (outcome: Outcome): boolean => outcome.path === 'relayed' && !isRight(outcome);

export function cellText(outcome: Outcome): string {
  if (!outcome.isOk) return '**FAIL**';
  const { path = 'none', firstPath = path, firstByteMs = 0 } = outcome;
  const letters = firstPath === path ? LETTERS[path] : `${LETTERS[firstPath]}>${LETTERS[path]}`;
  const text = `${letters} ${Math.round(firstByteMs)}`;
  return isRight(outcome) ? text : `**${text}**`;
}

/** The value below which `share` of the sorted numbers lie. */
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

function summaryOf(outcomes: readonly Outcome[]): readonly string[] {
  const done = outcomes.filter(({ isOk }) => isOk);
  const times = done.map(({ firstByteMs }) => firstByteMs ?? 0).sort((a, b) => a - b);
  const waits = done.map(({ knownMs }) => knownMs ?? 0).sort((a, b) => a - b);
  const mayRelay = outcomes.filter(({ key }) => casesByKey.get(key)?.paths.includes('relayed') ?? false);
  const elsewhere = outcomes.length - mayRelay.length;
  const needless = outcomes.filter(isNeedlesslyRelayed).length;
  const share = elsewhere === 0 ? 0 : (needless / elsewhere) * 100;
  return [
    `* ${done.length} of ${outcomes.length} runs transferred both ways`,
    `* first byte: p50 ${Math.round(quantile(times, 0.5))} ms, p90 ${Math.round(quantile(times, 0.9))} ms, max ${Math.round(times.at(-1) ?? 0)} ms`,
    `* until a peer that had just started was known to be reachable: p50 ${Math.round(quantile(waits, 0.5))} ms, max ${Math.round(waits.at(-1) ?? 0)} ms`,
    `* relayed where nothing else can be counted on: ${mayRelay.filter(({ path }) => path === 'relayed').length} of ${mayRelay.length}`,
    `* relayed elsewhere: ${needless} of ${elsewhere} (${share.toFixed(1)} %)`,
    `* with another path than is wanted: ${outcomes.filter((one) => one.isOk && !isRight(one)).length}`,
  ];
}

/** Markdown. Several runs of one case share a cell. */
export function formatMatrix(outcomes: readonly Outcome[]): string {
  const cell = (key: string): string =>
    outcomes
      .filter((outcome) => outcome.key === key)
      .map(cellText)
      .join(', ');
  const failures = outcomes.filter(({ isOk }) => !isOk);
  return [
    '# Matrix of networks',
    '',
    'Written by `npm run natlab:matrix`: real daemons in the NAT laboratory (test/natlab), two public participants that relay, round-trip',
    'time zero. Row: the peer that makes the first contact. Each stores a file on the other and gets it back.',
    '',
    ...summaryOf(outcomes),
    '',
    LEGEND,
    '',
    `| first \\ other | ${KINDS.join(' | ')} |`,
    `|---|${KINDS.map(() => '---|').join('')}`,
    ...KINDS.map((a) => `| **${a}** | ${KINDS.map((b) => cell(pairCase(a, b).key)).join(' | ')} |`),
    '',
    '## Both behind one router',
    '',
    '| case | path, ms |',
    '|---|---|',
    ...SAME_NETWORK.map(({ key }) => `| ${key} | ${cell(key)} |`),
    ...(failures.length === 0 ? [] : ['', '## Failed', '', ...failures.map(({ key, error = '' }) => `* ${key}: ${error.split('\n')[0]}`)]),
    '',
  ].join('\n');
}
