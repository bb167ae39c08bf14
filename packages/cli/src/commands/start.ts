// driven: `batchain start`: runs the daemon of the home, in the background or (`--foreground`) in this process.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DaemonReady } from '@batchain/participant';
import {
  defineSettings,
  ensureHome,
  ensurePrivateDir,
  formatDuration,
  formatSize,
  LocalApiClient,
  NODE_SETTINGS,
  switchValue,
  VERSION,
} from '@batchain/participant/client';
import { BatChainError, ERROR_CODES, type ErrorCode, minute, present, second } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { hasHome, homeFlag } from '../daemon-access.ts';
import { printable } from '../output/printable.ts';
import { joinWarnings } from './join-warnings.ts';
import { othersText } from './others-text.ts';
import { curlLines, serveWarning } from './serve-text.ts';

const OPTIONS = defineSettings({
  ...NODE_SETTINGS,
  foreground: { schema: switchValue, default: false, help: 'stay in this process until stopped' },
});
type Context = CommandContext<typeof OPTIONS>;

function readyText(context: Context, ready: DaemonReady, tookMs: number): string[] {
  const { out } = context.output;
  const { offer, host } = context.options;
  const flag = homeFlag(context);
  const given = offer === 0 ? 'nothing: hosts no files of others' : `${formatSize(offer)} of this disk for files of others`;
  const where =
    host === undefined || host === '::' || host === '0.0.0.0'
      ? `on all interfaces; on this computer only: batchain config set host 127.0.0.1${flag}`
      : `on ${host} only; on all interfaces: batchain config set host ::${flag}`;
  return [
    `${out.tint('green', 'Node is up')} (${formatDuration(tookMs)}). Peer ${ready.nodeId.slice(0, 16)}`,
    `  kad        ${ready.kad}`,
    `  bat        ${ready.bat}`,
    `  control    ${ready.control}`,
    `  offers     ${given}; change it: batchain config set offer ${offer === 0 ? '20GiB' : '5GiB'}${flag}`,
    `  listens    ${where}`,
    ...othersText(ready, !context.options['no-lan-discovery']),
    ...httpText(ready),
  ];
}

function httpText({ http }: DaemonReady): string[] {
  if (http === undefined) return [];
  const token = http.tokenFile === null ? '' : `   token in ${http.tokenFile}`;
  return [`  http       ${http.url}${token}`, ...curlLines(http).map((line) => `             ${line}`)];
}

/** What a person should know of a node that is ready and yet not as asked for. */
function warnOf(context: Context, ready: DaemonReady): void {
  for (const { text, ...help } of joinWarnings(ready, homeFlag(context))) context.output.warn(text, help);
  const warning = ready.http === undefined ? undefined : serveWarning(ready.http);
  if (warning !== undefined) context.output.warn(warning.text, warning);
}

/** Until the node is ready; it may run for ever after. */
const READY_TIMEOUT_MS: number = 1 * minute;

/** As long as `--join` addresses have. */
const REMEMBERED_WAIT_MS: number = 8 * second;
const REMEMBERED_POLL_MS = 100;

/** A signal that aborts when the node is not ready in time, unless `ready` was called. */
function readyDeadline({ clock, globals, signal }: Context): { readonly signal: AbortSignal; readonly ready: () => void } {
  const timeoutMs = globals.timeout ?? READY_TIMEOUT_MS;
  const controller = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => {
    controller.abort(new BatChainError('BAT_E_TIMEOUT', { what: `the node was not ready within ${formatDuration(timeoutMs)}` }));
  });
  return { signal: AbortSignal.any([signal, controller.signal]), ready: () => timer.cancel() };
}

async function runForeground(context: Context): Promise<CommandOutcome> {
  const { options, paths, output, io, globals, clock } = context;
  const startedMs = clock.monotonicMs();
  const deadline = readyDeadline(context);
  const absolute = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(io.cwd, path));
  const { runDaemon } = await import('@batchain/participant');
  const ended = await runDaemon({
    paths,
    settings: {
      ...options,
      'network-secret-file': absolute(options['network-secret-file']),
      'http-token-file': absolute(options['http-token-file']),
      'log-level': globals['log-level'] ?? options['log-level'],
    },
    version: VERSION,
    signal: deadline.signal,
    onReady: (ready) => {
      deadline.ready();
      // `ready` is the first line whatever else there is to say.
      if (output.isJson) output.line('ready', { ...ready });
    },
    onSettled: (ready) => {
      if (!output.isJson) {
        for (const line of readyText(context, ready, clock.monotonicMs() - startedMs)) output.say(line);
        output.say(`Stop it: Ctrl-C here, or elsewhere: batchain stop${homeFlag(context)}`);
      }
      warnOf(context, ready);
    },
  });
  output.say('Stopped.');
  return { json: { stopped: true, nodeId: ended.nodeId, uptimeMs: ended.uptimeMs }, text: [] };
}

