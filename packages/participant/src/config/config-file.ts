// driven: config.toml: read with its mistakes named, and written once by `init`.
import { readFileSync } from 'node:fs';
import { BatChainError, KiB } from '@batchain/shared';
import { parse, stringify, TomlError } from 'smol-toml';
import { NODE_SETTINGS } from './node-settings.ts';

/** Ours has a dozen lines; more is no config file. */
const CONFIG_BYTES_MAX = 64 * KiB;

export type ConfigValues = Readonly<Record<string, unknown>>;

const wrong = (path: string, why: string, cause?: unknown): BatChainError =>
  new BatChainError('BAT_E_CONFIG', { what: `${path} can not be used`, why, fix: `edit ${path}`, cause });

/** The settings in the file; none when there is no file. Throws BAT_E_CONFIG. */
export function readConfigFile(path: string): ConfigValues {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw wrong(path, (error as Error).message, error);
  }
  if (text.length > CONFIG_BYTES_MAX) throw wrong(path, `longer than ${CONFIG_BYTES_MAX} bytes`);
  let values: ConfigValues;
  try {
    values = parse(text, { maxDepth: 4 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw wrong(path, `line ${error.line}, column ${error.column}: ${error.message.split('\n')[0] ?? ''}`, error);
  }
  const unknown = Object.keys(values).find((key) => !Object.hasOwn(NODE_SETTINGS, key));
  if (unknown !== undefined) throw wrong(path, `${JSON.stringify(unknown)} is no setting; known: ${Object.keys(NODE_SETTINGS).join(', ')}`);
  return values;
}

/** The text of a new config file: the given settings, and every other one as a comment with its default. */
export function formatConfig(values: ConfigValues): string {
  const lines = ['# Settings of BatChain. Flags and BATCHAIN_* variables come before them.', ''];
  for (const [key, setting] of Object.entries(NODE_SETTINGS)) {
    lines.push(`# ${setting.help}`);
    const isGiven = values[key] !== undefined;
    const value = isGiven ? values[key] : setting.default;
    const line = value === undefined ? `${key} = ""` : stringify({ [key]: value }).trim();
    lines.push(isGiven ? line : `# ${line}`, '');
  }
  return lines.join('\n');
}
