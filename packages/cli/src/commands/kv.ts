// driven: `batchain kv put|get|rm|ls`: values by key, in the network or in the local store of this home.
import { resolve } from 'node:path';
import {
  countValue,
  defineSettings,
  durationValue,
  type LocalApiClient,
  optional,
  switchValue,
  textValue,
  type ValueStoredView,
} from '@batchain/participant/client';
import { hour, minute } from '@batchain/shared';
import { nearestWord, usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon } from '../daemon-access.ts';
import { printable } from '../output/printable.ts';
import { showProgress } from '../show-progress.ts';
import { foundText, isPrintable, listText, savedText, storedText } from './kv-text.ts';
import { bodyOfWord } from './kv-word.ts';

const OPTIONS = defineSettings({
  file: {
    schema: optional(textValue(4096)),
    default: undefined,
    argument: 'PATH',
    help: 'put: the bytes of this file; get: write the value there',
  },
  raw: { schema: switchValue, default: false, help: 'put: VALUE as it is, not as JSON; get: the bytes as they are' },
  ttl: { schema: optional(durationValue), default: undefined, argument: 'DURATION', help: 'put: gone after this time' },
  local: { schema: switchValue, default: false, help: 'the local store of this home; nothing leaves the machine' },
  'by-hash': { schema: switchValue, default: false, help: 'put: no KEY; the value is found by its SHA-256, and never changes' },
  piece: { schema: optional(countValue(64, 896)), default: undefined, argument: 'BYTES', help: 'put: length of a piece, 64 to 896' },
  force: { schema: switchValue, default: false, help: 'get --file: replace an existing file' },
});

type Context = CommandContext<typeof OPTIONS>;

const ACTIONS = ['put', 'get', 'rm', 'ls'] as const;
type Action = (typeof ACTIONS)[number];
const WORDS: Readonly<Record<Action, string>> = { put: 'KEY VALUE', get: 'KEY', rm: 'KEY', ls: '[PREFIX]' };
/** What each takes beside `--local`; the environment may set more, which counts for nothing. */
const FLAGS: Readonly<Record<Action, readonly (keyof typeof OPTIONS)[]>> = {
  put: ['file', 'raw', 'ttl', 'local', 'by-hash', 'piece'],
  get: ['file', 'raw', 'local', 'force'],
  rm: ['local'],
  ls: ['local'],
};
/** Stored here, and at nobody else yet. */
const DEGRADED_EXIT = 3;
/** Interrupted, by the other end of the pipe. */
const READER_GONE_EXIT = 130;

function place({ options, signal }: Context): { readonly isLocal?: boolean; readonly signal: AbortSignal } {
  return options.local ? { isLocal: true, signal } : { signal };
}

function checkFlags({ origins }: Context, action: Action): void {
  for (const name of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[])
    if (origins[name] === 'flag' && !FLAGS[action].includes(name))
      throw usageError(`kv ${action} takes no --${name}`, `it takes ${FLAGS[action].map((flag) => `--${flag}`).join(' ')}`, 'kv');
}

function usage(action: Action): string {
  return `usage: batchain kv ${action} ${WORDS[action]}`;
}

async function runPut(context: Context, client: LocalApiClient, words: readonly string[]): Promise<CommandOutcome> {
  const { options, io, output } = context;
  const isByHash = options['by-hash'];
  if (isByHash && (options.local || options.ttl !== undefined))
    throw usageError('--by-hash with --local or --ttl', 'a value by its hash lies in the network until it is removed', 'kv');
  const wanted = (isByHash ? 0 : 1) + (options.file === undefined ? 1 : 0);
  if (words.length !== wanted)
    throw usageError(
      options.file === undefined ? 'kv put takes a KEY and a VALUE' : 'kv put --file takes no VALUE',
      'usage: batchain kv put KEY VALUE, kv put KEY --file PATH, kv put --by-hash VALUE',
      'kv',
    );
  const [key = ''] = words;
  const value =
    options.file === undefined ? bodyOfWord(words.at(-1) ?? '', options.raw || isByHash) : { path: resolve(io.cwd, options.file) };
  const piece = options.piece === undefined ? {} : { pieceBytes: options.piece };
  const stored: ValueStoredView = await showProgress(context, 'placing', (progress) => {
    if (isByHash) return client.values.putByHash({ ...value, ...piece }, progress);
    const ttl = options.ttl === undefined ? {} : { ttlMs: options.ttl };
    return client.values.put(key, { ...value, ...piece, ...ttl, ...(options.local ? { isLocal: true } : {}) }, progress);
  });
  const isAlone = !stored.isLocal && stored.storedOn === 0;
  if (isAlone) output.warn('nobody else has it yet; the daemon goes on trying');
  return { json: stored, text: storedText(output.out, stored, io.stdout.isTTY), ...(isAlone ? { exit: DEGRADED_EXIT } : {}) };
}

