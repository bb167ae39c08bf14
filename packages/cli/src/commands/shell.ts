// driven: `batchain shell`: the console of BitDrizzle and DHTFileStore over the local API (BD-10 to BD-32, DF-21).
import { join, resolve } from 'node:path';
import {
  defineSettings,
  homeLockHolder,
  LocalApiClient,
  NODE_SETTINGS,
  SHELL_NODES_MAX,
  SHELL_PIECE_BYTES_MAX,
  SHELL_PIECE_BYTES_MIN,
  SHELL_SETTINGS,
  switchValue,
} from '@batchain/participant/client';
import { BatChainError, systemReason } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { hasHome, requireDaemon } from '../daemon-access.ts';
import { printable } from '../output/printable.ts';
import { canAsk } from '../prompt.ts';
import { addToHistory, historyPath, readHistory } from '../shell/history-file.ts';
import { runInteractive } from '../shell/interactive.ts';
import { LabMultiMode } from '../shell/lab-multi-mode.ts';
import { readLines } from '../shell/line-reader.ts';
import { acceptsConnections } from '../shell/listener-check.ts';
import { OwnNode } from '../shell/own-node.ts';
import { RecentKeys } from '../shell/recent-keys.ts';
import { SessionFolder } from '../shell/session-folder.ts';
import { ShellSession } from '../shell/shell-session.ts';

const { network, 'network-secret-file': networkSecretFile } = NODE_SETTINGS;
const OPTIONS = defineSettings({
  ...SHELL_SETTINGS,
  network: { ...network, help: 'network of the node that the shell has where no daemon runs' },
  'network-secret-file': networkSecretFile,
  lan: { schema: switchValue, default: false, help: 'that node listens on all interfaces and looks for members on the local network' },
});
type Context = CommandContext<typeof OPTIONS>;

/** Some verbs were not carried out. */
const FAILED_EXIT = 3;
/** Interrupted, by the other end of the pipe. */
const READER_GONE_EXIT = 130;

interface Access {
  readonly client: LocalApiClient;
  readonly controlPath: string;
  /** Undefined where a daemon of the home runs. */
  readonly own: OwnNode | undefined;
}

/** The daemon of the home, else a node of this shell's own. */
async function openAccess(context: Context, folder: SessionFolder): Promise<Access> {
  const { paths, options, clock, io, signal, output } = context;
  const client = new LocalApiClient(paths.controlPath);
  if (await client.isRunning({ signal })) return { client, controlPath: paths.controlPath, own: undefined };
  // It starts, stops, or does not answer: another node beside it would be no help.
  if (hasHome(paths) && homeLockHolder(paths.lockFile) !== undefined)
    return { client: await requireDaemon(context), controlPath: paths.controlPath, own: undefined };
  const secret = options['network-secret-file'];
  const own = await OwnNode.start(
    clock,
    {
      home: join(folder.path, 'own'),
      network: options.network,
      networkSecretFile: secret === undefined ? undefined : resolve(io.cwd, secret),
      isOnLan: options.lan,
    },
    signal,
  );
  output.say(`No daemon runs for this home: this shell has a node of its own at ${own.ready.kad}, gone when it ends.`);
  return { client: own.client, controlPath: own.paths.controlPath, own };
}

/** Verbs from a pipe or a file, for as long as somebody reads the answers. Rejects with the reason of the signal. */
async function runPiped({ io, signal, output }: Context, session: ShellSession): Promise<void> {
  const onAbort = (): void => void io.stdin.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const line of readLines(io.stdin)) if ((await session.run(line)) === 'end' || output.isBroken) return;
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
    throw new BatChainError('BAT_E_FILE_UNREADABLE', {
      what: 'the standard input can not be read',
      why: systemReason(error),
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** With history where there is a home to keep it. */
async function runOnTerminal(context: Context, session: ShellSession, keys: RecentKeys): Promise<void> {
  const { io, paths, signal, runtime, output } = context;
  const path = hasHome(paths) ? historyPath(paths) : undefined;
  const typed: string[] = [];
  try {
    await runInteractive({
      io,
      session,
      signal,
      history: path === undefined ? [] : readHistory(path),
      keys: () => keys.all,
      onTyped: (line) => typed.push(line),
      say: (line) => output.say(line),
    });
  } finally {
    if (path !== undefined) addToHistory(path, typed, runtime.entropy);
  }
}

function makeSession(context: Context, { client, controlPath }: Access, multi: LabMultiMode, keys: RecentKeys): ShellSession {
  const { options, globals, output, clock, runtime, io, signal } = context;
  const defaults = {
    netSize: options['net-size'],
    testFile: options['test-file'],
    testKey: options['test-key'],
    pieceBytes: options['piece-size'],
    saysYes: globals.yes,
  };
  return new ShellSession({
    output,
    clock,
    signal,
    bounds: { nodesMax: SHELL_NODES_MAX, pieceBytesMin: SHELL_PIECE_BYTES_MIN, pieceBytesMax: SHELL_PIECE_BYTES_MAX },
    timeoutMs: globals.timeout,
    write: (line) => output.result({}, [line]),
    writeError: (line) => output.draw(`${line}\n`),
    tools: {
      api: client,
      clock,
      entropy: runtime.entropy,
      style: output.out,
      cwd: io.cwd,
      controlPath,
      defaults,
      multi,
      keys,
      entry: { address: undefined },
      accepts: acceptsConnections,
    },
  });
}

async function runShell(context: Context): Promise<CommandOutcome> {
  const { options, output, runtime } = context;
  const folder = new SessionFolder(runtime.entropy);
  const multi = new LabMultiMode(runtime, () => join(folder.path, 'nodes'));
  let own: OwnNode | undefined;
  try {
    const access = await openAccess(context, folder);
    own = access.own;
    const keys = new RecentKeys(options['test-key']);
    const session = makeSession(context, access, multi, keys);
    const isInteractive = canAsk(context);
    if (isInteractive) await runOnTerminal(context, session, keys);
    else await runPiped(context, session);
    const { verbs, failed } = session.counts;
    const failedExit = failed > 0 && !isInteractive ? FAILED_EXIT : 0;
    const exit = output.isBroken ? READER_GONE_EXIT : failedExit;
    return { json: { verbs, failed, control: access.controlPath, ownNode: own?.ready.nodeId ?? null }, text: [], exit };
  } finally {
    for (const end of [() => multi.end(), () => own?.end()]) {
      await end()?.catch((error: unknown) => output.warn(`not ended in good order: ${printable(String(error))}`));
    }
    folder.remove();
  }
}

export const shellCommand = defineCommand({
  name: 'shell',
  summary: 'the console: find, join, locate, write, read, by single letters',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain shell', 'on a terminal: a prompt with history and completion; H lists the verbs'],
    ['batchain shell --json < lesson.txt', 'verbs from a file or a pipe, one JSON object each'],
    ['batchain shell --net-size 5', 'MM starts five nodes'],
    ['batchain shell --lan', 'its own node takes part in the local network'],
  ],
  notes: [
    'Verbs  H LL MM FN LH JN LN SZ RI W R D LD PD LIST TEST CLEAR X, as letters or words, in any case',
    'It speaks to the daemon of the home; where none runs it has a node of its own on this computer, gone when it ends.',
    "In a pipe it exits with 3 when a verb was not carried out:  printf 'MM\\nSZ\\nX\\n' | batchain shell",
    '--timeout holds for each verb. More: docs/SHELL.md',
  ],
  timeoutMs: 'own',
  usesConfigFile: true,
  afterInterrupt: (flag) => `batchain shell${flag}`,
  run: runShell,
});
