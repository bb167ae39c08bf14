// driven: `batchain stop`: ends the daemon of the home; fine when none runs.
import { homeLockHolder, LocalApiClient } from '@batchain/participant/client';
import { BatChainError, second } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';

/** How often it is looked whether the daemon is gone. */
const POLL_MS = 50;

/** A daemon that is starting answers after it has joined, which takes at most 8 s. */
const START_WAIT_MS: number = 12 * second;

/** True once the daemon answers, false when none has the home. Throws BAT_E_HOME_IN_USE when its process stays silent. */
async function isAnswering({ paths, signal, clock }: CommandContext, client: LocalApiClient): Promise<boolean> {
  const endMs = clock.monotonicMs() + START_WAIT_MS;
  for (;;) {
    if (await client.isRunning({ signal })) return true;
    const holder = homeLockHolder(paths.lockFile);
    if (holder === undefined) return false;
    if (clock.monotonicMs() > endMs) {
      throw new BatChainError('BAT_E_HOME_IN_USE', {
        what: `process ${holder} has this home and does not answer`,
        why: `nothing listens at ${paths.controlPath}`,
        fix: `kill ${holder}`,
      });
    }
    await clock.sleep(POLL_MS, signal);
  }
}

async function runStop(context: CommandContext): Promise<CommandOutcome> {
  const { paths, signal, clock } = context;
  const client = new LocalApiClient(paths.controlPath);
  if (!(await isAnswering(context, client))) return { json: { wasRunning: false }, text: ['No daemon runs for this home.'] };
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
  afterInterrupt: (flag) => `see whether it still runs: batchain status${flag}`,
  run: runStop,
});
