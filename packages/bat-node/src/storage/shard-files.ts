// driven: the bytes of shards on disk: parts under temporary names, whole shards under their ids.
import { fail, ok, type Result } from '@batchain/shared';
import { LEAF_BYTES, SCAN_BYTES } from '../limits.ts';
import { hashLeaf, merkleRoot } from '../pipeline/merkle.ts';
import { checkLeaf, leafLength, shardIdFrom } from '../pipeline/shard.ts';
import type { ShardDigest } from '../pipeline/types.ts';
import type { ReadFailure } from '../ports.ts';
import { removeIfThere } from './atomic-write.ts';
import { synced } from './disk-fault.ts';
import { errnoOf, type FileSystem, isMissing, type OpenFile } from './file-system.ts';
import type { StoreLayout } from './store-layout.ts';

/** A part file opened for going on. */
export interface OpenPart {
  readonly file: OpenFile;
  /** Bytes of whole leaves that are right. */
  readonly offset: number;
}

/** `medium-error`: the disk reports an error (EIO). `io-error`: any other trouble, which says nothing of the shard. */
export type DigestFailure = ReadFailure | 'medium-error';

/** Shards are named by their ids in hex. */
export class ShardFiles {
  readonly #fs: FileSystem;
  readonly #layout: StoreLayout;

  constructor(fs: FileSystem, layout: StoreLayout) {
    this.#fs = fs;
    this.#layout = layout;
  }

  /** Opens what an interrupted store left, checked leaf by leaf and cut behind the last right one, or a new part. */
  async openPart(shard: string, length: number, leafHashes: readonly Uint8Array[]): Promise<OpenPart> {
    const path = this.#layout.partPath(shard);
    let file: OpenFile;
    try {
      return { file: await this.#fs.open(path, 'create'), offset: 0 };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      file = await this.#fs.open(path, 'update');
    }
    try {
      const offset = await countGoodBytes(file, length, leafHashes);
      if ((await file.size()) > offset) await file.truncate(offset);
      return { file, offset };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async removePart(shard: string): Promise<void> {
    await removeIfThere(this.#fs, this.#layout.partPath(shard));
  }

  /** Names of all that lies among the parts. */
  listParts(): Promise<readonly string[]> {
    return this.#fs.list(this.#layout.partsPath);
  }

  /** The folder that `publish` puts the shard into. */
  folderOf(shard: string): string {
    return this.#layout.shardFolder(shard);
  }

  /** Gives a synced part its final name; durable after `syncFolder`. */
  async publish(shard: string): Promise<void> {
    await this.#fs.rename(this.#layout.partPath(shard), this.#layout.shardPath(shard));
  }

  /** Makes a shard that nobody answers for a part again. */
  async unpublish(shard: string): Promise<void> {
    await this.#fs.rename(this.#layout.shardPath(shard), this.#layout.partPath(shard));
  }

  async syncFolder(folder: string): Promise<void> {
    await synced(this.#fs.syncFolder(folder));
  }

  async remove(shard: string): Promise<void> {
    await removeIfThere(this.#fs, this.#layout.shardPath(shard));
  }

  /** Bytes of the file; undefined when it is not there. */
  async size(shard: string): Promise<number | undefined> {
    try {
      return (await this.#fs.stat(this.#layout.shardPath(shard))).bytes;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Exactly `length` bytes; a file that is too short is `damaged`. */
  async read(shard: string, offset: number, length: number): Promise<Result<Uint8Array, ReadFailure>> {
    return this.#reading(shard, async (file) => {
      const bytes = new Uint8Array(length);
      const done = await file.read(bytes, offset);
      return done === length ? ok(bytes) : fail('damaged', `${done} of ${length} bytes at ${offset}`);
    });
  }

  /**
   * Reads the whole file and hashes it as a shard of `length` bytes; `paced` is awaited before each piece is read.
   * A file of another length is `damaged`.
   */
  async digest(shard: string, length: number, paced: (bytes: number) => Promise<void>): Promise<Result<ShardDigest, DigestFailure>> {
    let isMediumError = false;
    const digest = await this.#reading(
      shard,
      (file) => this.#digestOf(file, length, paced),
      (error) => {
        isMediumError = errnoOf(error) === 'EIO';
      },
    );
    return isMediumError && !digest.ok ? fail('medium-error', digest.detail) : digest;
  }

  async #digestOf(file: OpenFile, length: number, paced: (bytes: number) => Promise<void>): Promise<Result<ShardDigest, ReadFailure>> {
    if ((await file.size()) !== length) return fail('damaged', 'the file has another length');
    const buffer = new Uint8Array(SCAN_BYTES);
    const leafHashes: Uint8Array[] = [];
    for (let at = 0; at < length; at += SCAN_BYTES) {
      const piece = buffer.subarray(0, Math.min(SCAN_BYTES, length - at));
      await paced(piece.length);
      if ((await file.read(piece, at)) !== piece.length) return fail('damaged', `it ends at ${at}`);
      for (let leaf = 0; leaf < piece.length; leaf += LEAF_BYTES) leafHashes.push(hashLeaf(piece.subarray(leaf, leaf + LEAF_BYTES)));
    }
    return ok({ id: shardIdFrom(length, merkleRoot(leafHashes)), length, leafHashes });
  }

  async #reading<T>(
    shard: string,
    work: (file: OpenFile) => Promise<Result<T, ReadFailure>>,
    onError: (error: unknown) => void = () => undefined,
  ): Promise<Result<T, ReadFailure>> {
    let file: OpenFile | undefined;
    try {
      file = await this.#fs.open(this.#layout.shardPath(shard), 'read');
      return await work(file);
    } catch (error) {
      onError(error);
      return fail(isMissing(error) ? 'not-held' : 'io-error', String(error));
    } finally {
      await file?.close().catch(() => undefined);
    }
  }
}

async function countGoodBytes(file: OpenFile, length: number, leafHashes: readonly Uint8Array[]): Promise<number> {
  const size = Math.min(await file.size(), length);
  const buffer = new Uint8Array(SCAN_BYTES);
  let good = 0;
  while (good < size) {
    const read = await file.read(buffer.subarray(0, Math.min(SCAN_BYTES, size - good)), good);
    let at = 0;
    while (at < read) {
      const leaf = (good + at) / LEAF_BYTES;
      const bytes = buffer.subarray(at, Math.min(read, at + leafLength(length, leaf)));
      if (!checkLeaf(length, leafHashes, leaf, bytes)) return good + at;
      at += bytes.length;
    }
    if (read === 0) break;
    good += read;
  }
  return good;
}
