// driven: lines of a stream that may be anything: bounded memory, whatever the length of a line.
import { utf8Text } from '@batchain/shared';
import { LINE_BYTES_MAX } from './shell-limits.ts';

export interface ReadLine {
  /** Without its end; of a line that was too long only the beginning. */
  readonly text: string;
  /** True when the line was longer than LINE_BYTES_MAX. */
  readonly isCut: boolean;
}

const LINE_FEED = 0x0a;

/** What stands for bytes that are no UTF-8. */
const lossyText = (bytes: Uint8Array): string => utf8Text(bytes) ?? new TextDecoder().decode(bytes);

/** Collects the parts of one line, up to the limit. */
class LineBuffer {
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  #isCut = false;

  add(part: Uint8Array): void {
    const room = LINE_BYTES_MAX - this.#length;
    if (part.length > room) this.#isCut = true;
    if (room <= 0 || part.length === 0) return;
    // A copy: the part is a view of a whole chunk, which could then not be freed.
    this.#parts.push(Uint8Array.from(part.subarray(0, room)));
    this.#length += Math.min(room, part.length);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  take(): ReadLine {
    const text = lossyText(Buffer.concat(this.#parts)).replace(/\r$/, '');
    const line = { text, isCut: this.#isCut };
    this.#parts.length = 0;
    this.#length = 0;
    this.#isCut = false;
    return line;
  }
}

/** Each line once it has ended; the last one may lack its end. */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<ReadLine> {
  const buffer = new LineBuffer();
  for await (const chunk of input) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      buffer.add(chunk.subarray(from, end));
      from = end + 1;
      yield buffer.take();
    }
    buffer.add(chunk.subarray(from));
  }
  if (!buffer.isEmpty) yield buffer.take();
}
