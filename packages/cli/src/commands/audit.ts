// driven: `batchain audit [REF]` (`-a REF`): has the peers prove that they still hold the shards.
import { type AuditResult, defineSettings, formatSize, switchValue } from '@batchain/participant/client';
import { hour } from '@batchain/shared';
import { usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon, resolveRef } from '../daemon-access.ts';
import { auditLines, exitOfAudit } from '../output/audit-text.ts';
import { countText } from '../output/health-text.ts';
import { showProgress } from '../show-progress.ts';

const OPTIONS = defineSettings({
  all: { schema: switchValue, default: false, help: 'all files; also what is done without a REF' },
  full: { schema: switchValue, default: false, help: 'every byte of every shard instead of a sample' },
});

async function runAudit(context: CommandContext<typeof OPTIONS>): Promise<CommandOutcome> {
  const { options, words, output, globals } = context;
  const [word] = words;
  if (options.all && word !== undefined) throw usageError('--all with a REF', 'choose one of them', 'audit');
  const client = await requireDaemon(context);
  const body = { isFull: options.full };
  const result: AuditResult = await showProgress(context, 'asking', (progress) =>
    word === undefined ? client.auditAll(body, progress) : client.audit(resolveRef(word, context), body, progress),
  );
  const bytes = result.files.reduce((sum, file) => sum + file.challengedBytes, 0);
  const peers = new Set(result.files.flatMap((file) => file.shards.flatMap(({ host }) => host ?? []))).size;
  output.say(
    `Asked ${countText(peers, 'peer')} to prove that they hold your shards (${options.full ? 'every byte' : 'random ranges'}, ${formatSize(bytes)})`,
  );
  return { json: result, text: auditLines(output.out, result, globals.verbose), exit: exitOfAudit(result) };
}

export const auditCommand = defineCommand({
  name: 'audit',
  summary: 'have the peers prove that they still hold your shards',
  positionals: [{ name: 'REF', isRequired: false }],
  options: OPTIONS,
  examples: [
    ['batchain audit', 'all files, random ranges'],
    ['batchain audit 7f3a91c2 --full', 'one file, every byte'],
    ['batchain -a holiday.mp4.batchain', 'one file, shorter'],
  ],
  timeoutMs: 24 * hour,
  run: runAudit,
});
