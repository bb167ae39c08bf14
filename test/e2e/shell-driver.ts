// Drives `batchain shell` through a pipe and on a terminal; its text made the same on every machine.
import { spawn } from 'node:child_process';
import { CLI_PATH } from '../../demos/lib/local-network.ts';
import { until } from './harness.ts';
import { normalize } from './transcript.ts';

export interface ShellRun {
  readonly code: number;
  /** Standard output and standard error in the order in which they came. */
  readonly text: string;
}

export interface ShellPlace {
  readonly args: readonly string[];
  readonly cwd: string;
  /** Where the shell makes its own folders. */
  readonly temp: string;
  readonly env?: Readonly<Record<string, string>>;
}

const PROMPT = 'Enter a command or type H for help: ';

function environment({ temp, env }: ShellPlace): Record<string, string> {
  const kept = Object.entries(process.env).filter(([key, value]) => !key.startsWith('BATCHAIN_') && value !== undefined);
  const { NO_COLOR: _, ...rest } = Object.fromEntries(kept) as Record<string, string>;
  return { ...rest, TMPDIR: temp, LC_ALL: 'C.UTF-8', TERM: 'xterm', COLUMNS: '100', ...env };
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
const commandOf = ({ args }: ShellPlace): string =>
  ['exec', process.execPath, CLI_PATH, 'shell', ...args].map(quoted).join(' ').replace("'exec'", 'exec');

export interface PipedShell {
  write(text: string | Uint8Array): void;
  kill(signal: NodeJS.Signals): void;
  /** What came so far. */
  text(): string;
  end(text?: string): Promise<ShellRun>;
  readonly pid: number;
}

export function openPipedShell(place: ShellPlace): PipedShell {
  const child = spawn('sh', ['-c', `${commandOf(place)} 2>&1`], {
    cwd: place.cwd,
    env: environment(place),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  child.stdin.on('error', () => undefined);
  const ended = new Promise<number>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143))),
  );
  return {
    pid: child.pid as number,
    write: (input) => void child.stdin.write(input),
    kill: (signal) => void child.kill(signal),
    text: () => text,
    end: async (input = '') => {
      child.stdin.end(input);
      return { code: await ended, text };
    },
  };
}

/** The verbs of a shell in a pipe, each a JSON line, and the last line, which is the result or the error. */
export async function pipeJson(
  place: ShellPlace,
  input: string | Uint8Array,
): Promise<{ code: number; verbs: Record<string, any>[]; last: Record<string, any> }> {
  const shell = openPipedShell({ ...place, args: [...place.args, '--json'] });
  shell.write(input);
  const { code, text } = await shell.end();
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, any>);
  const last = lines.pop() ?? {};
  if (last.type !== 'result' && last.type !== 'error') throw new Error(`the last line is no result: ${text}`);
  return { code, verbs: lines.filter(({ type }) => type === 'verb'), last };
}

export interface TerminalShell {
  /** Types, without waiting for a prompt. */
  type(keys: string): void;
  /** Types a line at the prompt and resolves with what was shown until the next one. */
  line(text: string): Promise<string>;
  untilShown(text: string): Promise<void>;
  shown(): string;
  ended: Promise<number>;
}

/** `script` gives the shell a terminal of its own. */
export async function openTerminalShell(place: ShellPlace): Promise<TerminalShell> {
  // `exec`: a shell that stays between would end on a Ctrl-C with a code of its own.
  const child = spawn('script', ['-qefc', commandOf(place), '/dev/null'], {
    cwd: place.cwd,
    env: environment(place),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  const untilShown = (text: string, from = 0): Promise<void> =>
    until(`${JSON.stringify(text)} is shown`, async () => shown.includes(text, from) || undefined, 60_000, 20).then(() => undefined);
  await untilShown(PROMPT);
  return {
    type: (keys) => void child.stdin.write(keys),
    line: async (text) => {
      const from = shown.length;
      child.stdin.write(`${text}\r`);
      await until(
        `${JSON.stringify(text.slice(0, 40))} is answered`,
        async () => {
          const answer = readable(shown.slice(from));
          return (answer.includes('\n') && answer.endsWith(PROMPT)) || undefined;
        },
        60_000,
        20,
      );
      return shown.slice(from);
    },
    untilShown: (text) => untilShown(text),
    shown: () => shown,
    ended,
  };
}

/** Cursor movements of the line editor and colors away: what a person reads. */
export function readable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is removed
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '').replaceAll('\r', '');
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/batchain-shell-\w{6}/g, 'batchain-shell-XXXXXX'],
  [/\b[0-9a-f]{8}\.\.\./g, 'ID8...'],
  [/\b[0-9a-f]{16}\.\.\./g, 'ID16...'],
  [/\b[0-9a-f]{8}\b(?= {2})/g, 'ID8-----'],
  [/2\^\d+/g, '2^N'],
  [/\d+ requests?/g, 'N requests'],
  [/\d+ records? handed over \([^)]*\)/g, 'N records handed over (SIZE)'],
  [/\d+ k-buckets?/g, 'N k-buckets'],
  [/nearest: [^;]*;/g, 'nearest: NODE;'],
  [/^\d+ +(?=ID8)/gm, 'N  '],
  [/^\d+,(ID64),([^,]*),\d+,[^,]*,/gm, 'N,$1,$2,N,N,'],
  [/,(above\+below|above|below)$/gm, ',NEIGHBOUR'],
  [/^(ID8-+ {2}kad \S+ {2}bat \S+) {2}\w+$/gm, '$1  PATH'],
  [/ {2,}/g, '  '],
];

export function normalizeShell(text: string, folders: Readonly<Record<string, string>>): string {
  return RULES.reduce((result, [pattern, word]) => result.replace(pattern, word), normalize(readable(text), folders));
}
