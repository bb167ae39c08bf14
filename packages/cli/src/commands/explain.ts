// driven: `batchain explain [CODE]`: what an error code or an exit code means and what helps; needs neither home nor daemon.
import { ERROR_CODES, type ErrorCode, EXIT_MEANINGS, second } from '@batchain/shared';
import { nearestWord, usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';

const PREFIX = 'BAT_E_';

const listed = (codes: readonly ErrorCode[]) =>
  codes.map((code) => ({ code, exit: ERROR_CODES[code].exit, meaning: ERROR_CODES[code].meaning }));
const all = (): ErrorCode[] => (Object.keys(ERROR_CODES) as ErrorCode[]).sort();

function rows(codes: readonly ErrorCode[]): string[] {
  const width = Math.max(0, ...codes.map((code) => code.length));
  return listed(codes).map(({ code, exit, meaning }) => `${code.padEnd(width)}  ${String(exit).padStart(3)}  ${meaning}`);
}

function explainAll(): CommandOutcome {
  const codes = all();
  return {
    json: { codes: listed(codes), exits: EXIT_MEANINGS },
    text: [...rows(codes), '', 'Exit codes', ...Object.entries(EXIT_MEANINGS).map(([exit, meaning]) => `${exit.padStart(3)}  ${meaning}`)],
  };
}

function explainExit(exit: number): CommandOutcome {
  const codes = all().filter((code) => ERROR_CODES[code].exit === exit);
  const meaning = EXIT_MEANINGS[exit];
  return { json: { exit, meaning, codes: listed(codes) }, text: [`exit ${exit}: ${meaning}`, ...rows(codes)] };
}

function explainCode(code: ErrorCode): CommandOutcome {
  const { exit, meaning, cause, fix } = ERROR_CODES[code];
  return {
    json: { code, meaning, cause, fix, exit },
    text: [`${code} (exit ${exit})`, `  ${meaning}`, `  usual cause  ${cause}`, `  what helps   ${fix}`],
  };
}

/** `no_home`, `NO-HOME` and `BAT_E_NO_HOME` are one; a number is an exit code. */
async function runExplain({ words }: CommandContext): Promise<CommandOutcome> {
  const [word] = words;
  if (word === undefined) return explainAll();
  if (/^\d+$/.test(word) && EXIT_MEANINGS[Number(word)] !== undefined) return explainExit(Number(word));
  const plain = word.toUpperCase().replaceAll('-', '_');
  const code = plain.startsWith(PREFIX) ? plain : `${PREFIX}${plain}`;
  if (Object.hasOwn(ERROR_CODES, code)) return explainCode(code as ErrorCode);
  const near = nearestWord(
    code.toLowerCase(),
    all().map((one) => one.toLowerCase()),
  )?.toUpperCase();
  throw usageError(
    `${JSON.stringify(word)} is no error code`,
    near === undefined ? 'batchain explain lists them all' : `did you mean ${near}?`,
    'explain',
  );
}

export const explainCommand = defineCommand({
  name: 'explain',
  summary: 'what an error code or an exit code means and what helps',
  positionals: [{ name: 'CODE', isRequired: false }],
  options: {},
  examples: [
    ['batchain explain', 'all codes'],
    ['batchain explain BAT_E_NOT_ENOUGH_PEERS', 'one of them; not_enough_peers will do'],
    ['batchain explain 7', 'an exit code'],
  ],
  timeoutMs: 10 * second,
  run: runExplain,
});
