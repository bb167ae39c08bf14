// driven: one run of the command line: parse, resolve settings, run the command, write its result, give the exit code.
import { resolve } from 'node:path';
import { homePaths, readConfigFile, resolveSettings, type SettingTable, systemSurroundings, VERSION } from '@batchain/participant/client';
import { BatChainError, type Runtime, toBatChainError } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { type ParsedArgv, parseArgv } from './argv/parse-argv.ts';
import type { Command, CommandContext, CommandOutcome } from './command.ts';
import { COMMANDS } from './commands.ts';
import { writeCrashReport } from './crash-report.ts';
import { homeFlag } from './daemon-access.ts';
import { sayError } from './error-words.ts';
import { GLOBAL_OPTIONS, type GlobalOptions } from './global-options.ts';
import { bareHelp, commandHelp } from './help-text.ts';
import { watchInterruption } from './interruption.ts';
import type { CliIo } from './output/io.ts';
import { Output } from './output/output.ts';

const ON: readonly string[] = ['1', 'true', 'yes', 'on'];

/** What is known before the arguments are understood: enough to report that they are not. */
function guessOutput(argv: readonly string[], io: CliIo, runtime: Runtime): Output {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const isOn = (name: string): boolean =>
    words.some((word) => word === `--${name}` || (word.startsWith(`--${name}=`) && ON.includes(word.slice(name.length + 3)))) ||
    ON.includes(io.env[`BATCHAIN_${name.toUpperCase()}`] ?? '');
  const command = words.find((word) => COMMANDS.some(({ name }) => name === word)) ?? 'batchain';
  return new Output(io, runtime.clock, {
    isJson: isOn('json'),
    isQuiet: false,
    isDebug: isOn('debug'),
    command,
    color: 'auto',
    isAscii: isOn('ascii'),
    env: io.env,
  });
}

function answerWithoutCommand(parsed: ParsedArgv, output: Output): number | undefined {
  if (parsed.wantsVersion) {
    output.result({ version: VERSION }, [VERSION]);
    return 0;
  }
  if (parsed.command !== undefined && !parsed.wantsHelp) return undefined;
  const lines = parsed.command === undefined ? bareHelp(COMMANDS) : commandHelp(parsed.command);
  output.result({ text: lines.join('\n') }, lines);
  return 0;
}

function makeOutput(io: CliIo, runtime: Runtime, command: Command, globals: GlobalOptions): Output {
  return new Output(io, runtime.clock, {
    isJson: globals.json,
    isQuiet: globals.quiet,
    isDebug: globals.debug,
    command: command.name,
    color: globals.color,
    isAscii: globals.ascii,
    env: io.env,
  });
}

/** Runs the command with everything that it needs; resolves to its exit code. Throws nothing but what a command must not. */
async function runCommand(parsed: ParsedArgv, command: Command, io: CliIo, runtime: Runtime, argv: readonly string[]): Promise<number> {
  const { values: globals } = resolveSettings(GLOBAL_OPTIONS, { flags: parsed.flags, env: io.env });
  const output = makeOutput(io, runtime, command, globals);
  const found = homePaths(globals.home, systemSurroundings(io.env));
  const paths = globals.config === undefined ? found : { ...found, configFile: resolve(io.cwd, globals.config) };
  // A defect outside of everything that is awaited: said in the same form, then the process ends.
  const onDefect = (error: unknown): void => {
    output.error(refine(toBatChainError(error), paths.logDir, command.name, runtime), 1);
    process.exit(1);
  };
  process.once('uncaughtException', onDefect);
  const interruption = watchInterruption(runtime.clock);
  let resumes = false;
  try {
    // A broken file must not keep `stop` or `help` from working; one that was named is looked at.
    const file = command.usesConfigFile === true || globals.config !== undefined ? readConfigFile(paths.configFile) : {};
    const sources = { flags: parsed.flags, env: io.env, file: command.usesConfigFile === true ? file : {}, filePath: paths.configFile };
    const { values, origins } = resolveSettings(command.options as SettingTable, sources);
    resumes = typeof command.resumes === 'function' ? command.resumes(values) : command.resumes === true;
    const timeoutMs = typeof command.timeoutMs === 'function' ? command.timeoutMs(values) : command.timeoutMs;
    if (timeoutMs !== 'own') interruption.setDeadline(globals.timeout ?? timeoutMs);
    const context: CommandContext = {
      runtime,
      clock: runtime.clock,
      io,
      output,
      globals,
      options: values,
      origins,
      words: parsed.words,
      paths,
      signal: interruption.signal,
      argv,
    };
    const outcome: CommandOutcome = await command.run(context);
    if (outcome.isSilent !== true) output.result(outcome.json, outcome.text);
    await output.delivered();
    return outcome.exit ?? 0;
  } catch (error) {
    const known = interruption.signal.aborted ? toBatChainError(interruption.signal.reason) : toBatChainError(error);
    const flag = homeFlag({ globals });
    const typed = { name: command.name, argv, homeFlag: flag, afterInterrupt: command.afterInterrupt?.(flag), resumes };
    const shown = sayError(refine(known, paths.logDir, command.name, runtime), typed);
    const exit = interruption.exit() ?? shown.exit;
    output.error(shown, exit);
    return exit;
  } finally {
    interruption.end();
    process.off('uncaughtException', onDefect);
    await output.flush();
  }
}

/** Says where the report of a crash lies. */
function refine(error: BatChainError, logDir: string, command: string, runtime: Runtime): BatChainError {
  const { code, what, why, cause } = error;
  if (code !== 'BAT_E_INTERNAL') return error;
  const path = writeCrashReport(logDir, error, command, runtime.clock.nowMs());
  if (path === undefined) return error;
  const reported = new BatChainError(code, { what, why, cause: cause ?? error, fix: `report it with ${path}` });
  if (error.stack !== undefined) reported.stack = error.stack;
  return reported;
}

/** Resolves to the exit code; everything was written by then. `prepare` may change the arguments first. */
export async function runCommandLine(
  given: readonly string[],
  io: CliIo,
  prepare: (argv: readonly string[]) => readonly string[] = (argv) => argv,
): Promise<number> {
  const runtime = createSystemRuntime();
  const early = guessOutput(given, io, runtime);
  try {
    const argv = prepare(given);
    const parsed = parseArgv(argv, COMMANDS);
    const exit = answerWithoutCommand(parsed, early);
    if (exit !== undefined || parsed.command === undefined) {
      await early.delivered();
      return exit ?? 0;
    }
    return await runCommand(parsed, parsed.command, io, runtime, argv);
  } catch (error) {
    const known = toBatChainError(error);
    early.error(known, known.exit);
    return known.exit;
  } finally {
    await early.flush();
  }
}