/** The arguments of the daemon's own process: the same, in the foreground, speaking JSON. */
function daemonArguments(argv: readonly string[]): string[] {
  return [...argv.filter((word) => word !== '--json' && word !== '--quiet' && word !== '-q'), '--foreground', '--json'];
}

function errorOfLine(line: Record<string, unknown>): BatChainError {
  const { code, what, why, fix } = line as Record<string, string>;
  const known = code !== undefined && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'BAT_E_INTERNAL';
  return new BatChainError(known, {
    what: what ?? 'the daemon did not start',
    ...(why === undefined ? {} : { why }),
    ...(fix === undefined ? {} : { fix }),
  });
}

/** Starts the daemon's process and waits for its first line. */
async function startProcess(context: Context): Promise<DaemonReady> {
  const { paths, io } = context;
  const { signal, ready: onReady } = readyDeadline(context);
  ensurePrivateDir(paths.logDir);
  const logPath = join(paths.logDir, 'daemon.err');
  const errors = openSync(logPath, 'a', 0o600);
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, main, ...daemonArguments(context.argv)], {
    detached: true,
    stdio: ['ignore', 'pipe', errors],
    cwd: io.cwd,
    env: io.env as NodeJS.ProcessEnv,
  });
  const stdout = present(child.stdout, 'the output of a child with a pipe');
  const onAbort = (): void => {
    child.kill('SIGTERM');
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const text of createInterface({ input: stdout })) {
      const line = JSON.parse(text) as Record<string, unknown>;
      if (line.type === 'ready') return line as unknown as DaemonReady;
      // What it says after being ended by us is not why.
      signal.throwIfAborted();
      if (line.type === 'error') throw errorOfLine(line);
    }
    signal.throwIfAborted();
    throw new BatChainError('BAT_E_INTERNAL', { what: 'the daemon ended before it was ready', why: `see ${logPath}` });
  } finally {
    onReady();
    signal.removeEventListener('abort', onAbort);
    stdout.destroy();
    child.unref();
  }
}

/** A person is told how it stands once members that are remembered were asked; scripts get `ready` at once. */
async function settled(context: Context, ready: DaemonReady): Promise<DaemonReady> {
  const { output, options, paths, clock, signal } = context;
  if (output.isJson || ready.joined || ready.remembered === 0 || options.join.length > 0) return ready;
  const client = new LocalApiClient(paths.controlPath);
  const untilMs = clock.monotonicMs() + REMEMBERED_WAIT_MS;
  let now = ready;
  while (!now.joined && clock.monotonicMs() < untilMs && !signal.aborted) {
    await clock.sleep(REMEMBERED_POLL_MS, signal).catch(() => undefined);
    const status = await client.status({ signal }).catch(() => undefined);
    if (status === undefined) return now;
    const { kad, bat, peers, joined, others } = status;
    now = { ...ready, kad, bat, joined, others, remembered: peers.remembered };
  }
  return now;
}

const offered = (bytes: number): string => (bytes === 0 ? 'nothing' : `${formatSize(bytes)} of this disk`);

async function runStart(context: Context): Promise<CommandOutcome> {
  const { paths, options, output, runtime, clock } = context;
  if (!hasHome(paths) && ensureHome(paths, runtime.entropy)) {
    output.say(
      `Made a home at ${printable(paths.home, output.err.isAscii)}, offering ${offered(options.offer)}; flags of start hold for this run, batchain config set keeps them`,
    );
  }
  if (options.foreground) return runForeground(context);
  const startedMs = clock.monotonicMs();
  const { nodeId, kad, bat, control, joined, remembered, join: report, others, http } = await startProcess(context);
  const told = { nodeId, kad, bat, control, joined, remembered, join: report, others, ...(http === undefined ? {} : { http }) };
  const ready = await settled(context, told);
  // Here `ready` stands for the result, which is the last line.
  if (output.isJson) warnOf(context, ready);
  output.line('ready', { ...ready });
  for (const line of output.isJson ? [] : readyText(context, ready, clock.monotonicMs() - startedMs)) output.result({}, [line]);
  if (!output.isJson) warnOf(context, ready);
  output.say(`Stop it: batchain stop${homeFlag(context)}`);
  return { json: {}, text: [], isSilent: true };
}

export const startCommand = defineCommand({
  name: 'start',
  summary: 'run the node of this computer; returns when it is ready',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain start', 'in the background'],
    ['batchain start --join 192.168.1.7:4870', 'and join a network through a member'],
    ['batchain start --offer 50GiB', 'for this run; batchain config set offer 50GiB keeps it'],
    ['batchain start --http-port 8000', 'and serve files and values to curl on this computer'],
    ['batchain start --foreground --offer 0', 'in this terminal; hosts nothing'],
  ],
  timeoutMs: 'own',
  usesConfigFile: true,
  run: runStart,
});
