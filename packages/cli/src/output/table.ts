// pure: borderless tables that fit the terminal: the flexible column is cut first, then optional columns go.
import stringWidth from 'string-width';
import { fitText, padText } from './printable.ts';

export interface Column {
  readonly title: string;
  /** Cut when the table is too wide. */
  readonly isFlexible?: boolean;
  /** Dropped when cutting is not enough; the highest number first. */
  readonly dropOrder?: number;
}

const GAP = 2;
const FLEXIBLE_WIDTH_MIN = 12;

const widthsOf = (columns: readonly Column[], rows: readonly (readonly string[])[], kept: readonly number[]): number[] =>
  kept.map((at) => Math.max(stringWidth((columns[at] as Column).title), ...rows.map((row) => stringWidth(row[at] ?? ''))));

const totalOf = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, 0) + GAP * (widths.length - 1);

/** Lines of a table at most `width` columns wide where that is possible; cells must be printable. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  let kept = columns.map((_, at) => at);
  let widths = widthsOf(columns, rows, kept);
  for (;;) {
    const over = totalOf(widths) - width;
    if (over <= 0) break;
    const flexible = kept.findIndex((at) => columns[at]?.isFlexible === true);
    const spare = flexible < 0 ? 0 : (widths[flexible] as number) - FLEXIBLE_WIDTH_MIN;
    if (spare >= over) {
      widths[flexible] = (widths[flexible] as number) - over;
      break;
    }
    const droppable = kept.filter((at) => columns[at]?.dropOrder !== undefined);
    if (droppable.length === 0) {
      if (spare > 0) widths[flexible] = FLEXIBLE_WIDTH_MIN;
      break;
    }
    const worst = droppable.reduce((a, b) => ((columns[a]?.dropOrder ?? 0) >= (columns[b]?.dropOrder ?? 0) ? a : b));
    kept = kept.filter((at) => at !== worst);
    widths = widthsOf(columns, rows, kept);
  }
  const line = (cells: readonly string[]): string =>
    kept
      .map((at, i) => padText(fitText(cells[at] ?? '', widths[i] as number), widths[i] as number))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}
