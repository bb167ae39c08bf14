// driven: what is typed on a terminal, with lines of bounded length: a pasted file must not fill the memory of the line editor.
import { Transform, type TransformCallback } from 'node:stream';
import type { CliIo } from '../output/io.ts';
import { LINE_BYTES_MAX } from './shell-limits.ts';

/** To the end of the line, then everything before it is gone, as the line editor has it. */
const CLEAR_LINE = '\u0005\u0015';
/** What a line that was too long ends in when it arrives. */
export const CUT_MARK = '# this line was too long';
const CTRL_C = 0x03;
/** What ends a line, or gives it up: line feed, carriage return, Ctrl-C. */
const ENDS: ReadonlySet<number> = new Set([0x0a, 0x0d, CTRL_C]);

type Stdin = CliIo['stdin'] & { setRawMode?(isRaw: boolean): unknown };

export class GuardedInput extends Transform {
  readonly isTTY = true;
  readonly #stdin: Stdin;
  #length = 0;
  #isCut = false;

  constructor(stdin: Stdin) {
    super();
    this.#stdin = stdin;
    stdin.pipe(this);
  }

  /** The line editor's; the terminal is behind. */
  setRawMode(isRaw: boolean): this {
    this.#stdin.setRawMode?.(isRaw);
    return this;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (ENDS.has(chunk[at] as number)) {
        if (this.#isCut) {
          if (chunk[at] !== CTRL_C) this.push(CLEAR_LINE + CUT_MARK);
          from = at;
        }
        this.#length = 0;
        this.#isCut = false;
      } else if (++this.#length > LINE_BYTES_MAX && !this.#isCut) {
        this.push(chunk.subarray(from, at));
        this.#isCut = true;
      }
    }
    if (!this.#isCut) this.push(chunk.subarray(from));
    done();
  }

  /** Gives the terminal back. */
  release(): void {
    this.#stdin.unpipe(this);
    this.#stdin.pause();
    this.destroy();
  }
}
