// driven: `batchain rm REF`: releases the shards of a file and forgets it, after asking.
import { defineSettings, formatSize, type LocalApiClient } from '@batchain/participant/client';
import { BatChainError, minute } from '@batchain/shared';
import { usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon, resolveRef } from '../daemon-access.ts';
import { countText, shortIdText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import { shellWord } from '../output/shell-word.ts';
import { ask, canAsk } from '../prompt.ts';
import { showProgress } from '../show-progress.ts';

interface FileToRemove {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  /** The rest of the sentence that says what goes. */
  readonly where: string;
}

/** What goes. A file whose manifest is gone can be removed all the same: which one it is, the error says. */
async function findFile(client: LocalApiClient, ref: string, signal: AbortSignal): Promise<FileToRemove> {
  try {
    const { id, name, bytes, hosts, owner } = await client.info(ref, { signal });
    const { nodeId } = await client.status({ signal });
    if (owner !== nodeId) throw notYours(ref, name, owner);
    return { id, name, bytes, where: `on ${countText(hosts.length, 'peer')} goes, with its manifest.` };
  } catch (error) {
    const id = error instanceof BatChainError ? error.details.fileId : undefined;
    const file = id === undefined ? undefined : (await client.list({ signal })).files.find((entry) => entry.id === id);
    if (file === undefined) throw error;
    return { ...file, where: 'goes; its manifest is gone or damaged.' };
  }
}

/** Said before anything is announced: the hosts obey the owner alone. */
function notYours(ref: string, name: string, owner: string): BatChainError {
  const isPath = ref.includes('/');
  return new BatChainError('BAT_E_NOT_OWNER', {
    what: `${name} is not yours to remove`,
    why: `it belongs to ${shortIdText(owner)}; nothing was changed`,
    ...(isPath ? { fix: `forget it here, for its owner it stays: rm ${shellWord(ref)}` } : {}),
  });
}

/** As after a Ctrl-C at the question. */
const DECLINED_EXIT = 130;

async function runRemove(context: CommandContext): Promise<CommandOutcome> {
  const { words, output, globals, signal } = context;
  if (!globals.yes && !canAsk(context)) throw usageError('rm needs --yes here', 'there is no terminal to ask on', 'rm');
  const client = await requireDaemon(context);
  const ref = resolveRef(words[0] ?? '', context);
  const file = await findFile(client, ref, signal);
  const name = printable(file.name, output.err.isAscii);
  output.say(`${shortIdText(file.id)}  ${name}  ${formatSize(file.bytes)} ${file.where}`);
  if (!globals.yes && !/^y(es)?$/i.test(await ask(context, 'Remove it for good? [y/N]: '))) {
    return { json: { removed: false }, text: ['Nothing removed.'], exit: DECLINED_EXIT };
  }
  const result = await showProgress(context, 'releasing', (progress) => client.release(ref, progress));
  const late = result.unreached.length;
  return {
    json: { ...result, name: file.name },
    text: [
      `Removed ${shortIdText(result.id)}  ${printable(file.name, output.out.isAscii)}: ${countText(result.released, 'shard')} released`,
      'Copies of its manifest elsewhere stay, and bring nothing back once the hosts have let go.',
      ...(late > 0 ? [`${countText(late, 'peer')} could not be told; the leases there end by themselves`] : []),
    ],
  };
}

export const removeCommand = defineCommand({
  name: 'rm',
  summary: 'release the shards of a file and forget it',
  positionals: [{ name: 'REF', isRequired: true }],
  options: defineSettings({}),
  examples: [
    ['batchain rm 7f3a91c2', 'says what goes and asks'],
    ['batchain rm holiday.mp4 --yes', 'does not ask'],
  ],
  timeoutMs: 10 * minute,
  afterInterrupt: (flag) => `see whether it is still there: batchain ls${flag}`,
  run: runRemove,
});
