// driven: HOME/hosted/leaving: there while this host hands its shards over, so that it knows after a restart.
import { BatChainError, type Random, utf8Bytes, utf8Text } from '@batchain/shared';
import { atomicWriteFile, readWhole, removeIfThere } from './atomic-write.ts';
import { errnoOf, type FileSystem, isMissing } from './file-system.ts';

const MARK_BYTES_MAX = 64;
const MARK_PATTERN = /^batchain-leaving ([0-9]{1,16})\n/;

export class LeavingMark {
  readonly #fs: FileSystem;
  readonly #names: Random;
  readonly #path: string;
  #sinceMs: number | undefined;

  constructor(fs: FileSystem, names: Random, path: string) {
    this.#fs = fs;
    this.#names = names;
    this.#path = path;
  }

  /** Wall clock; undefined: it stays. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** A mark that can not be read was made for no other reason. */
  async read(): Promise<void> {
    this.#sinceMs = undefined;
    try {
      const bytes = await readWhole(this.#fs, this.#path, MARK_BYTES_MAX);
      const text = bytes.ok ? utf8Text(bytes.value) : undefined;
      this.#sinceMs = Number(MARK_PATTERN.exec(text ?? '')?.[1] ?? 0);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Durable when it resolves. Throws BAT_E_STORE_UNREADABLE when the disk does not take it. */
  async set(sinceMs: number | undefined): Promise<void> {
    try {
      if (sinceMs === undefined) await removeIfThere(this.#fs, this.#path);
      else await atomicWriteFile(this.#fs, this.#names, this.#path, utf8Bytes(`batchain-leaving ${sinceMs}\n`), { existing: 'replace' });
    } catch (error) {
      const why = `the system says ${errnoOf(error)}`;
      throw new BatChainError('BAT_E_STORE_UNREADABLE', { what: 'that this host leaves can not be written down', why, cause: error });
    }
    this.#sinceMs = sinceMs;
  }
}
