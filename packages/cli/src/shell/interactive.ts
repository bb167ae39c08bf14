// driven: the shell on a terminal: prompt, line editor, history, completion; Ctrl-C ends a verb, Ctrl-D the shell.
import { createInterface, type Interface } from 'node:readline';
import type { CliIo } from '../output/io.ts';
import { type Completion, completeLine } from './complete-line.ts';
import { CUT_MARK, GuardedInput } from './guarded-input.ts';
import { namesIn } from './local-files.ts';
import { HISTORY_LINES_MAX, LINES_AHEAD_MAX } from './shell-limits.ts';
import type { ShellSession } from './shell-session.ts';

export const PROMPT = 'Enter a command or type H for help: ';

export interface InteractiveOptions {
  readonly io: CliIo;
  readonly session: ShellSession;
  /** Oldest first. */
  readonly history: readonly string[];
  readonly keys: () => readonly string[];
  readonly signal: AbortSignal;
  /** Each line, before it is carried out. */
  readonly onTyped: (line: string) => void;
  readonly say: (line: string) => void;
}

/** Lines in the order in which they were typed, also while a verb runs. */
class TypedLines {
  readonly #waiting: string[] = [];
  #wake: () => void = () => undefined;
  #isClosed = false;

  add(line: string): boolean {
    if (this.#waiting.length >= LINES_AHEAD_MAX) return false;
    this.#waiting.push(line);
    this.#wake();
    return true;
  }

  /** No more come. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  drop(): void {
    this.#waiting.length = 0;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Undefined when no more come. */
  async next(): Promise<string | undefined> {
    while (this.#waiting.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#waiting.shift();
  }
}

function openEditor({ io, history, keys }: InteractiveOptions, input: GuardedInput): Interface {
  const completer = (line: string): Completion => completeLine(line, { names: (folder) => namesIn(io.cwd, folder), keys: keys() });
  return createInterface({
    input,
    output: io.stderr,
    terminal: true,
    prompt: PROMPT,
    history: history.toReversed(),
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
    completer: completer as (line: string) => [string[], string],
  });
}

/** Runs until X or Ctrl-D. Rejects with the reason of the signal. */
export async function runInteractive(options: InteractiveOptions): Promise<void> {
  const { io, session, signal, onTyped, say } = options;
  const input = new GuardedInput(io.stdin);
  const editor = openEditor(options, input);
  const lines = new TypedLines();
  editor.on('line', (line) => {
    if (!lines.add(line)) say(`that was too much at once: the line was dropped, ${LINES_AHEAD_MAX} wait already`);
  });
  editor.on('SIGINT', () => {
    lines.drop();
    if (session.isRunning) session.cancel();
    else {
      io.stderr.write('^C\n');
      // Whatever was begun is given up; no key of the editor does that on a terminal without control sequences.
      Object.assign(editor, { line: '', cursor: 0 });
      editor.prompt();
    }
  });
  editor.once('close', () => lines.close());
  const onAbort = (): void => editor.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      if (lines.isEmpty) editor.prompt();
      const line = await lines.next();
      signal.throwIfAborted();
      if (line === undefined) {
        // The prompt still stands there.
        io.stderr.write('\n');
        return;
      }
      const isCut = line.endsWith(CUT_MARK);
      if (!isCut) onTyped(line);
      if ((await session.run({ text: line, isCut })) === 'end') return;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    editor.close();
    input.release();
  }
}
