// driven: runs a job of the daemon with its progress and notes shown, on request (SIGUSR2, SIGINFO) too.
import type { JobOptions } from '@batchain/participant/client';
import type { CommandContext } from './command.ts';
import { inWords } from './output/host-words.ts';
import { ProgressView } from './output/progress-view.ts';

/** Node keeps SIGUSR1 for its debugger; SIGINFO exists on BSD and macOS only. */
const SHOW_SIGNALS: readonly NodeJS.Signals[] =
  process.platform === 'darwin' ? ['SIGUSR2', 'SIGINFO'] : process.platform === 'win32' ? [] : ['SIGUSR2'];

/** `verb`: what moves the bytes: `placing`, `fetching`, `asking`. */
export async function showProgress<T>(
  { output, clock, globals, signal }: CommandContext<any>,
  verb: string,
  run: (options: JobOptions) => Promise<T>,
): Promise<T> {
  const view = new ProgressView(output, clock, globals.progress, verb);
  const showNow = (): void => view.showNow();
  for (const name of SHOW_SIGNALS) process.on(name, showNow);
  try {
    return await run({ signal, onProgress: (progress) => view.update(progress), onNote: (text) => view.note(inWords(text)) });
  } finally {
    for (const name of SHOW_SIGNALS) process.off(name, showNow);
    view.end();
  }
}
