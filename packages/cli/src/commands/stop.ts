// driven: `batchain stop`: ends the daemon of the home; fine when none runs.
import { homeLockHolder, LocalApiClient } from '@batchain/participant/client';
import { second } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';

/** How often it is looked whether the daemon is gone. */
const POLL_MS = 50;

async function runStop({ paths, signal, clock }: CommandContext): Promise<CommandOutcome> {
  const client = new LocalApiClient(paths.controlPath);
  if (!(await client.isRunning({ signal }))) return { json: { wasRunning: false }, text: ['No daemon runs for this home.'] };
  await client.stop({ signal });
  // The socket goes first, the lock last: only then may another daemon start.
  while (homeLockHolder(paths.lockFile) !== undefined) await clock.sleep(POLL_MS, signal);
  return { json: { wasRunning: true }, text: ['Stopped.'] };
}

export const stopCommand = defineCommand({
  name: 'stop',
  summary: 'end the daemon of this home',
  positionals: [],
  options: {},
  examples: [['batchain stop', 'exits with 0 when none runs, too']],
  timeoutMs: 60 * second,
  run: runStop,
});
