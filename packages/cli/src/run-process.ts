// driven: the command line over this very process.
import type { CliIo } from './output/io.ts';
import { runCommandLine } from './run-command-line.ts';

/** Timers of the runtime do not keep a process up; an open port does, so that a command may wait for nothing else. */
function holdProcess(): () => void {
  const { port1 } = new MessageChannel();
  port1.ref();
  return () => port1.close();
}

/** Runs to the end and ends the process: nothing that a command left open holds it up. */
export async function runProcess(argv: readonly string[], prepare?: (argv: readonly string[]) => readonly string[]): Promise<never> {
  const { stdout, stderr, stdin, env } = process;
  // A reader that went away is no reason to fail: `batchain ls | head -1`.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  const io = { stdout, stderr, stdin, env, cwd: process.cwd() } as unknown as CliIo;
  const release = holdProcess();
  const exit = await runCommandLine(argv, io, prepare);
  release();
  process.exit(exit);
}
