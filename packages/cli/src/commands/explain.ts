// driven: `batchain explain CODE`: what an error code means and what helps; needs neither home nor daemon.
import { ERROR_CODES, type ErrorCode, second } from '@batchain/shared';
import { nearestWord, usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';

async function runExplain({ words }: CommandContext): Promise<CommandOutcome> {
  const code = (words[0] ?? '').toUpperCase();
  if (!Object.hasOwn(ERROR_CODES, code)) {
    const near = nearestWord(code, Object.keys(ERROR_CODES));
    throw usageError(
      `${JSON.stringify(words[0])} is no error code`,
      near === undefined ? 'all are in docs/ERRORS.md' : `did you mean ${near}?`,
      'explain',
    );
  }
  const { exit, meaning, cause, fix } = ERROR_CODES[code as ErrorCode];
  return {
    json: { code, meaning, cause, fix, exit },
    text: [`${code} (exit ${exit})`, `  ${meaning}`, `  usual cause  ${cause}`, `  what helps   ${fix}`],
  };
}

export const explainCommand = defineCommand({
  name: 'explain',
  summary: 'what an error code means and what helps',
  positionals: [{ name: 'CODE', isRequired: true }],
  options: {},
  examples: [['batchain explain BAT_E_NOT_ENOUGH_PEERS', '']],
  timeoutMs: 10 * second,
  run: runExplain,
});
