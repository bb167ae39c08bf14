// driven: `batchain doctor`: how this computer stands in its network, in plain words, with what helps.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DoctorResult, ensurePrivateDir, LocalApiClient } from '@batchain/participant/client';
import { second, systemReason } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { hasHome, homeFlag } from '../daemon-access.ts';
import { countText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import type { Tint } from '../output/style.ts';

type Finding = DoctorResult['findings'][number];

const TINTS: Readonly<Record<Finding['state'], Tint>> = { ok: 'green', warn: 'yellow', fail: 'red' };
const STATE_WIDTH = 6;
const PROBLEM_EXIT = 3;

/** Own commands of a fix, which must work as they stand; those in backticks are for other members. */
const OWN_COMMANDS = /(?<!`)\bbatchain (?:config [a-z]+|[a-z]+)/g;

/** The findings with what helps in the words of this command: its home is that of the daemon. */
export function fixedFor(flag: string, findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => ({ ...finding, fix: finding.fix.replace(OWN_COMMANDS, (command) => `${command}${flag}`) }));
}

/** What can be said without a daemon. */
function withoutDaemon(context: CommandContext): Finding[] {
  const { paths } = context;
  const flag = homeFlag(context);
  if (!hasHome(paths)) return [{ check: 'home', state: 'fail', text: `no BatChain home at ${paths.home}`, fix: `batchain init${flag}` }];
  return [
    { check: 'home', state: 'ok', text: paths.home, fix: '' },
    { check: 'daemon', state: 'fail', text: 'none runs for this home: the rest can not be told', fix: `batchain start${flag}` },
  ];
}

function findingLines({ output }: CommandContext, findings: readonly Finding[], tint: (tint: Tint, text: string) => string): string[] {
  const { isAscii } = output.out;
  const width = Math.max(...findings.map(({ check }) => check.length)) + 2;
  return findings.flatMap(({ check, state, text, fix }) => [
    `${tint(TINTS[state], state.padEnd(STATE_WIDTH))}${check.padEnd(width)}${printable(text, isAscii)}`,
    ...(fix === '' ? [] : fix.split('\n')).map(
      (way, n) => `${' '.repeat(STATE_WIDTH + width)}${n === 0 ? 'fix: ' : 'or:  '}${printable(way, isAscii)}`,
    ),
  ]);
}

/** Beside the log; without keys and file names, to be shown to who helps. */
function saveReport(context: CommandContext, lines: readonly string[]): string {
  const { paths, clock } = context;
  const path = join(paths.logDir, `doctor-${isoTime(clock.nowMs()).slice(0, 10)}.txt`);
  try {
    ensurePrivateDir(paths.logDir);
    writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
    return `Report saved: ${path} (no keys, no file names).`;
  } catch (error) {
    return `The report could not be saved: ${systemReason(error)}.`;
  }
}

async function runDoctor(context: CommandContext): Promise<CommandOutcome> {
  const { signal } = context;
  const client = new LocalApiClient(context.paths.controlPath);
  const isUp = hasHome(context.paths) && (await client.isRunning({ signal }));
  const findings = isUp ? fixedFor(homeFlag(context), (await client.doctor({ signal })).findings) : withoutDaemon(context);
  const problems = findings.filter(({ state }) => state === 'fail').length;
  const { out } = context.output;
  const text = findingLines(context, findings, (tint, word) => out.tint(tint, word));
  const words = problems === 0 ? 'No problem.' : `${countText(problems, 'problem')}.`;
  const saved = hasHome(context.paths)
    ? `${saveReport(
        context,
        findingLines(context, findings, (_tint, word) => word),
      )} `
    : '';
  return { json: { findings, problems }, text: [...text, `${saved}${words}`], exit: problems === 0 ? 0 : PROBLEM_EXIT };
}

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'how this computer stands in its network, and what helps',
  positionals: [],
  options: {},
  examples: [['batchain doctor', 'clock, disk, network, NAT, relays; exits with 3 when something is wrong']],
  timeoutMs: 20 * second,
  run: runDoctor,
});
