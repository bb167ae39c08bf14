// driven: `batchain help [COMMAND]`.
import { second } from '@batchain/shared';
import { nearestWord, usageError } from '../argv/usage-error.ts';
import { type Command, type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { bareHelp, commandHelp, FLAGS_TOPIC, flagsHelp } from '../help-text.ts';

/** Help over the given commands, itself included. */
export function makeHelpCommand(others: readonly Command[]): Command {
  const help = defineCommand({
    name: 'help',
    summary: 'help for all commands or for one',
    positionals: [{ name: 'COMMAND', isRequired: false }],
    options: {},
    examples: [
      ['batchain help', ''],
      ['batchain help put', 'with examples first'],
      ['batchain help flags', 'what every command takes'],
    ],
    timeoutMs: 10 * second,
    run: async ({ words }: CommandContext): Promise<CommandOutcome> => {
      const commands = [...others, help];
      const [word] = words;
      if (word === FLAGS_TOPIC) return { json: { text: flagsHelp().join('\n') }, text: flagsHelp() };
      const command = commands.find(({ name }) => name === word);
      if (word !== undefined && command === undefined) {
        const near = nearestWord(
          word,
          commands.map(({ name }) => name),
        );
        throw usageError(`${JSON.stringify(word)} is no command`, near === undefined ? 'unknown command' : `did you mean ${near}?`);
      }
      const lines = command === undefined ? bareHelp(commands) : commandHelp(command);
      return { json: { text: lines.join('\n'), commands: commands.map(({ name, summary }) => ({ name, summary })) }, text: lines };
    },
  });
  return help;
}
