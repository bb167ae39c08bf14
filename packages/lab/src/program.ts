// driven: what the programs of the laboratory do alike: end on a signal or with the parent, answer with one line, leave nothing behind.
import { errorLine } from './start-process.ts';

/** Aborts on a signal, and with the parent where that was ordered. */
function endingOf(endsWithParent: boolean): AbortController {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, end);
  if (endsWithParent) process.stdin.once('end', end).once('error', end).resume();
  return ending;
}

/** Runs the program to its end and ends the process. `run` gets what ends it, which it may end itself. */
export async function runProgram(
  order: { readonly endsWithParent: boolean },
  run: (ending: AbortController) => Promise<void>,
): Promise<never> {
  // Who started it may be gone when it says something.
  process.stdout.on('error', () => undefined);
  // Timers of the runtime do not keep a process up.
  const { port1: hold } = new MessageChannel();
  hold.ref();
  let exit = 0;
  try {
    await run(endingOf(order.endsWithParent));
  } catch (error) {
    exit = 1;
    await new Promise<void>((resolve) => process.stdout.write(errorLine(error), () => resolve()));
  }
  process.exit(exit);
}
