// driven: `batchain get REF` (`-d REF`): brings a file back, checked, under its final name or on stdout.
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import {
  defineSettings,
  formatDuration,
  type GetResult,
  type LocalApiClient,
  optional,
  switchValue,
  textValue,
} from '@batchain/participant/client';
import { hour } from '@batchain/shared';
import { usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon, resolveRef } from '../daemon-access.ts';
import { shortIdText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import { showProgress } from '../show-progress.ts';

const OPTIONS = defineSettings({
  output: {
    schema: optional(textValue(4096)),
    default: undefined,
    argument: 'PATH',
    help: 'where the file goes; a folder takes it under its own name',
  },
  stdout: { schema: switchValue, default: false, help: 'write the bytes to standard output' },
  force: { schema: switchValue, default: false, help: 'replace an existing file' },
});
/** Interrupted, by the other end of the pipe. */
const READER_GONE_EXIT = 130;

type Context = CommandContext<typeof OPTIONS>;

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

async function targetPath(context: Context, client: LocalApiClient, ref: string): Promise<string> {
  const { io, options, words, signal } = context;
  const wanted = options.output ?? words[1];
  if (wanted !== undefined && !isFolder(resolve(io.cwd, wanted)) && !/[/\\]$/.test(wanted)) return resolve(io.cwd, wanted);
  // A name is one component, whatever the manifest says (T12).
  const name = basename((await client.info(ref, { signal })).name);
  return join(resolve(io.cwd, wanted ?? '.'), name);
}

/** What an interrupted download of this target left beside it. */
function partsOf(path: string): string[] {
  const folder = dirname(path);
  const isPart = (name: string): boolean => name.startsWith(`.${basename(path)}.`) && /\.[0-9a-f]{16}\.part$/.test(name);
  try {
    return readdirSync(folder)
      .filter(isPart)
      .map((name) => join(folder, name))
      .filter((part) => statSync(part).size > 0);
  } catch {
    return [];
  }
}

function savedText(context: Context, result: GetResult): string[] {
  const { out } = context.output;
  const rejected = result.rejected.map(
    ({ host, shardId, reason }) =>
      `  rejected   shard ${shortIdText(shardId)} from ${shortIdText(host)}: ${printable(reason, out.isAscii)}`,
  );
  const path = printable(result.path ?? '', out.isAscii);
  return [`${out.tint('green', 'Saved')} ${path}   sha256 matches   ${formatDuration(result.durationMs)}`, ...rejected];
}

async function writeToStdout(context: Context, client: LocalApiClient, ref: string): Promise<CommandOutcome> {
  const { signal, output } = context;
  const content = client.content(ref, { signal });
  try {
    for (;;) {
      const next = await content.next();
      if (next.done === true) return { json: {}, text: [], isSilent: true };
      await output.bytes(next.value, signal);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    // The reader has what it wanted: `get --stdout | head` ends without a word, as `cat` does.
    return { json: {}, text: [], isSilent: true, exit: READER_GONE_EXIT };
  } finally {
    await content.return(undefined as never);
  }
}

async function runGet(context: Context): Promise<CommandOutcome> {
  const { options, globals, words } = context;
  if (options.stdout && globals.json)
    throw usageError('--stdout with --json', 'standard output can not carry both the file and JSON', 'get');
  if (options.stdout && (options.output !== undefined || words[1] !== undefined))
    throw usageError('--stdout with a path', 'choose one of them', 'get');
  const client = await requireDaemon(context);
  const ref = resolveRef(words[0] ?? '', context);
  if (options.stdout) return writeToStdout(context, client, ref);
  const path = await targetPath(context, client, ref);
  const result = await showProgress(context, 'fetching', (progress) => {
    if (context.output.err.canRedraw) context.output.say(printable(basename(path), context.output.err.isAscii));
    return client.download(ref, { path, isForced: options.force }, progress);
  }).catch((error: unknown) => {
    // What the daemon says to somebody who has gone away is not heard.
    if (context.signal.aborted)
      for (const part of partsOf(path)) context.output.warn(`${part} is kept; the same command goes on from there`);
    throw error;
  });
  return { json: result, text: savedText(context, result) };
}

export const getCommand = defineCommand({
  name: 'get',
  summary: 'bring a file back; nothing lies under its name before every byte was checked',
  positionals: [
    { name: 'REF', isRequired: true },
    { name: 'DEST', isRequired: false },
  ],
  options: OPTIONS,
  examples: [
    ['batchain get holiday.mp4.batchain', 'by manifest, into this folder'],
    ['batchain get 7f3a91c2 -o back.mp4', 'by the start of its id, under another name'],
    ['batchain get holiday.mp4 --stdout | mpv -', 'by name, into a pipe'],
    ['batchain -d holiday.mp4.batchain', 'the same as the first, shorter'],
  ],
  timeoutMs: 24 * hour,
  resumes: (options) => !options.stdout,
  run: runGet,
});
