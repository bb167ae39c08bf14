// driven: what an upload has done so far, one JSON line per step, synced, so that the repeated command continues.
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BatChainError, fromHex, type Random, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { diskWords } from './disk-words.ts';

/** The journal of an upload of 4,096 segments to 256 hosts stays below this. */
const JOURNAL_BYTES_MAX = 128 * 1024 * 1024;
const SUFFIX = '.journal';
const ONCE_SUFFIX = '.once';

/** The first line: what may never change between the attempts of one upload. Holds the keys, so the file is 0600. */
export interface JournalStart {
  readonly version: 1;
  readonly path: string;
  readonly bytes: number;
  readonly name: string;
  readonly k: number;
  readonly n: number;
  readonly segmentSizeBytes: number;
  readonly fileNonce: Uint8Array;
  readonly fileKey: Uint8Array;
  readonly accessSeed: Uint8Array;
}

/**
 * Written before the first shard of a segment goes out: an attempt after a crash takes the same salt for the same bytes, so its
 * shards are the ones that hosts hold already. A salt never seals two plaintexts: the prefix hash says for which it was drawn.
 */
export interface JournalSalt {
  readonly segment: number;
  readonly salt: Uint8Array;
  /** SHA-256 of all plain bytes of the file up to the end of this segment. */
  readonly prefixSha256: Uint8Array;
}

/** A segment whose shards were stored, provisionally leased. */
export interface JournalSegment extends JournalSalt {
  readonly shardIds: readonly Uint8Array[];
  /** Node id of the host per shard index; undefined where none took it. */
  readonly hosts: readonly (Uint8Array | undefined)[];
}

/** A host of this upload with the lease id agreed with it and its contact record. */
export interface JournalHost {
  readonly nodeId: Uint8Array;
  readonly leaseId: Uint8Array;
  readonly record: Uint8Array;
}

export interface JournalState {
  readonly start: JournalStart;
  readonly hosts: readonly JournalHost[];
  readonly salts: ReadonlyMap<number, JournalSalt>;
  readonly segments: ReadonlyMap<number, JournalSegment>;
  /** A manifest may have been written: hosts are to keep what they were given. */
  readonly isFinishing: boolean;
}

type JsonLine = { readonly t: string } & Record<string, unknown>;

const hexFields = (value: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      if (field instanceof Uint8Array) return [key, toHex(field)];
      if (Array.isArray(field)) return [key, field.map((item: unknown) => (item instanceof Uint8Array ? toHex(item) : null))];
      return [key, field];
    }),
  );

const bytesField = (line: JsonLine, key: string): Uint8Array => {
  const text = line[key];
  const bytes = typeof text === 'string' ? fromHex(text) : undefined;
  if (bytes === undefined) throw new SyntaxError(`journal field ${key}`);
  return bytes;
};

const listField = (line: JsonLine, key: string): (Uint8Array | undefined)[] => {
  const list = line[key];
  if (!Array.isArray(list)) throw new SyntaxError(`journal field ${key}`);
  return list.map((item: unknown) => (typeof item === 'string' ? fromHex(item) : undefined));
};

/** Undefined for an empty line and for the half line that a crash left before a resumed attempt. */
function parseLine(raw: string): JsonLine | undefined {
  try {
    return raw === '' ? undefined : (JSON.parse(raw) as JsonLine);
  } catch {
    return undefined;
  }
}

