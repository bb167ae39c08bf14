// driven: what is to be stored, however it was given: short ones as bytes in memory, long ones as a file.
import { collectBytes, concatBytes, type JsonValue, plainBytes } from '@batchain/shared';
import { VALUE_FILE_BYTES_MAX, VALUE_PIECES_BYTES_MAX } from '../limits.ts';
import { encodeJsonValue } from './json-text.ts';
import { tooLarge } from './value-errors.ts';
import type { ValueFiles } from './value-files.ts';
import type { ValueType } from './values-api.ts';

export type ValueSource =
  | { readonly type: ValueType; readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: ValueType; readonly kind: 'file'; readonly path: string; readonly size: number };

export function sourceOf(value: JsonValue | Uint8Array): ValueSource & { readonly kind: 'bytes' } {
  if (value instanceof Uint8Array) return { type: 'bytes', kind: 'bytes', bytes: plainBytes(value) };
  return { type: 'json', kind: 'bytes', bytes: encodeJsonValue(value) };
}

export function sourceBytes(source: ValueSource): number {
  return source.kind === 'bytes' ? source.bytes.length : source.size;
}

/** The file at an absolute path; read into memory when it is short. */
export async function sourceOfFile(files: ValueFiles, path: string): Promise<ValueSource> {
  const size = await files.size(path);
  checkSize(size);
  if (size > VALUE_PIECES_BYTES_MAX) return { type: 'bytes', kind: 'file', path, size };
  return { type: 'bytes', kind: 'bytes', bytes: await collectBytes(files.read(path, { offset: 0, length: size })) };
}

/** In memory while they are few, then in the file at `spoolPath`, which is the caller's to remove. */
export async function sourceOfStream(files: ValueFiles, bytes: AsyncIterable<Uint8Array>, spoolPath: () => string): Promise<ValueSource> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const iterator = bytes[Symbol.asyncIterator]();
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    parts.push(plainBytes(next.value));
    total += next.value.length;
    if (total <= VALUE_PIECES_BYTES_MAX) continue;
    const path = spoolPath();
    const size = await files.write(path, continued(parts, iterator), checkSize);
    return { type: 'bytes', kind: 'file', path, size };
  }
  return { type: 'bytes', kind: 'bytes', bytes: concatBytes(...parts) };
}

async function* continued(parts: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* parts.splice(0);
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** A value in memory that has to go as a file. */
export async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function checkSize(size: number): void {
  if (size <= VALUE_FILE_BYTES_MAX) return;
  throw tooLarge(`the value has ${size} bytes or more`, `at most ${VALUE_FILE_BYTES_MAX} are kept under a key`);
}
