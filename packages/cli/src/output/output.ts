// driven: the one place that writes: results on stdout, everything else on stderr; with --json only NDJSON on stdout.
import { once } from 'node:events';
import { BatChainError, type Clock, systemReason, utf8Bytes } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import type { CliIo } from './io.ts';
import { printable, printableJson } from './printable.ts';
import { type Style, type StyleChoice, styleOf } from './style.ts';

export interface OutputOptions extends StyleChoice {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly isDebug: boolean;
  /** Named in every JSON line. */
  readonly command: string;
}

export interface WarningHelp {
  readonly why: string;
  /** Names what to do or to run. */
  readonly fix: string;
}

const JSON_VERSION = 1;

/** True for what a reader does that has seen enough: `batchain ls | head -1`. */
const isGoodbye = (error: Error): boolean => (error as NodeJS.ErrnoException).code === 'EPIPE';

const unwritable = (cause: Error): BatChainError =>
  new BatChainError('BAT_E_TARGET_UNWRITABLE', {
    what: 'the result can not be written to the standard output',
    why: systemReason(cause),
    fix: 'send it where there is room, and run the command again',
    cause,
  });

export class Output {
  readonly out: Style;
  readonly err: Style;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly #io: CliIo;
  readonly #clock: Clock;
  readonly #options: OutputOptions;

  constructor(io: CliIo, clock: Clock, options: OutputOptions) {
    this.#io = io;
    this.#clock = clock;
    this.#options = options;
    this.isJson = options.isJson;
    this.isQuiet = options.isQuiet;
    this.out = styleOf({ isTTY: io.stdout.isTTY, columns: io.stdout.columns }, options);
    this.err = styleOf({ isTTY: io.stderr.isTTY, columns: io.stderr.columns }, options);
  }

  /** One JSON line; only with --json. */
  line(type: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.isJson) return;
    const { command } = this.#options;
    const head = { v: JSON_VERSION, type, ts: isoTime(this.#clock.nowMs()), ...(type === 'ready' ? {} : { command }) };
    this.#io.stdout.write(`${printableJson(JSON.stringify({ ...head, ...fields }))}\n`);
  }

  /** The result: the JSON fields, or the lines of text on stdout. */
  result(fields: Readonly<Record<string, unknown>>, lines: readonly string[]): void {
    if (this.isJson) this.line('result', fields);
    else if (!this.isQuiet) for (const line of lines) this.#io.stdout.write(`${line}\n`);
  }

  /** A line for people, on stderr. */
  say(text: string): void {
    if (!this.isJson && !this.isQuiet) this.#io.stderr.write(`${text}\n`);
  }

  /** Something that went otherwise than hoped, and does not end the command; with what helps when the person can do something. */
  warn(text: string, help?: WarningHelp): void {
    if (this.isJson) this.line('warning', { text, ...help });
    if (this.isJson || this.isQuiet) return;
    const { tint, isAscii } = this.err;
    const write = (label: string, words: string): void => void this.#io.stderr.write(`${label} ${printable(words, isAscii)}\n`);
    write(tint('yellow', help === undefined ? 'note:' : 'warning:'), text);
    if (help === undefined) return;
    write(`${tint('bold', 'why:')}  `, help.why);
    write(`${tint('bold', 'fix:')}  `, help.fix);
  }

  /** The error as the last JSON line, or as at most four lines on stderr. */
  error(error: BatChainError, exit: number): void {
    const { code, what, why, fix } = error;
    if (this.isJson) this.line('error', { code, what, why, fix, exit });
    const { tint, isAscii } = this.err;
    const clean = (text: string): string => printable(text.replace(/\s*\n\s*/g, ' '), isAscii);
    if (!this.isJson || this.#fault !== undefined) {
      this.#io.stderr.write(`${tint('red', 'error:')} ${clean(what)}\n`);
      this.#io.stderr.write(`${tint('bold', 'why:')}   ${clean(why)}\n`);
      this.#io.stderr.write(`${tint('bold', 'fix:')}   ${clean(fix)}\n`);
      this.#io.stderr.write(`${tint('bold', 'code:')}  ${code} (exit ${exit})\n`);
    }
    this.trace(error);
  }

  /** Where it came from, with --debug. */
  trace(error: BatChainError): void {
    if (this.#options.isDebug) {
      const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
      this.#io.stderr.write(`${error.stack ?? ''}${cause}\n`);
    }
  }

  /** Text for people drawn as it is, for progress; nothing is added. */
  draw(text: string): void {
    this.#io.stderr.write(text);
  }

  /** Why results no longer reach anybody. */
  get #fault(): Error | undefined {
    return this.#io.stdout.errored ?? undefined;
  }

  /** True when nobody hears any more what is written. */
  get isBroken(): boolean {
    return this.#fault !== undefined || (this.#io.stderr.errored ?? null) !== null;
  }

  /** Raw bytes of a result (`get --stdout`); waits while the reader is slow. Rejects with EPIPE when it is gone, and BAT_E_TARGET_UNWRITABLE. */
  async bytes(part: Uint8Array, signal: AbortSignal): Promise<void> {
    const { stdout } = this.#io;
    try {
      if (this.#fault !== undefined) throw this.#fault;
      if (!stdout.write(part)) await once(stdout, 'drain', { signal });
    } catch (error) {
      throw this.#fault === undefined || isGoodbye(this.#fault) ? error : unwritable(this.#fault);
    }
  }

  /** Resolves when the result has left the process, or its reader is gone. Rejects with BAT_E_TARGET_UNWRITABLE: the disk is full, say. */
  async delivered(): Promise<void> {
    await this.flush();
    if (this.#fault !== undefined && !isGoodbye(this.#fault)) throw unwritable(this.#fault);
  }

  /** Resolves when what was written has left the process, or the reader is gone. */
  async flush(): Promise<void> {
    for (const stream of [this.#io.stdout, this.#io.stderr]) {
      if (stream.errored === null && stream.writableLength > 0)
        await new Promise<void>((resolve) => stream.write(utf8Bytes(''), () => resolve()));
    }
  }
}