function parseLines(text: string): JournalState | undefined {
  let start: JournalStart | undefined;
  const hosts = new Map<string, JournalHost>();
  const salts = new Map<number, JournalSalt>();
  const segments = new Map<number, JournalSegment>();
  let isFinishing = false;
  for (const raw of text.split('\n')) {
    const line = parseLine(raw);
    if (line === undefined) continue;
    if (line.t === 'start' && line.version === 1) {
      start = {
        ...(line as unknown as JournalStart),
        fileNonce: bytesField(line, 'fileNonce'),
        fileKey: bytesField(line, 'fileKey'),
        accessSeed: bytesField(line, 'accessSeed'),
      };
    } else if (line.t === 'host') {
      const host = { nodeId: bytesField(line, 'nodeId'), leaseId: bytesField(line, 'leaseId'), record: bytesField(line, 'record') };
      hosts.set(toHex(host.nodeId), host);
    } else if (line.t === 'salt') {
      const segment = Number(line.segment);
      salts.set(segment, { segment, salt: bytesField(line, 'salt'), prefixSha256: bytesField(line, 'prefixSha256') });
    } else if (line.t === 'segment') {
      const segment = Number(line.segment);
      const shardIds = listField(line, 'shardIds').filter((id) => id !== undefined);
      segments.set(segment, {
        segment,
        salt: bytesField(line, 'salt'),
        prefixSha256: bytesField(line, 'prefixSha256'),
        shardIds,
        hosts: listField(line, 'hosts'),
      });
    } else if (line.t === 'finishing') isFinishing = true;
    else if (line.t === 'unfinished') isFinishing = false;
  }
  return start === undefined ? undefined : { start, hosts: [...hosts.values()], salts, segments, isFinishing };
}

/** Append-only; one per source path and home. */
export class UploadJournal {
  readonly folder: string;
  readonly path: string;
  #handle: FileHandle | undefined;

  constructor(folder: string, sourcePath: string, suffix = SUFFIX) {
    this.folder = folder;
    this.path = join(folder, `${toHex(sha256(utf8Bytes(sourcePath))).slice(0, 32)}${suffix}`);
  }

  /** Of an upload that is never continued: it is removed at its end, or by `removeOnce` after a crash. */
  static once(folder: string, random: Random): UploadJournal {
    return new UploadJournal(folder, toHex(random.bytes(16)), ONCE_SUFFIX);
  }

  /** Journals that a crash left and that nobody will continue. They hold keys. */
  static async removeOnce(folder: string): Promise<void> {
    const names = await readdir(folder).catch((): string[] => []);
    for (const name of names) if (name.endsWith(ONCE_SUFFIX)) await rm(join(folder, name), { force: true });
  }

  /** What an earlier attempt left; undefined when there is none or it can not be read (then it is of no use). */
  async load(): Promise<JournalState | undefined> {
    try {
      const text = await readFile(this.path, 'utf8');
      return text.length > JOURNAL_BYTES_MAX ? undefined : parseLines(text);
    } catch {
      return undefined;
    }
  }

  /** Begins anew with this first line, or goes on after the lines of `load`. */
  async open(start: JournalStart, isResumed: boolean): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | (isResumed ? 0 : constants.O_TRUNC);
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      this.#handle = await open(this.path, flags, 0o600);
    } catch (error) {
      throw unusable(this.path, error);
    }
    // A resumed journal may end in half a line; a line feed first keeps the next line whole.
    await this.#append(isResumed ? '\n' : `${JSON.stringify({ t: 'start', ...hexFields(start) })}\n`);
  }

  addHost(host: JournalHost): Promise<void> {
    return this.#append(`${JSON.stringify({ t: 'host', ...hexFields(host) })}\n`);
  }

  addSalt(salt: JournalSalt): Promise<void> {
    return this.#append(`${JSON.stringify({ t: 'salt', ...hexFields(salt) })}\n`);
  }

  /** Not synced by itself: a lost line costs asking the hosts once more, and they have the shards. */
  addSegment(segment: JournalSegment): Promise<void> {
    return this.#append(`${JSON.stringify({ t: 'segment', ...hexFields(segment) })}\n`, false);
  }

  /** The roster is committed; a manifest follows. */
  markFinishing(): Promise<void> {
    return this.#append(`${JSON.stringify({ t: 'finishing' })}\n`);
  }

  /** The manifest could not be written: it is as if none had been begun. */
  markUnfinished(): Promise<void> {
    return this.#append(`${JSON.stringify({ t: 'unfinished' })}\n`);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** The upload is done: its manifest takes over. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
  }

  async #append(text: string, isSynced = true): Promise<void> {
    try {
      await this.#handle?.appendFile(text);
      if (isSynced) await this.#handle?.datasync();
    } catch (error) {
      throw unusable(this.path, error);
    }
  }
}

function unusable(path: string, error: unknown): BatChainError {
  return new BatChainError('BAT_E_HOME_UNUSABLE', { what: `can not write ${path}`, why: diskWords(error), cause: error });
}
