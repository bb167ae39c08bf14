// driven: a transfer's progress as one line, for a terminal (a bar) or for a log (words).
import { formatDuration, formatSize, type ProgressLine } from '@batchain/participant/client';

export const PROGRESS_MODES = ['auto', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

export interface ProgressFacts {
  /** `placing`, `fetching`, `asking`. */
  readonly verb: string;
  readonly progress: ProgressLine;
  readonly bytesPerSecond: number;
  readonly etaMs: number | undefined;
}

const BAR_CELLS = 20;
const BAR_CELLS_NARROW = 10;

function ratioOf({ doneBytes, totalBytes, files }: ProgressLine): number {
  const [done, total] = files === undefined ? [doneBytes, totalBytes] : [files.done, files.total];
  return total === 0 ? 1 : Math.min(1, done / total);
}

export function percentOf(progress: ProgressLine): number {
  return Math.floor(ratioOf(progress) * 100);
}

function verbOf({ verb, progress }: ProgressFacts): string {
  if (progress.phase === 'preparing') return 'preparing';
  return progress.phase === 'finishing' ? 'finishing' : verb;
}

function bar(progress: ProgressLine, cells: number): string {
  const full = Math.floor(ratioOf(progress) * cells);
  return `[${'#'.repeat(full)}${'-'.repeat(cells - full)}]`;
}

/** `36.2 / 48.3 MiB`: the unit once where both have it. */
function sizesOf({ doneBytes, totalBytes }: ProgressLine): string {
  const [done = '', doneUnit] = formatSize(doneBytes).split(' ');
  const total = formatSize(totalBytes);
  return total.endsWith(` ${doneUnit}`) ? `${done} / ${total}` : `${formatSize(doneBytes)} / ${total}`;
}

function etaText(etaMs: number): string {
  return `ETA ${etaMs < 60_000 ? `${Math.ceil(etaMs / 1000)} s` : formatDuration(etaMs)}`;
}

function numbersOf({ progress, bytesPerSecond, etaMs }: ProgressFacts): string[] {
  if (progress.files !== undefined)
    return [`${progress.files.done} of ${progress.files.total} ${progress.files.total === 1 ? 'file' : 'files'}`];
  const isMoving = progress.phase === 'transferring' && bytesPerSecond > 0;
  return [
    sizesOf(progress),
    ...(isMoving ? [`${formatSize(Math.round(bytesPerSecond))}/s`] : []),
    ...(isMoving && etaMs !== undefined ? [etaText(etaMs)] : []),
  ];
}

/** At most `width` columns: half of the bar goes first, then the numbers. */
export function barLine(facts: ProgressFacts, width: number): string {
  const percent = `${percentOf(facts.progress)}%`.padStart(4);
  const numbers = numbersOf(facts);
  for (let count = numbers.length; count >= 0; count--) {
    for (const cells of [BAR_CELLS, BAR_CELLS_NARROW]) {
      // The remaining time is worth more than the sizes when not all fit.
      const kept = numbers.slice(numbers.length - count);
      const line = [`  ${verbOf(facts).padEnd(9)}  ${bar(facts.progress, cells)} ${percent}`, ...kept].join('   ');
      if (line.length <= width) return line;
    }
  }
  return `${verbOf(facts)} ${percent.trim()}`.slice(0, width);
}

/** `placing 75 %, 36.2 / 48.3 MiB, 4.1 MiB/s, ETA 3 s` */
export function plainLine(facts: ProgressFacts): string {
  return [`${verbOf(facts)} ${percentOf(facts.progress)} %`, ...numbersOf(facts)].join(', ');
}