async function runGet(context: Context, client: LocalApiClient, key: string): Promise<CommandOutcome> {
  const { options, output, io, globals } = context;
  if (options.raw && (globals.json || options.file !== undefined))
    throw usageError(`--raw with ${globals.json ? '--json' : '--file'}`, 'choose one of them', 'kv');
  if (options.file !== undefined) {
    const local = options.local ? { isLocal: true } : {};
    const body = { path: resolve(io.cwd, options.file), isForced: options.force, ...local };
    const saved = await showProgress(context, 'fetching', (progress) => client.values.save(key, body, progress));
    return { json: saved, text: savedText(output.out, saved) };
  }
  if (options.raw) return writeBytes(context, client, key);
  const found = await client.values.get(key, place(context));
  if (found.kind === 'json' || globals.json) return { json: found, text: foundText(output.out, found, io.stdout.isTTY) };
  const bytes = Buffer.from(found.bytes, 'base64');
  if (!io.stdout.isTTY) return writeBytes(context, client, key);
  if (isPrintable(bytes)) return { json: found, text: [printable(bytes.toString('utf8').replace(/\n$/, ''), output.out.isAscii)] };
  throw usageError('the value is no text', `it has ${found.size} bytes, which would upset the terminal; take --file PATH, or --raw`, 'kv');
}

async function writeBytes(context: Context, client: LocalApiClient, key: string): Promise<CommandOutcome> {
  const content = client.values.content(key, place(context));
  try {
    for (let next = await content.next(); next.done !== true; next = await content.next())
      await context.output.bytes(next.value, context.signal);
    return { json: {}, text: [], isSilent: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    // The reader has what it wanted, as with `get --stdout`.
    return { json: {}, text: [], isSilent: true, exit: READER_GONE_EXIT };
  } finally {
    await content.return(undefined as never);
  }
}

async function runRemove(context: Context, client: LocalApiClient, key: string): Promise<CommandOutcome> {
  const { output, options } = context;
  const removed = await client.values.remove(key, place(context));
  const isTombstone = removed.seq > 0;
  if (isTombstone && removed.storedOn === 0) output.warn('nobody else knows yet that it is gone; the daemon goes on telling');
  const note = isTombstone || options.local ? [] : ['Copies of a value by its hash go by themselves within two days.'];
  return { json: removed, text: [`Removed ${printable(removed.key, output.out.isAscii)}`, ...note] };
}

async function runKv(context: Context): Promise<CommandOutcome> {
  const [action = 'ls', ...words] = context.words as [Action | undefined, ...string[]];
  if (!ACTIONS.includes(action)) {
    const near = nearestWord(action, ACTIONS);
    throw usageError(
      `kv has no ${JSON.stringify(action)}`,
      near === undefined ? `it has ${ACTIONS.join(', ')}` : `did you mean ${near}?`,
      'kv',
    );
  }
  checkFlags(context, action);
  if (action === 'put') return runPut(context, await requireDaemon(context), words);
  if (words.length > 1 || (action !== 'ls' && words.length === 0))
    throw usageError(`kv ${action} takes ${WORDS[action]}`, usage(action), 'kv');
  const client = await requireDaemon(context);
  const [key = ''] = words;
  if (action === 'get') return runGet(context, client, key);
  if (action === 'rm') return runRemove(context, client, key);
  const { values } = await client.values.list({ ...place(context), prefix: key });
  return { json: { values }, text: listText(context.output.out, values, { nowMs: context.clock.nowMs(), isLocal: context.options.local }) };
}

export const kvCommand = defineCommand({
  name: 'kv',
  summary: 'values by key: put, read, remove and list them, in the network or locally',
  positionals: [
    { name: 'put|get|rm|ls', isRequired: false },
    { name: 'KEY', isRequired: false },
    { name: 'VALUE', isRequired: false },
  ],
  options: OPTIONS,
  examples: [
    ['batchain kv put motd \'{"text":"hello"}\'', 'JSON where it is JSON, else text'],
    ['batchain kv get motd', 'the newest version; other participants: kv get NODEID/motd'],
    ['batchain kv put film --file film.mp4', 'of any size: large ones lie encrypted on the peers'],
    ['batchain kv put token 8f14 --ttl 1h', 'gone after an hour'],
    ['batchain kv put --by-hash "some text"', 'prints the hash that brings it back'],
    ['batchain kv rm motd', 'it does not come back'],
    ['batchain kv ls', 'what you have put; --local: in the local store'],
  ],
  notes: ['Values in the network can be read by whoever knows the key and whose it is, or the hash.'],
  timeoutMs: ({ file, raw }) => (file === undefined && !raw ? 5 * minute : 24 * hour),
  afterInterrupt: (flag) => `see what is there: batchain kv ls${flag}`,
  run: runKv,
});
