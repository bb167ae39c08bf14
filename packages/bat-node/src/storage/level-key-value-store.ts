// driven: the KeyValueStore port over classic-level (LevelDB): a write-ahead log with sync, its own lock per folder.
import { fail, MiB, ok, plainBytes, type Result } from '@batchain/shared';
import { ClassicLevel } from 'classic-level';
import { errnoOf } from './file-system.ts';
import type { KeyRange, KeyValueChange, KeyValueStore } from './key-value-store.ts';

/** Rows are small and most reads hit the newest; the daemon's idle memory matters more. */
const CACHE_BYTES: number = 4 * MiB;
/** Also the length of the log, which is written again when the table opens: little, so that it opens on a nearly full disk. */
const WRITE_BUFFER_BYTES: number = 1 * MiB;
const OPEN_FILES_MAX = 128;
/** Missing table files and broken blocks come as these. */
const CORRUPT_PATTERN = /corruption|missing files|no such file/i;
/** LevelDB passes the system's message on, not its code. */
const FULL_PATTERN = /no space left|file too large|quota exceeded/i;

function levelError(error: unknown): unknown {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error) || !FULL_PATTERN.test(cause.message)) return error;
  return Object.assign(new Error(cause.message, { cause: error }), { code: 'ENOSPC' });
}

export class LevelKeyValueStore implements KeyValueStore {
  readonly #path: string;
  #level: ClassicLevel<Uint8Array, Uint8Array> | undefined;

  /** `path` is the index's own folder. */
  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<Result<void, 'locked' | 'corrupt'>> {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(this.#path, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      cacheSize: CACHE_BYTES,
      writeBufferSize: WRITE_BUFFER_BYTES,
      maxOpenFiles: OPEN_FILES_MAX,
    });
    try {
      await level.open();
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (errnoOf(cause) === 'LEVEL_LOCKED') return fail('locked', this.#path);
      const message = cause instanceof Error ? cause.message : String(error);
      if (errnoOf(cause) === 'LEVEL_CORRUPTION' || CORRUPT_PATTERN.test(message)) return fail('corrupt', message);
      throw levelError(error);
    }
    this.#level = level;
    return ok(undefined);
  }

  async close(): Promise<void> {
    const level = this.#level;
    this.#level = undefined;
    await level?.close();
  }

  async destroy(): Promise<void> {
    await ClassicLevel.destroy(this.#path);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.#opened().getSync(key);
    return value === undefined ? undefined : plainBytes(value);
  }

  async write(changes: readonly KeyValueChange[]): Promise<void> {
    try {
      await this.#opened().batch([...changes], { sync: true });
    } catch (error) {
      throw levelError(error);
    }
  }

  async *entries({ from, to }: KeyRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    for await (const [key, value] of this.#opened().iterator({ gte: from, lt: to })) yield [plainBytes(key), plainBytes(value)];
  }

  #opened(): ClassicLevel<Uint8Array, Uint8Array> {
    if (this.#level === undefined) throw Object.assign(new Error('the index is not open'), { code: 'LEVEL_DATABASE_NOT_OPEN' });
    return this.#level;
  }
}
