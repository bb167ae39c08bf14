// driven: `batchain rm REF`: releases the shards of a file and forgets it, after asking.
import { defineSettings, formatSize } from '@batchain/participant/client';
import { BatChainError, minute } from '@batchain/shared';
import { usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon, resolveRef } from '../daemon-access.ts';
import { countText, shortIdText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import { ask, canAsk } from '../prompt.ts';
import { showProgress } from '../show-progress.ts';

async function runRemove(context: CommandContext): Promise<CommandOutcome> {
  const { words, output, globals, signal } = context;
  if (!globals.yes && !canAsk(context)) throw usageError('rm needs --yes here', 'there is no terminal to ask on', 'rm');
  const client = await requireDaemon(context);
  const ref = resolveRef(words[0] ?? '', context);
  const info = await client.info(ref, { signal });
  const name = printable(info.name, output.err.isAscii);
  output.say(
    `${shortIdText(info.id)}  ${name}  ${formatSize(info.bytes)} on ${countText(info.hosts.length, 'peer')} goes, with its manifest.`,
  );
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
    json: { ...result, name: info.name },
    text: [
      `Removed ${shortIdText(result.id)}  ${printable(info.name, output.out.isAscii)}: ${countText(result.released, 'shard')} released`,
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
