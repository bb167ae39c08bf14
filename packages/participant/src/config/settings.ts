// pure: what a setting is, and the shapes of setting values; each accepts the text of a flag or variable and the TOML value.
import { formatAddress, makeAddress, splitHostPort } from '@batchain/shared';
import { z } from 'zod';
import { parseDuration } from './durations.ts';
import { parseSize } from './sizes.ts';

/** One setting: its key is its long flag, its environment variable and its key in config.toml. */
export interface Setting<T = unknown> {
  readonly schema: z.ZodType<T>;
  readonly default: T;
  /** One line for help. */
  readonly help: string;
  /** What the flag is followed by in help; none for a switch. */
  readonly argument?: string;
  /** May be given more than once. */
  readonly isList?: boolean;
}

export type SettingTable = Readonly<Record<string, Setting<any>>>;
export type SettingValues<T extends SettingTable> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never };

/** Keeps the literal keys of a table and the value type of each row. */
export function defineSettings<const T extends SettingTable>(table: T): T {
  return table;
}

const parsed = <T>(parse: (text: string) => T | undefined, expected: string): z.ZodType<T> =>
  z.union([z.string(), z.number()]).transform((value, context) => {
    const result = parse(String(value));
    if (result !== undefined) return result;
    context.addIssue({ code: 'custom', message: `expected ${expected}` });
    return z.NEVER;
  }) as unknown as z.ZodType<T>;

/** Bytes. */
export const sizeValue: z.ZodType<number> = parsed(parseSize, 'a size such as 50GiB, 50GB, 50g or 0');
/** Milliseconds, above zero. */
export const durationValue: z.ZodType<number> = parsed(
  (text) => parseDuration(text) || undefined,
  'a duration such as 500ms, 30s, 1h30m or 7d',
);
export const portValue: z.ZodType<number> = parsed(
  (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined),
  'a port from 0 to 65535',
);
export const countValue = (min: number, max: number): z.ZodType<number> =>
  parsed(
    (text) => (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined),
    `a number from ${min} to ${max}`,
  );
export const textValue = (lengthMax: number): z.ZodType<string> =>
  parsed((text) => (text.length > 0 && text.length <= lengthMax ? text : undefined), `text of 1 to ${lengthMax} characters`);
export const wordValue = <const W extends readonly string[]>(words: W): z.ZodType<W[number]> =>
  parsed((text) => words.find((word) => word === text.toLowerCase()), `one of ${words.join(', ')}`);

/** An IP literal in canonical form; `localhost` is 127.0.0.1. */
export const ipValue: z.ZodType<string> = parsed(
  (text) => makeAddress(text === 'localhost' ? '127.0.0.1' : text, 0)?.host,
  'an IP address',
);

const SWITCH_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};

export const switchValue: z.ZodType<boolean> = z.union([z.boolean(), parsed((text) => SWITCH_WORDS[text.toLowerCase()], 'true or false')]);

/** UDP port of every node that was not told otherwise. */
export const KAD_PORT = 4870;

/** `ana` is `ana:4870`; undefined for what names no host. */
function hostPort(text: string): string | undefined {
  if (splitHostPort(text) !== undefined) return text;
  const literal = makeAddress(text.replace(/^\[(.*)\]$/, '$1'), KAD_PORT);
  if (literal !== undefined) return formatAddress(literal);
  return /^[\w-]+(?:\.[\w-]+)*$/.test(text) ? `${text}:${KAD_PORT}` : undefined;
}

/** A list of `host:port`, the port 4870 unless said; one text may name several, apart by commas or spaces. */
export const hostPortsValue: z.ZodType<readonly string[]> = z
  .union([z.string(), z.array(z.string()).max(64)])
  .transform((value, context) => {
    const items = [value].flat().flatMap((text) => text.split(/[\s,]+/).filter((item) => item !== ''));
    const known = items.map(hostPort);
    const wrong = items.find((_, i) => known[i] === undefined);
    if (wrong === undefined) return known as string[];
    context.addIssue({ code: 'custom', message: `${wrong} is no HOST:PORT; a port is 1 to 65535` });
    return z.NEVER;
  }) as unknown as z.ZodType<readonly string[]>;

export const optional = <T>(schema: z.ZodType<T>): z.ZodType<T | undefined> => schema as z.ZodType<T | undefined>;
