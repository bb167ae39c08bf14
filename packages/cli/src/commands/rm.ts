// driven: `batchain rm REF`: releases the shards of a file and forgets it, after asking.
import { defineSettings, formatSize, type LocalApiClient } from '@batchain/participant/client';
import { BatChainError, minute } from '@batchain/shared';
import { usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon, resolveRef } from '../daemon-access.ts';
import { countText, shortIdText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
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
    const { id, name, bytes, hosts } = await client.info(ref, { signal });
    return { id, name, bytes, where: `on ${countText(hosts.length, 'peer')} goes, with its manifest.` };
  } catch (error) {
    const id = error instanceof BatChainError ? error.details.fileId : undefined;
    const file = id === undefined ? undefined : (await client.list({ signal })).files.find((entry) => entry.id === id);
    if (file === undefined) throw error;
    return { ...file, where: 'goes; its manifest is gone or damaged.' };
  }
}

async function runRemove(context: CommandContext): Promise<CommandOutcome> {
  const { words, output, globals, signal } = context;
  if (!globals.yes && !canAsk(context)) throw usageError('rm needs --yes here', 'there is no terminal to ask on', 'rm');
  const client = await requireDaemon(context);
  const ref = resolveRef(words[0] ?? '', context);
  const file = await findFile(client, ref, signal);
  const name = printable(file.name, output.err.isAscii);
  output.say(`${shortIdText(file.id)}  ${name}  ${formatSize(file.bytes)} ${file.where}`);
  if (!globals.yes && !/^y(es)?$/i.test(await ask(context, 'Remove it for good? [y/N]: '))) {
    throw new BatChainError('BAT_E_INTERRUPTED', {
      what: 'nothing was removed',
      why: 'the answer was not yes',
      fix: 'answer y, or give --yes',
    });
  }
  const result = await showProgress(context, 'releasing', (progress) => client.release(ref, progress));
  const late = result.unreached.length;
  return {
    json: { ...result, name: file.name },
    text: [
      `Removed ${shortIdText(result.id)}  ${printable(file.name, output.out.isAscii)}: ${countText(result.released, 'shard')} released`,
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
  run: runRemove,
});
