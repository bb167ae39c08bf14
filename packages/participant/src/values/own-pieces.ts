// driven: the pieces of our own values: bytes on the disk, how many values need each, and the hash table kept in step with both.
import type { KeyValueChange, KeyValueStore } from '@batchain/bat-node';
import { type Clock, mapInFlight, toHex, uintBytes } from '@batchain/shared';
import { VALUE_PIECES_AT_ONCE, VALUE_PIECES_KEPT_MAX, VALUE_PUBLISH_WAIT_MS, VALUE_RELEASE_KEPT_MS } from '../limits.ts';
import { KeyedTurns } from './keyed-turns.ts';
import type { Piece } from './piece-tree.ts';
import { tooMany } from './value-errors.ts';
import type { ValueNetwork } from './value-network.ts';
import { keyOfRow, rowKey, rowsOf } from './value-table.ts';
import { withDeadline } from './with-deadline.ts';

const TIME_BYTES = 8;

export class OwnPieces {
  readonly #clock: Clock;
  readonly #store: KeyValueStore;
  readonly #network: ValueNetwork;
  /** Hash to the number of values, and of puts under way, that need it. */
  readonly #needed = new Map<string, number>();
  /** All that are on the disk. */
  readonly #kept = new Set<string>();
  /** Writes come one after the other: a piece may be let go of and needed again at the same time. */
  readonly #writes = new KeyedTurns();

  constructor(clock: Clock, store: KeyValueStore, network: ValueNetwork) {
    this.#clock = clock;
    this.#store = store;
    this.#network = network;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** Reads which are there; before anything else. */
  async load(): Promise<void> {
    for await (const [row] of this.#store.entries(rowsOf('piece'))) this.#kept.add(toHex(keyOfRow(row)));
  }

  /** Its bytes, when it is one of ours. */
  get(hash: Uint8Array): Uint8Array | undefined {
    return this.#kept.has(toHex(hash)) ? this.#store.get(rowKey('piece', hash)) : undefined;
  }

  /** One more value needs these. */
  need(hashes: readonly Uint8Array[]): void {
    for (const hash of hashes) this.#needed.set(toHex(hash), (this.#needed.get(toHex(hash)) ?? 0) + 1);
  }

  /** Makes them durable here; `need` them first. Throws BAT_E_VALUES_FULL. */
  keep(pieces: readonly Piece[]): Promise<void> {
    return this.#writes.run('', () => this.#keep(pieces));
  }

  async #keep(pieces: readonly Piece[]): Promise<void> {
    const fresh = pieces.filter(({ hash }) => !this.#kept.has(toHex(hash)));
    if (this.#kept.size + fresh.length > VALUE_PIECES_KEPT_MAX)
      throw tooMany(`${this.#kept.size} pieces of values are kept already`, `at most ${VALUE_PIECES_KEPT_MAX}`);
    await this.#store.write(fresh.map(({ hash, bytes }) => ({ type: 'put', key: rowKey('piece', hash), value: bytes })));
    for (const { hash } of fresh) this.#kept.add(toHex(hash));
  }

  /** Brings pieces to the network, some at a time; the fewest nodes that took one of them. */
  async publish(pieces: readonly Piece[], signal: AbortSignal, onPiece: (bytes: number) => void): Promise<number> {
    let fewest = Number.POSITIVE_INFINITY;
    await mapInFlight(pieces, VALUE_PIECES_AT_ONCE, async ({ bytes }) => {
      const deadline = { afterMs: VALUE_PUBLISH_WAIT_MS, signal, what: 'storing a piece' };
      fewest = Math.min(fewest, await withDeadline(this.#clock, deadline, (late) => this.#network.putImmutable(bytes, { signal: late })));
      onPiece(bytes.length);
    });
    return Number.isFinite(fewest) ? fewest : 0;
  }

  /** One value less needs these: what nobody needs any more is let go of, here and in the network. */
  async letGo(hashes: readonly Uint8Array[]): Promise<void> {
    const unneeded: Uint8Array[] = [];
    for (const hash of hashes) {
      const name = toHex(hash);
      const left = (this.#needed.get(name) ?? 0) - 1;
      if (left > 0) this.#needed.set(name, left);
      else {
        this.#needed.delete(name);
        unneeded.push(hash);
      }
    }
    await this.#writes.run('', () => this.#forget(unneeded));
  }

  /** After a crash: pieces of puts that never came to an end, and releases that the KadNode may have forgotten. */
  async collectLeftovers(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const over: KeyValueChange[] = [];
    for await (const [row, value] of this.#store.entries(rowsOf('released'))) {
      const hash = keyOfRow(row);
      if (!this.#needed.has(toHex(hash))) this.#network.releaseImmutable(hash);
      if (nowMs - readTime(value) > VALUE_RELEASE_KEPT_MS) over.push({ type: 'del', key: row });
    }
    await this.#store.write(over);
    const unneeded: Uint8Array[] = [];
    for await (const [row] of this.#store.entries(rowsOf('piece')))
      if (!this.#needed.has(toHex(keyOfRow(row)))) unneeded.push(keyOfRow(row));
    await this.#forget(unneeded);
  }

  /** Puts those that the KadNode does not know back: its state is older than ours after a crash. */
  async restore(signal: AbortSignal): Promise<void> {
    for (const name of [...this.#needed.keys()]) {
      signal.throwIfAborted();
      const hash = Buffer.from(name, 'hex');
      const bytes = this.#network.ownsImmutable(hash) ? undefined : this.get(hash);
      if (bytes !== undefined) await this.publish([{ hash, bytes }], signal, () => undefined);
    }
  }

  /** Those that nobody needs again by now. */
  async #forget(unneeded: readonly Uint8Array[]): Promise<void> {
    const hashes = unneeded.filter((hash) => !this.#needed.has(toHex(hash)));
    if (hashes.length === 0) return;
    const time = uintBytes(this.#clock.nowMs(), TIME_BYTES);
    await this.#store.write(
      hashes.flatMap((hash) => [
        { type: 'del', key: rowKey('piece', hash) } as const,
        { type: 'put', key: rowKey('released', hash), value: time } as const,
      ]),
    );
    for (const hash of hashes) {
      this.#kept.delete(toHex(hash));
      // Somebody may need it again by now; then it was published again as well.
      if (!this.#needed.has(toHex(hash))) this.#network.releaseImmutable(hash);
    }
  }
}

function readTime(value: Uint8Array): number {
  return value.reduce((time, byte) => time * 256 + byte, 0);
}
