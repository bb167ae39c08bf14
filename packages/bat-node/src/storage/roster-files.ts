// driven: the rosters of the hosted files on disk: a 64-byte signature, then the roster.
import { concatBytes, equalBytes, fail, ok, type Random, type Result, SIGNATURE_BYTES, sha256, toHex } from '@batchain/shared';
import type { ShardId } from '../ids.ts';
import { ROSTER_BYTES_MAX } from '../limits.ts';
import { locateSegment, ROSTER_HEAD_BYTES, ROSTER_SEGMENT_BYTES_MAX, shardIdIn } from '../manifest/roster-index.ts';
import type { ReadFailure } from '../ports.ts';
import { atomicWriteFile, isTemporaryName, readWhole, removeIfThere } from './atomic-write.ts';
import { faultOf } from './disk-fault.ts';
import { type FileSystem, isMissing, type OpenFile } from './file-system.ts';
import type { StoreLayout } from './store-layout.ts';

export interface SignedRoster {
  readonly roster: Uint8Array;
  readonly signature: Uint8Array;
}

/** Files are named by their ids in hex. */
export class RosterFiles {
  readonly #fs: FileSystem;
  readonly #names: Random;
  readonly #layout: StoreLayout;

  constructor(fs: FileSystem, names: Random, layout: StoreLayout) {
    this.#fs = fs;
    this.#names = names;
    this.#layout = layout;
  }

  /** Durable when it resolves; rejects with a DiskFault. */
  async write(file: string, rosterId: Uint8Array, { roster, signature }: SignedRoster): Promise<void> {
    try {
      const path = this.#layout.rosterPath(file, toHex(rosterId));
      await atomicWriteFile(this.#fs, this.#names, path, concatBytes(signature, roster), { existing: 'replace' });
    } catch (error) {
      throw faultOf(error);
    }
  }

  /** `damaged` when the bytes are not those of the roster id. */
  async read(file: string, rosterId: Uint8Array): Promise<Result<SignedRoster, ReadFailure>> {
    try {
      const bytes = await readWhole(this.#fs, this.#layout.rosterPath(file, toHex(rosterId)), ROSTER_BYTES_MAX + SIGNATURE_BYTES);
      if (!bytes.ok) return fail('damaged', bytes.detail);
      const roster = bytes.value.subarray(SIGNATURE_BYTES);
      if (!equalBytes(sha256(roster), rosterId)) return fail('damaged', 'other bytes than the roster id says');
      return ok({ roster, signature: bytes.value.subarray(0, SIGNATURE_BYTES) });
    } catch (error) {
      return fail(isMissing(error) ? 'not-held' : 'io-error', String(error));
    }
  }

  /** The shard id that the roster names at a place; undefined when it has none or can not be read. Two short reads, whatever its length. */
  async shardId(file: string, rosterId: Uint8Array, segment: number, index: number): Promise<ShardId | undefined> {
    let opened: OpenFile | undefined;
    try {
      opened = await this.#fs.open(this.#layout.rosterPath(file, toHex(rosterId)), 'read');
      const head = new Uint8Array(ROSTER_HEAD_BYTES);
      const at = locateSegment(head.subarray(0, await opened.read(head, SIGNATURE_BYTES)), segment);
      if (at === undefined) return undefined;
      const bytes = new Uint8Array(ROSTER_SEGMENT_BYTES_MAX);
      return shardIdIn(bytes.subarray(0, await opened.read(bytes, SIGNATURE_BYTES + at)), index);
    } catch {
      return undefined;
    } finally {
      await opened?.close().catch(() => undefined);
    }
  }

  async remove(file: string, rosterId: Uint8Array): Promise<void> {
    await removeIfThere(this.#fs, this.#layout.rosterPath(file, toHex(rosterId)));
  }

  /** Removes rosters that no file names, and half-written ones. */
  async sweep(isNamed: (name: string) => boolean): Promise<void> {
    for (const name of await this.#fs.list(this.#layout.rostersPath)) {
      if (isTemporaryName(name) || !isNamed(name)) await removeIfThere(this.#fs, `${this.#layout.rostersPath}/${name}`);
    }
  }
}
