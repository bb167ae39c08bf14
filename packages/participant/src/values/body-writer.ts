// driven: brings the bytes of a value to where they will lie, and says where that is: in the record, in pieces, or in a file on hosts.
import { BatChainError, toHex, VALUE_BYTES_MAX } from '@batchain/shared';
import { VALUE_CAPABILITY_BYTES_MAX, VALUE_PIECE_BYTES_MIN, VALUE_PIECES_BYTES_MAX } from '../limits.ts';
import type { OwnPieces } from './own-pieces.ts';
import { buildTree, type Piece } from './piece-tree.ts';
import type { ValueBody } from './value-envelope.ts';
import { tooLarge } from './value-errors.ts';
import type { ValueFiles } from './value-files.ts';
import type { ValueHosts } from './value-network.ts';
import { inChunks, sourceBytes, type ValueSource } from './value-source.ts';
import type { ValuePutOptions } from './values-api.ts';

/** The bytes lie there, but no record names them yet: it is kept with one, or `undo`ne. */
export interface WrittenBody {
  readonly body: ValueBody;
  /** Needed by this body; counted already. */
  readonly pieces: readonly Piece[];
  readonly fileId: Uint8Array | null;
  /** The fewest nodes that took one of the pieces; undefined without pieces. */
  readonly storedOn: number | undefined;
}

export interface WriteOptions extends Pick<ValuePutOptions, 'pieceBytes' | 'onProgress'> {
  readonly signal: AbortSignal;
}

export class BodyWriter {
  readonly #hosts: ValueHosts;
  readonly #files: ValueFiles;
  readonly #pieces: OwnPieces;

  constructor(parts: { readonly hosts: ValueHosts; readonly files: ValueFiles; readonly pieces: OwnPieces }) {
    this.#hosts = parts.hosts;
    this.#files = parts.files;
    this.#pieces = parts.pieces;
  }

  /** `fits`: whether a record holds this body. Throws what uploading throws, BAT_E_VALUES_FULL and BAT_E_VALUE_TOO_LARGE. */
  async write(key: string, source: ValueSource, fits: (body: ValueBody) => boolean, options: WriteOptions): Promise<WrittenBody> {
    const { pieceBytes = VALUE_BYTES_MAX } = options;
    checkPieceBytes(pieceBytes);
    const size = sourceBytes(source);
    if (source.kind === 'bytes' && size <= pieceBytes) {
      const inline: ValueBody = { form: 'inline', data: source.bytes };
      if (fits(inline)) return { body: inline, pieces: [], fileId: null, storedOn: undefined };
    }
    if (source.kind === 'bytes' && size <= VALUE_PIECES_BYTES_MAX) {
      const { root, pieces, storedOn } = await this.#inPieces(source.bytes, pieceBytes, options);
      return { body: { form: 'pieces', bytes: size, pieceBytes, root }, pieces, fileId: null, storedOn };
    }
    return this.#onHosts(key, source, fits, options);
  }

  /** Lets go of what `write` brought out. */
  async undo({ pieces, fileId }: Pick<WrittenBody, 'pieces' | 'fileId'>): Promise<void> {
    await this.#pieces.letGo(pieces.map(({ hash }) => hash));
    if (fileId !== null) await this.#hosts.release(toHex(fileId)).catch(() => undefined);
  }

  async #inPieces(
    bytes: Uint8Array,
    pieceBytes: number,
    { signal, onProgress }: WriteOptions,
  ): Promise<{ readonly root: Uint8Array; readonly pieces: readonly Piece[]; readonly storedOn: number }> {
    const tree = buildTree(bytes, pieceBytes);
    if (!tree.ok) throw tooLarge('the value can not be cut into such pieces', tree.reason);
    const { pieces, root } = tree.value;
    const hashes = pieces.map(({ hash }) => hash);
    this.#pieces.need(hashes);
    try {
      await this.#pieces.keep(pieces);
      let doneBytes = 0;
      const storedOn = await this.#pieces.publish(pieces, signal, (piece) => {
        doneBytes = Math.min(bytes.length, doneBytes + piece);
        onProgress?.({ doneBytes, totalBytes: bytes.length });
      });
      return { root, pieces, storedOn };
    } catch (error) {
      await this.#pieces.letGo(hashes);
      throw error;
    }
  }

  async #onHosts(key: string, source: ValueSource, fits: (body: ValueBody) => boolean, options: WriteOptions): Promise<WrittenBody> {
    const spool = source.kind === 'bytes' ? this.#files.spoolPath() : undefined;
    try {
      if (source.kind === 'bytes' && spool !== undefined) await this.#files.write(spool, inChunks(source.bytes), () => undefined);
      const path = source.kind === 'file' ? source.path : (spool as string);
      return await this.#upload(key, path, fits, options);
    } finally {
      if (spool !== undefined) await this.#files.remove(spool);
    }
  }

  async #upload(key: string, path: string, fits: (body: ValueBody) => boolean, options: WriteOptions): Promise<WrittenBody> {
    const { signal, onProgress } = options;
    const uploaded = await this.#hosts.upload(path, {
      name: this.#files.fileName(key),
      manifestPath: this.#files.manifestPath(),
      isOnce: this.#files.isSpool(path),
      signal,
      ...(onProgress === undefined ? {} : { onProgress: ({ doneBytes, totalBytes }) => onProgress({ doneBytes, totalBytes }) }),
    });
    const { fileId, bytes } = uploaded;
    try {
      const capability = await this.#hosts.capability(toHex(fileId));
      const file: ValueBody = { form: 'file', bytes, capability };
      if (capability.length <= VALUE_BYTES_MAX && fits(file)) return { body: file, pieces: [], fileId, storedOn: undefined };
      if (capability.length > VALUE_CAPABILITY_BYTES_MAX)
        throw tooLarge('the value has too many shards to be named in the network', `${capability.length} bytes of names`);
      const { root, pieces, storedOn } = await this.#inPieces(capability, VALUE_BYTES_MAX, { signal });
      return { body: { form: 'file-in-pieces', bytes, capabilityBytes: capability.length, root }, pieces, fileId, storedOn };
    } catch (error) {
      await this.undo({ pieces: [], fileId });
      throw error;
    }
  }
}

function checkPieceBytes(pieceBytes: number): void {
  if (Number.isInteger(pieceBytes) && pieceBytes >= VALUE_PIECE_BYTES_MIN && pieceBytes <= VALUE_BYTES_MAX) return;
  throw new BatChainError('BAT_E_USAGE', {
    what: `pieces of ${pieceBytes} bytes`,
    why: `a piece has ${VALUE_PIECE_BYTES_MIN} to ${VALUE_BYTES_MAX} bytes`,
  });
}
