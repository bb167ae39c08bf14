// driven: every check of the project in order, told step by step; the last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** A step that hangs is ended, so that the plain line comes in any case. */
const CHECK_LIMIT_MS = 5 * 60_000;
const TESTS_LIMIT_MS = 19 * 60_000;

interface AssertionReport {
  readonly fullName: string;
  readonly status: string;
}

/** The part of vitest's JSON report that is read here. */
interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly AssertionReport[];
  }[];
}

/** Ctrl-C or SIGTERM came: there is no count then. */
let isInterrupted = false;

interface Tally {
  passed: number;
  failed: number;
}

/** Runs one command in a process group of its own, so that nothing it started outlives it. Returns its exit code. */
function run(command: string, args: readonly string[], limitMs: number): Promise<number> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true, env: { ...process.env } });
  const end = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The group is gone already.
    }
  };
  const limit = setTimeout(() => {
    console.log(`!! not done after ${limitMs / 60_000} minutes: ended`);
    end('SIGKILL');
  }, limitMs);
  const onInterrupt = (): void => {
    isInterrupted = true;
    end('SIGINT');
  };
  const onTerminate = (): void => {
    isInterrupted = true;
    end('SIGTERM');
  };
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  return new Promise((resolve) => {
    const settle = (code: number): void => {
      clearTimeout(limit);
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
      resolve(code);
    };
    child.on('error', (error) => {
      console.log(`!! ${command} did not start: ${error.message}`);
      settle(127);
    });
    child.on('close', (code, signal) => settle(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

function readReport(path: string): TestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TestReport;
  } catch {
    return undefined;
  }
}

function tellSkipped(report: TestReport): void {
  const skipped = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName }) => `   ${relative(process.cwd(), file.name)}: ${fullName}`),
  );
  if (skipped.length === 0) return;
  console.log(`\n!! SKIPPED, ${skipped.length} tests did not run:`);
  for (const line of skipped) console.log(line);
}

/** Runs all vitest projects, or those that are named, and counts. */
async function runVitest(projects: readonly string[]): Promise<Tally & { readonly code: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'batchain-tests-'));
  const reportPath = join(folder, 'report.json');
  try {
    const named = projects.flatMap((name) => ['--project', name]);
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
    const code = await run('vitest', ['run', ...named, ...reporters], TESTS_LIMIT_MS);
    const report = readReport(reportPath);
    if (report === undefined) return { code, passed: 0, failed: 1 };
    tellSkipped(report);
    // A file that could not even be loaded has no test to count as failed, and an error between tests belongs to none.
    const unloadable = report.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'),
    ).length;
    const failed = report.numFailedTests + unloadable;
    return { code, passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tellInterrupted(): number {
  console.log('\ninterrupted');
  return 130;
}

async function main(): Promise<number> {
  const startedMs = Date.now();
  const elapsed = (): string => `${((Date.now() - startedMs) / 1000).toFixed(0)} s`;
  for (const [name, why] of [
    ['build', 'compiles the packages; the end-to-end tests drive what is built'],
    ['lint', 'format, lint, unused files and exports, packaging'],
    ['typecheck', 'sources and tests'],
  ] as const) {
    console.log(`\n== npm run ${name}: ${why} (${elapsed()})`);
    const code = await run('npm', ['run', '--silent', name], CHECK_LIMIT_MS);
    if (isInterrupted) return tellInterrupted();
    if (code === 0) continue;
    console.log(`\n!! \`npm run ${name}\` failed with exit code ${code}; the tests did not run. It counts as one failure.`);
    console.log('0 passed, 1 failed');
    return 1;
  }
  const projects = process.argv.slice(2);
  console.log(`\n== vitest: ${projects.length === 0 ? 'arch, unit, compliance, sim, e2e, natlab' : projects.join(', ')} (${elapsed()})`);
  const { code, passed, failed } = await runVitest(projects);
  if (isInterrupted) return tellInterrupted();
  console.log(`\nall steps took ${elapsed()}`);
  console.log(`${passed} passed, ${failed} failed`);
  return code !== 0 || failed > 0 ? 1 : 0;
}

process.exitCode = await main();
