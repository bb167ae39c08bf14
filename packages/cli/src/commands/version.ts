// driven: `batchain version`.
import { VERSION } from '@batchain/participant/client';
import { second } from '@batchain/shared';
import { type CommandOutcome, defineCommand } from '../command.ts';

async function runVersion(): Promise<CommandOutcome> {
  return { json: { version: VERSION, node: process.version, platform: process.platform }, text: [VERSION] };
}

export const versionCommand = defineCommand({
  name: 'version',
  summary: 'the version of this installation',
  positionals: [],
  options: {},
  examples: [['batchain version', '']],
  timeoutMs: 10 * second,
  run: runVersion,
});
