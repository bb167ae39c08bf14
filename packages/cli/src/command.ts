// pure: what a command is: its words, flags, help, and what it does.
import type { HomePaths, Origin, SettingTable, SettingValues } from '@batchain/participant/client';
import type { Clock, Runtime } from '@batchain/shared';
import type { GlobalOptions } from './global-options.ts';
import type { CliIo } from './output/io.ts';
import type { Output } from './output/output.ts';

export interface Positional {
  readonly name: string;
  readonly isRequired: boolean;
  /** Stands for all words from here on; the last one only. */
  readonly isRest?: boolean;
}

/** What a command's `run` gets. */
export interface CommandContext<T extends SettingTable = SettingTable> {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly io: CliIo;
  readonly output: Output;
  readonly globals: GlobalOptions;
  readonly options: SettingValues<T>;
  /** Where each option comes from. */
  readonly origins: { readonly [K in keyof T]: Origin };
  /** The words after the command. */
  readonly words: readonly string[];
  readonly paths: HomePaths;
  /** Aborts on Ctrl-C, on SIGTERM and at the deadline. */
  readonly signal: AbortSignal;
  /** Arguments as they were given, for commands that start another process. */
  readonly argv: readonly string[];
}

/** What a command answers when it did not fail. */
export interface CommandOutcome {
  /** Fields of the JSON result. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Lines of text on stdout. */
  readonly text: readonly string[];
  /** 0 unless said otherwise. */
  readonly exit?: number;
  /** True when the command has written its last line itself. */
  readonly isSilent?: boolean;
}

export interface Command<T extends SettingTable = any> {
  readonly name: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  readonly positionals: readonly Positional[];
  readonly options: T;
  /** Each with what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Lines of the help that say what the words of the result mean. */
  readonly notes?: readonly string[];
  /** Deadline unless --timeout says otherwise; `own` when the command itself sees to it; undefined for what runs until it is ended. */
  readonly timeoutMs: number | 'own' | ((options: SettingValues<T>) => number | undefined);
  /** Takes options from config.toml too: true for what runs or sets up the node. */
  readonly usesConfigFile?: boolean;
  /** True when the same command goes on where it was interrupted. */
  readonly resumes?: boolean | ((options: SettingValues<T>) => boolean);
  /** What a person does after a Ctrl-C, when it is not to run the command again; `homeFlag` is ` --home DIR` or nothing. */
  readonly afterInterrupt?: (homeFlag: string) => string;
  run(context: CommandContext<T>): Promise<CommandOutcome>;
}

/** Keeps the option types of one command. */
export function defineCommand<const T extends SettingTable>(command: Command<T>): Command<T> {
  return command;
}

/** `batchain get REF [DEST] [options]` */
export function usageLine(command: Pick<Command, 'name' | 'positionals'>): string {
  const words = command.positionals.map(({ name, isRequired }) => (isRequired ? name : `[${name}]`));
  return ['batchain', command.name, ...words, '[options]'].join(' ');
}
