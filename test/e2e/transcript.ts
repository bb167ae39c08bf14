// What a person sees, as text that is the same on every machine: ids, folders, ports and times are replaced by words.
import type { CommandResult, RunOptions } from '../../demos/lib/local-network.ts';
import { runCli } from './harness.ts';

export interface TranscriptOptions {
  /** Folders of this run and the word that stands for each, longest first. */
  readonly folders: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What runs a command; a process each by default. */
  readonly run?: (args: readonly string[], options: Pick<RunOptions, 'env' | 'cwd'>) => Promise<CommandResult>;
}

/** Pipes, no color, 40 columns, a locale without UTF-8: the least that a terminal may be. */
export const PLAIN_ENV = { NO_COLOR: '1', COLUMNS: '40', LC_ALL: 'C', TERM: 'dumb' } as const;

const RULES: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/\b[0-9a-f]{64}\b/g, 'ID64'],
  [/\b[0-9a-f]{16}\b/g, 'ID16'],
  [/\b(?=[0-9a-f]*\d)[0-9a-f]{8}\b/g, 'ID8-----'],
  [/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/\b\d+(\.\d+)? (s|ms)\b/g, 'N $2'],
  [/\b\d+(\.\d+)? MiB memory\b/g, 'N MiB memory'],
  [/process \d+/g, 'process N'],
  [/v\d+\.\d+\.\d+\S*/g, 'vVERSION'],
];

export function normalize(text: string, folders: TranscriptOptions['folders']): string {
  const known = Object.entries(folders).sort(([a], [b]) => b.length - a.length);
  const named = known.reduce((result, [folder, word]) => result.replaceAll(folder, word), text);
  return RULES.reduce((result, [pattern, word]) => result.replace(pattern, word), named);
}

/** `$ batchain ...`, standard output, standard error behind `! `, the exit code. */
export function formatRun(args: readonly string[], result: CommandResult): string {
  const command = ['batchain', ...args].map((word) => (/[^\w./:=,-]/.test(word) ? JSON.stringify(word) : word)).join(' ');
  const errors = result.stderr.split('\n').filter((line) => line !== '');
  return [
    `$ ${command}`,
    ...result.stdout.split('\n').filter((line) => line !== ''),
    ...errors.map((line) => `! ${line}`),
    `exit ${result.code}`,
    '',
  ].join('\n');
}

/** Runs the commands one after another and gives the whole as one normalised text. */
export async function transcriptOf(commands: readonly (readonly string[])[], options: TranscriptOptions): Promise<string> {
  const { run = runCli } = options;
  let text = '';
  for (const args of commands) {
    const result = await run(args, {
      env: { ...PLAIN_ENV, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    text += `${formatRun(args, result)}\n`;
  }
  return normalize(text, options.folders);
}

/** Every line of `--json` output parsed; fails when one does not parse, or when not exactly the last is a result or an error. */
export function jsonLines(result: Pick<CommandResult, 'stdout'>): Record<string, any>[] {
  const lines = result.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, any>);
  const ends = lines.filter(({ type }) => type === 'result' || type === 'error');
  if (ends.length !== 1 || lines.at(-1) !== ends[0]) throw new Error(`not exactly one result or error, last: ${result.stdout}`);
  const headless = lines.find((line) => line.v !== 1 || typeof line.ts !== 'string' || Number.isNaN(Date.parse(line.ts)));
  if (headless !== undefined) throw new Error(`a line without v, type and ts: ${JSON.stringify(headless)}`);
  return lines;
}
