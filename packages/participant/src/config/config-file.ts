// driven: config.toml: read with its mistakes named; the text that `init` writes, and that text with a setting changed.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { BatChainError, KiB, systemReason } from '@batchain/shared';
import { parse, stringify, TomlError } from 'smol-toml';
import type { Setting } from './settings.ts';
import { KEPT_SETTINGS } from './shell-settings.ts';
import { sizeWord } from './sizes.ts';

/** Ours has a dozen lines; more is no config file. */
const CONFIG_BYTES_MAX = 64 * KiB;

/** Of a line that is wrong. */
const LINE_SHOWN_MAX = 80;

export type ConfigValues = Readonly<Record<string, unknown>>;

const wrong = (path: string, why: string, cause?: unknown): BatChainError =>
  new BatChainError('BAT_E_CONFIG', { what: `${path} can not be used`, why, fix: `edit ${path}`, cause });

/** Undefined when there is no file. */
function readText(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw wrong(path, systemReason(error), error);
  }
  if (text.length > CONFIG_BYTES_MAX) throw wrong(path, `longer than ${CONFIG_BYTES_MAX} bytes`);
  return text;
}

/** `line 4: ` of a key or a table; nothing when it is written in another way. */
function lineOf(text: string, key: string): string {
  const at = text.split('\n').findIndex((line) => line.replace(/[\s"'[]/g, '').startsWith(key));
  return at < 0 ? '' : `line ${at + 1}: `;
}

function parseConfig(path: string, text: string): ConfigValues {
  let values: ConfigValues;
  try {
    values = parse(text, { maxDepth: 4 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '');
    throw wrong(
      path,
      `line ${error.line}, column ${error.column}: ${what}: ${(text.split('\n')[error.line - 1] ?? '').slice(0, LINE_SHOWN_MAX)}`,
      error,
    );
  }
  const unknown = Object.keys(values).find((key) => !Object.hasOwn(KEPT_SETTINGS, key));
  if (unknown !== undefined)
    throw wrong(path, `${lineOf(text, unknown)}${JSON.stringify(unknown)} is no setting; known: ${Object.keys(KEPT_SETTINGS).join(', ')}`);
  return values;
}

/** The settings in the file; none when there is no file. Throws BAT_E_CONFIG. */
export function readConfigFile(path: string): ConfigValues {
  const text = readText(path);
  return text === undefined ? {} : parseConfig(path, text);
}

/** The text with one setting changed: its line, else the comment that stands for it, else a new line at the end. */
function changeLine(text: string, key: string, value: unknown): string {
  const lines = text.split('\n');
  const isOf = (prefix: string, line: string): boolean => new RegExp(`^${prefix}(?:${key}|"${key}")\\s*=`).test(line);
  const own = lines.findIndex((line) => isOf('\\s*', line));
  const at = own >= 0 ? own : lines.findIndex((line) => isOf('#\\s*', line));
  const line = stringify({ [key]: value }).trim();
  if (at < 0) return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
  return lines.with(at, line).join('\n');
}

/** The file's text with some settings changed and all else as it stands, comments too; a new text when there is no file. Throws BAT_E_CONFIG. */
export function changedConfig(path: string, changes: ConfigValues): { readonly text: string; readonly isNew: boolean } {
  const before = readText(path);
  const old = before === undefined ? {} : parseConfig(path, before);
  const text = Object.entries(changes).reduce((changed, [key, value]) => changeLine(changed, key, value), before ?? formatConfig({}));
  let isRight = false;
  try {
    isRight = isDeepStrictEqual({ ...parse(text, { maxDepth: 4 }) }, { ...old, ...changes });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
  }
  // A value over several lines, or a text that looks like a setting: a person's file is not to be guessed at.
  if (!isRight) throw wrong(path, `${Object.keys(changes).join(', ')} can not be changed in it by a command`);
  return { text, isNew: before === undefined };
}

/** Sizes as people read them. */
const kept = (setting: Setting, value: unknown): unknown =>
  setting.argument === 'SIZE' && typeof value === 'number' && value > 0 ? sizeWord(value) : value;

/** The text of a new config file: the given settings, and every other one as a comment with its default. */
export function formatConfig(values: ConfigValues): string {
  const lines = ['# Settings of BatChain. Flags and BATCHAIN_* variables come before them.', ''];
  for (const [key, setting] of Object.entries(KEPT_SETTINGS)) {
    lines.push(`# ${setting.help}`);
    const isGiven = values[key] !== undefined;
    const value = kept(setting, isGiven ? values[key] : setting.default);
    const line = value === undefined ? `${key} = ""` : stringify({ [key]: value }).trim();
    lines.push(isGiven ? line : `# ${line}`, '');
  }
  return lines.join('\n');
}
