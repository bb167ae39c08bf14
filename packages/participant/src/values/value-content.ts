// driven: the bytes of a value, wherever its envelope says that they are; any range of them.
import { BatChainError, type Clock, collectBytes, VALUE_BYTES_MAX } from '@batchain/shared';
import { VALUE_PIECE_WAIT_MS } from '../limits.ts';
import type { OwnPieces } from './own-pieces.ts';
import { PieceReader } from './piece-reader.ts';
import { shapeOf } from './piece-tree.ts';
import type { ValueBody } from './value-envelope.ts';
import { brokenValue } from './value-errors.ts';
import type { ByteRange, ValueHosts, ValueNetwork } from './value-network.ts';
import { withDeadline } from './with-deadline.ts';

export class ValueContent {
  readonly #clock: Clock;
  readonly #network: ValueNetwork;
  readonly #hosts: ValueHosts;
  readonly #ownPieces: OwnPieces;

  constructor(clock: Clock, parts: { readonly network: ValueNetwork; readonly hosts: ValueHosts; readonly ownPieces: OwnPieces }) {
    this.#clock = clock;
    this.#network = parts.network;
    this.#hosts = parts.hosts;
    this.#ownPieces = parts.ownPieces;
  }

  /** The range must lie within the value. Exactly its bytes come, or an error. */
  async *read(key: string, body: ValueBody, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    switch (body.form) {
      case 'inline':
        if (range.length > 0) yield body.data.subarray(range.offset, range.offset + range.length);
        return;
      case 'pieces':
        yield* this.pieces(key, body, signal).read(range.offset, range.length);
        return;
      case 'file':
        yield* this.#fromHosts(key, body.capability, range, signal);
        return;
      case 'file-in-pieces': {
        const tree = { bytes: body.capabilityBytes, pieceBytes: VALUE_BYTES_MAX, root: body.root };
        const capability = await collectBytes(this.pieces(key, tree, signal).read(0, body.capabilityBytes));
        yield* this.#fromHosts(key, capability, range, signal);
      }
    }
  }

  /** Of a value in pieces. */
  pieces(
    key: string,
    { bytes, pieceBytes, root }: { readonly bytes: number; readonly pieceBytes: number; readonly root: Uint8Array },
    signal: AbortSignal,
  ): PieceReader {
    const shape = shapeOf(bytes, pieceBytes);
    if (!shape.ok) throw brokenValue(key, shape.reason);
    const deadline = { afterMs: VALUE_PIECE_WAIT_MS, signal, what: 'looking for a piece' };
    return new PieceReader({ key, shape: shape.value, root }, async (hash) => {
      const own = this.#ownPieces.get(hash);
      return own ?? withDeadline(this.#clock, deadline, (late) => this.#network.getImmutable(hash, { signal: late }));
    });
  }

  async *#fromHosts(key: string, capability: Uint8Array, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    if (range.length === 0) return;
    let came = 0;
    try {
      for await (const part of this.#hosts.downloadStream(capability, { ...range, signal })) {
        came += part.length;
        yield part;
      }
    } catch (error) {
      throw isCapabilityFault(error) ? brokenValue(key, error.why === '' ? error.what : `${error.what}: ${error.why}`) : error;
    }
    if (came !== range.length) throw brokenValue(key, `${came} bytes came, not ${range.length}`);
  }
}

/** What a lying or damaged capability leads to: the owner's record is to blame, no host is. */
function isCapabilityFault(error: unknown): error is BatChainError {
  return error instanceof BatChainError && (error.code.startsWith('BAT_E_MANIFEST_') || error.code === 'BAT_E_USAGE');
}
