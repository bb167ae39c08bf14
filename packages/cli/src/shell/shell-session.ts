// driven: one shell: line after line is understood, carried out within its time, and answered; nothing that a verb does ends it.
import { formatDuration } from '@batchain/participant/client';
import { BatChainError, type Clock, toBatChainError } from '@batchain/shared';
import type { Output } from '../output/output.ts';
import { printable } from '../output/printable.ts';
import type { ReadLine } from './line-reader.ts';
import { type LineBounds, parseLine, verbWord } from './parse-line.ts';
import { runRequest, timeoutOf } from './run-request.ts';
import { refusalLine, sayRefusal } from './say-refusal.ts';
import { LINE_BYTES_MAX } from './shell-limits.ts';
import type { ShellRequest } from './shell-request.ts';
import type { VerbAnswer, VerbTools } from './verb-tools.ts';

export interface SessionOptions {
  readonly output: Output;
  readonly clock: Clock;
  /** Everything that verbs need but for the signal, which is the verb's own. */
  readonly tools: Omit<VerbTools, 'signal'>;
  readonly bounds: LineBounds;
  /** Of each verb; by default what `timeoutOf` says. */
  readonly timeoutMs: number | undefined;
  /** Ends the whole shell. */
  readonly signal: AbortSignal;
  /** What a line of an answer is written with. */
  readonly write: (line: string) => void;
  /** The same for an error. */
  readonly writeError: (line: string) => void;
}

type Next = 'go-on' | 'end';

export class ShellSession {
  readonly #options: SessionOptions;
  #running: AbortController | undefined;
  #verbs = 0;
  #failed = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Lines that asked for something, and how many of them were not carried out. */
  get counts(): { readonly verbs: number; readonly failed: number } {
    return { verbs: this.#verbs, failed: this.#failed };
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Ends the verb that runs, and nothing else. */
  cancel(): void {
    this.#running?.abort(new BatChainError('BAT_E_INTERRUPTED', { what: 'interrupted', why: 'Ctrl-C', fix: 'the shell is still there' }));
  }

  /** Rejects only with the reason of the shell's own signal. */
  async run({ text, isCut }: ReadLine): Promise<Next> {
    if (isCut) {
      const [first = ''] = text.trimStart().split(/\s/, 1);
      const why = `a line has at most ${LINE_BYTES_MAX} bytes`;
      this.#refuse(verbWord(first), new BatChainError('BAT_E_USAGE', { what: 'the line is too long', why, fix: 'H' }));
      return 'go-on';
    }
    const parsed = parseLine(text, this.#options.bounds);
    if (parsed.kind === 'empty') return 'go-on';
    if (parsed.kind === 'wrong') {
      const { verb, what, why } = parsed;
      this.#refuse(verb, new BatChainError('BAT_E_USAGE', { what, why, fix: 'H' }));
      return 'go-on';
    }
    const { verb, request } = parsed;
    try {
      const answer = await this.#carryOut(request);
      this.#answer(verb, answer);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      this.#refuse(verb, toBatChainError(error));
    }
    return request.kind === 'exit' ? 'end' : 'go-on';
  }

  async #carryOut(request: ShellRequest): Promise<VerbAnswer> {
    const { clock, tools, signal } = this.#options;
    const timeoutMs = this.#options.timeoutMs ?? timeoutOf(request);
    const running = new AbortController();
    this.#running = running;
    const timer = clock.setTimer(timeoutMs, () => {
      const what = `not done within ${formatDuration(timeoutMs)}`;
      running.abort(new BatChainError('BAT_E_TIMEOUT', { what, fix: 'try again, or start the shell with a longer --timeout' }));
    });
    const over = AbortSignal.any([signal, running.signal]);
    // A call that does not heed its signal must not hold the shell.
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(over.reason as Error);
      over.addEventListener('abort', onAbort, { once: true });
    });
    try {
      over.throwIfAborted();
      return await Promise.race([runRequest(request, { ...tools, signal: over }), aborted]);
    } catch (error) {
      throw over.aborted ? over.reason : error;
    } finally {
      over.removeEventListener('abort', onAbort);
      timer.cancel();
      this.#running = undefined;
    }
  }

  #answer(verb: string, { fields, text }: VerbAnswer): void {
    const { output, write } = this.#options;
    this.#verbs++;
    if (output.isJson) output.line('verb', { verb, ok: true, ...fields });
    else if (!output.isQuiet) for (const line of text) write(printable(line, output.out.isAscii));
  }

  /** One line: what, why, and what helps. */
  #refuse(verb: string, error: BatChainError): void {
    const { output, writeError } = this.#options;
    this.#verbs++;
    this.#failed++;
    const refusal = sayRefusal(error);
    if (output.isJson) output.line('verb', { verb, ok: false, ...refusal });
    else writeError(`${output.err.tint('red', 'error:')} ${printable(refusalLine(refusal), output.err.isAscii)}`);
    output.trace(error);
  }
}
