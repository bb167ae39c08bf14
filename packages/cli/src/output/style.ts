// pure: how a stream may be written to: color, only ASCII, width, redraws.
import { styleText } from 'node:util';

export type ColorChoice = 'auto' | 'always' | 'never';
export type Tint = 'red' | 'green' | 'yellow' | 'cyan' | 'bold' | 'dim';

export interface StreamFacts {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
}

export interface StyleChoice {
  readonly color: ColorChoice;
  readonly isAscii: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Color never alone: whatever is tinted also says it in words. */
export interface Style {
  readonly isAscii: boolean;
  readonly width: number;
  /** True when a person reads along: only then are long lines wrapped. */
  readonly isTerminal: boolean;
  /** True when lines may be drawn over. */
  readonly canRedraw: boolean;
  tint(tint: Tint, text: string): string;
}

const WIDTH_DEFAULT = 80;
const WIDTH_MIN = 20;

/** NO_COLOR wins over all, then --color, then FORCE_COLOR, then TERM=dumb and whether it is a terminal. */
export function wantsColor(stream: StreamFacts, { color, env }: StyleChoice): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (color !== 'auto') return color === 'always';
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return stream.isTTY && env.TERM !== 'dumb';
}

/** True when the locale says that the terminal does not take UTF-8. */
function isAsciiLocale(env: StyleChoice['env']): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return locale === 'C' || locale === 'POSIX';
}

export function styleOf(stream: StreamFacts, choice: StyleChoice): Style {
  const hasColor = wantsColor(stream, choice);
  const columns = Number(choice.env.COLUMNS) || stream.columns || WIDTH_DEFAULT;
  return {
    isAscii: choice.isAscii || isAsciiLocale(choice.env),
    width: Math.max(WIDTH_MIN, Math.floor(columns)),
    isTerminal: stream.isTTY,
    canRedraw: stream.isTTY && choice.env.TERM !== 'dumb',
    tint: (tint, text) => (hasColor ? styleText(tint, text, { validateStream: false }) : text),
  };
}
