// driven: has the nodes that keep a value hash a range of it where it lies, and judges what they say; the value itself does not travel (BD-45).
import { BatChainError, type Clock, collectBytes, equalBytes, mapInFlight, sha256, toHex } from '@batchain/shared';
import { VALUE_PIECE_WAIT_MS, VALUE_PIECES_AT_ONCE } from '../limits.ts';
import type { PieceReader } from './piece-reader.ts';
import { pieceLength, shapeOf } from './piece-tree.ts';
import type { ValueBody } from './value-envelope.ts';
import { brokenValue, shown } from './value-errors.ts';
import type { FoundEnvelope } from './value-finder.ts';
import { kadNameOf } from './value-key.ts';
import type { ByteRange, HeldRange, ValueNetwork } from './value-network.ts';
import type { DigestedPart } from './values-api.ts';
import { withDeadline } from './with-deadline.ts';

type PiecesBody = ValueBody & { readonly form: 'pieces' };

export class ValueDigester {
  readonly #clock: Clock;
  readonly #network: ValueNetwork;
  readonly #readerOf: (key: string, body: PiecesBody, signal: AbortSignal) => PieceReader;

  constructor(clock: Clock, network: ValueNetwork, readerOf: (key: string, body: PiecesBody, signal: AbortSignal) => PieceReader) {
    this.#clock = clock;
    this.#network = network;
    this.#readerOf = readerOf;
  }

  /** The range must lie within the value. BAT_E_USAGE for a value in a file: its hosts are asked by an audit. */
  async digest(key: string, found: FoundEnvelope, range: ByteRange, signal: AbortSignal): Promise<readonly DigestedPart[]> {
    const { body } = found.envelope;
    if (body.form === 'inline') return [await this.#ofRecord(key, found, body.data, range, signal)];
    if (body.form === 'pieces') return this.#ofPieces(key, body, range, signal);
    throw new BatChainError('BAT_E_USAGE', {
      what: `${shown(key)} lies in a file on hosts`,
      why: 'its shards are checked by audits',
      fix: 'its owner runs: batchain audit --all',
    });
  }

  async #ofRecord(key: string, found: FoundEnvelope, data: Uint8Array, range: ByteRange, signal: AbortSignal): Promise<DigestedPart> {
    const { record, publicKey } = found;
    // The data stands at the end, before the extensions, of which there are none as yet.
    const start = publicKey === undefined && equalBytes(record, data) ? 0 : record.length - 1 - data.length;
    if (!equalBytes(record.subarray(start, start + data.length), data))
      throw brokenValue(key, 'its record has extensions that are not known');
    const asked = { offset: start + range.offset, length: range.length };
    const held = await this.#ask(signal, (late) =>
      publicKey === undefined
        ? this.#network.digestImmutable(sha256(record), asked, { signal: late })
        : this.#network.digestMutable(publicKey, kadNameOf(key), asked, { signal: late }),
    );
    return judge(range, sha256(data.subarray(range.offset, range.offset + range.length)), held);
  }

  async #ofPieces(key: string, body: PiecesBody, range: ByteRange, signal: AbortSignal): Promise<readonly DigestedPart[]> {
    const shape = shapeOf(body.bytes, body.pieceBytes);
    if (!shape.ok) throw brokenValue(key, shape.reason);
    const reader = this.#readerOf(key, body, signal);
    const end = range.offset + range.length;
    const first = Math.floor(range.offset / body.pieceBytes);
    const count = range.length === 0 ? 0 : Math.ceil(end / body.pieceBytes) - first;
    const indexes = Array.from({ length: count }, (_, i) => first + i);
    return mapInFlight(indexes, VALUE_PIECES_AT_ONCE, async (index): Promise<DigestedPart> => {
      const at = index * body.pieceBytes;
      const from = Math.max(range.offset, at);
      const part = { offset: from, length: Math.min(end, at + pieceLength(shape.value, index)) - from };
      const hash = await reader.hashOf(index);
      // Of a whole piece the right answer is its own key; a part of one is read to know it.
      const isWhole = part.length === pieceLength(shape.value, index);
      const right = isWhole ? hash : sha256(await collectBytes(reader.read(part.offset, part.length)));
      const asked = { offset: from - at, length: part.length };
      return judge(part, right, await this.#ask(signal, (late) => this.#network.digestImmutable(hash, asked, { signal: late })));
    });
  }

  #ask(signal: AbortSignal, ask: (signal: AbortSignal) => Promise<HeldRange>): Promise<HeldRange> {
    return withDeadline(this.#clock, { afterMs: VALUE_PIECE_WAIT_MS, signal, what: 'asking the holders of a value' }, ask);
  }
}

function judge(range: ByteRange, right: Uint8Array, { holders, silent }: HeldRange): DigestedPart {
  return {
    ...range,
    sha256: toHex(right),
    holders: holders.map(({ nodeId, digest }) => ({ nodeId: toHex(nodeId), isRight: digest !== undefined && equalBytes(digest, right) })),
    silent,
  };
}
