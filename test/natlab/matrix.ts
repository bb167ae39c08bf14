// Every kind of network against every other, with real daemons: writes docs/nat-matrix.md. Goes on where it was interrupted.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ALL, type Case, NAMED } from './kinds.ts';
import { Lab, labObstacle, NATLAB } from './lab.ts';
import { cellText, formatMatrix, isRight, type Outcome } from './matrix-report.ts';
import { meet, startPeers, whyOf } from './meet.ts';

const USAGE = `npm run natlab:matrix -- [options]
  --pairs A,B    only these, repeatable; * stands for any kind: --pairs 'linux,*'; also same:linux, carrier:symmetric, same:*, carrier:*
  --named        only the fourteen named pairs
  --runs N       so many runs of each (1)
  --jobs N       so many labs at once (2)
  --minutes N    begin no more after so long (60)
  --no-verify    do not begin with the proof that each router is what it claims to be
  --fresh        forget what was tried before
  --keep         count what other commits came to as well
  --why          print every way that was tried, from both ends
  --out PATH     where the table goes (docs/nat-matrix.md)`;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** One line of JSON for each run that is done. */
const STATE_PATH = `${ROOT}node_modules/.cache/natlab-matrix.jsonl`;
/** A cell that takes longer has failed; the next one begins. */
const CELL_LIMIT_MS = 150_000;
const SKIP_STATUS = 77;

interface Task {
  readonly one: Case;
  readonly run: number;
}

function commitOf(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const isChanged = git('status', '--porcelain', '--', 'packages') !== '';
  return git('rev-parse', '--short', 'HEAD') + (isChanged ? '+' : '');
}

async function readState(): Promise<readonly Outcome[]> {
  const text = await readFile(STATE_PATH, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line.endsWith('}'));
  return lines.map((line) => JSON.parse(line) as Outcome);
}

/** `linux,*` fits `linux,symmetric` and `linux,linux/symmetric`. */
function fits(key: string, patterns: readonly string[]): boolean {
  const asRegExp = (pattern: string): RegExp => new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^,]*')}$`);
  return patterns.length === 0 || patterns.some((pattern) => asRegExp(pattern).test(key));
}

async function tryCase(one: Case, hasWhy: boolean): Promise<Omit<Outcome, 'key' | 'run' | 'commit'>> {
  let lab: Lab | undefined;
  let limit: NodeJS.Timeout | undefined;
  const work = async (): Promise<Omit<Outcome, 'key' | 'run' | 'commit'>> => {
    lab = await Lab.up(one.topology);
    await lab.startPublic();
    await startPeers(lab);
    const met = await meet(lab, 'a', one.paths);
    if (hasWhy) console.log(`${one.key}: ${await whyOf(lab, 'a', 'b')}\n${one.key} the other end: ${await whyOf(lab, 'b', 'a')}`);
    const stray = await lab.strayTraffic();
    return stray.length === 0 ? { isOk: true, ...met } : { isOk: false, error: `strays: ${JSON.stringify(stray)}` };
  };
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`not done in ${CELL_LIMIT_MS / 1000} s`)), CELL_LIMIT_MS);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    return { isOk: false, error: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(limit);
    await lab?.down().catch((error: unknown) => console.error(`!! ${one.key}: the lab was not taken down: ${String(error)}`));
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', multiple: true, default: [] },
      named: { type: 'boolean', default: false },
      runs: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '2' },
      minutes: { type: 'string', default: '60' },
      'no-verify': { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      why: { type: 'boolean', default: false },
      out: { type: 'string', default: `${ROOT}docs/nat-matrix.md` },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (labObstacle() !== undefined) return SKIP_STATUS;
  if (!values['no-verify'] && spawnSync(NATLAB, ['verify'], { stdio: 'inherit' }).status !== 0) return 1;
  if (values.fresh) await rm(STATE_PATH, { force: true });
  await mkdir(dirname(STATE_PATH), { recursive: true });

  const commit = commitOf();
  const outcomes = (await readState()).filter((outcome) => values.keep || outcome.commit === commit);
  const done: Outcome[] = [...outcomes];
  const wanted = (values.named ? NAMED : ALL).filter(({ key }) => fits(key, values.pairs));
  const isDone = ({ one, run }: Task): boolean => outcomes.some((outcome) => outcome.key === one.key && outcome.run === run);
  const runs = Array.from({ length: Number(values.runs) }, (_, run) => run);
  const tasks = runs.flatMap((run) => wanted.map((one): Task => ({ one, run }))).filter((task) => !isDone(task));
  console.log(`${wanted.length} cases, ${tasks.length} runs to do, ${values.jobs} at once, commit ${commit}`);

  const endMs = performance.now() + Number(values.minutes) * 60_000;
  let count = 0;
  const work = async (): Promise<void> => {
    for (let task = tasks.shift(); task !== undefined && performance.now() < endMs; task = tasks.shift()) {
      const outcome: Outcome = { key: task.one.key, run: task.run, commit, ...(await tryCase(task.one, values.why)) };
      done.push(outcome);
      await appendFile(STATE_PATH, `${JSON.stringify(outcome)}\n`);
      const words = outcome.isOk ? '' : `  ${outcome.error?.split('\n')[0]}`;
      console.log(`${String(++count).padStart(4)} ${outcome.key.padEnd(44)} ${cellText(outcome)}${words}`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));

  await writeFile(values.out, formatMatrix(done));
  if (tasks.length > 0) console.log(`${tasks.length} not tried for lack of time: call it again`);
  console.log(`wrote ${values.out}; with errors: ${STATE_PATH}`);
  return done.every(isRight) && tasks.length === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
process.exit(await main());
