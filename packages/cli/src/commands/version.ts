// driven: `batchain version`.
import { second } from '@batchain/shared';
import { type CommandOutcome, defineCommand } from '../command.ts';
import { readVersion } from '../version.ts';

async function runVersion(): Promise<CommandOutcome> {
  const version = readVersion();
  return { json: { version, node: process.version, platform: process.platform }, text: [version] };
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
