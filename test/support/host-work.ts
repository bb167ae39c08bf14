// driven: what owners do at a host until it is killed: stores, commits, renewals and releases over real connections.
import { KiB, MiB, present } from '@batchain/shared';
import type { SimRandom } from '@batchain/shared/testing';
import type { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import type { Called } from '../../packages/bat-node/src/transfer/verb-call.ts';
import type { BookedFile, ReceiptBook } from './receipt-book.ts';
import { makeWireFile, type WireHost } from './wire-host.ts';

export const WORKS = ['small shards', 'large shards', 'COMMIT', 'RENEW', 'RELEASE', 'all at once'] as const;
export type Work = (typeof WORKS)[number];

/** Lengths are multiples of 64; one leaf has 16 KiB. */
const SMALL_LENGTHS = [64, 4 * KiB, 16 * KiB, 40 * KiB, 64 * KiB];
const SMALL_FILE_SHARDS = 12;
const LARGE_BYTES_MIN = 2 * MiB;
const LARGE_BYTES_STEP = MiB;
const LARGE_STEPS = 8;
/** The same bytes may be on their way from another lane: its store ends, or the host is stuck. */
const BUSY_MS_MAX = 5000;

export interface Receipts {
  store: number;
  commit: number;
  renew: number;
  release: number;
}

/** Work at one host through one client for each owner, until `end` is called or the host refuses. */
export class HostWork {
  readonly book: ReceiptBook;
  readonly receipts: Receipts = { store: 0, commit: 0, renew: 0, release: 0 };
  readonly faults: string[] = [];
  /** Called in the turn in which an answer that counts was heard. */
  onReceipt: () => void = () => undefined;
  clients: readonly ShardClient[] = [];
  readonly #owners: readonly WireHost[];
  readonly #random: SimRandom;
  #isOver = false;
  #named = 0;

  constructor(book: ReceiptBook, owners: readonly WireHost[], random: SimRandom) {
    this.book = book;
    this.#owners = owners;
    this.#random = random;
  }

  /** Another life of the host. */
  begin(clients: readonly ShardClient[]): void {
    this.clients = clients;
    this.#isOver = false;
  }

  /** From here on the host may go at any moment: calls that fail are no fault of it. */
  end(): void {
    this.#isOver = true;
  }

  /** Files that the work needs to be there before it begins. */
  async prepare(work: Work): Promise<BookedFile[]> {
    const count = { RENEW: 4, RELEASE: 6, 'all at once': 3 }[work as string] ?? 0;
    const files = Array.from({ length: count }, () => this.#smallFile(12));
    await Promise.all(files.map((booked) => this.storeAll(booked)));
    if (work === 'RENEW' || work === 'all at once') await Promise.all(files.slice(0, 4).map((booked) => this.#commit(booked)));
    return files;
  }

  /** Resolves when the host is gone. */
  async run(work: Work, prepared: readonly BookedFile[]): Promise<void> {
    const [first, second, third] = prepared;
    const lanes: Record<Work, () => Promise<void>[]> = {
      'small shards': () => Array.from({ length: 8 }, () => this.#storeSmall()),
      'large shards': () => Array.from({ length: 3 }, () => this.#storeLarge()),
      COMMIT: () => Array.from({ length: 3 }, () => this.#storeAndCommit()),
      RENEW: () => prepared.map((booked) => this.#renewAgain(booked)),
      RELEASE: () => [...prepared.map((booked, i) => this.#releaseBit(booked, i % 3 === 0)), this.#storeSmall()],
      'all at once': () => [
        this.#storeSmall(),
        this.#storeLarge(),
        this.#storeAndCommit(),
        this.#renewAgain(present(first, 'a file')),
        this.#releaseBit(present(second, 'a file'), false),
        this.#releaseBit(present(third, 'a file'), true),
      ],
    };
    await Promise.all(lanes[work]());
  }

  /** Stores what of the file is not there, one shard after the other. */
  async storeAll(booked: BookedFile): Promise<void> {
    for (const [segment, fate] of booked.fates.entries()) if (fate === 'absent') await this.#store(booked, segment);
  }

  async release(booked: BookedFile, segment?: number): Promise<void> {
    const { file, fates } = booked;
    const segments = segment === undefined ? [...fates.keys()] : [segment];
    for (const each of segments) if (fates[each] !== 'absent') fates[each] = 'releasing';
    const refs = segment === undefined ? null : [[segment, 0] as const];
    const count = await this.#call('release', () => this.#client(booked).release(file.fileId, refs));
    if (count === undefined) return;
    for (const each of segments) fates[each] = 'absent';
    if (!fates.includes('stored')) booked.lease = undefined;
  }

  async #store(booked: BookedFile, segment: number): Promise<void> {
    const { order, leafHashes, bytes } = present(booked.file.shards[segment], 'a shard');
    booked.fates[segment] = 'storing';
    const receipt = await this.#call('store', () => this.#client(booked).store(order, leafHashes, bytes));
    if (receipt === undefined) return;
    booked.fates[segment] = 'stored';
    this.book.signed(booked, receipt);
  }

  async #commit(booked: BookedFile): Promise<void> {
    const receipt = await this.#call('commit', () => this.#client(booked).commit(booked.file.signed));
    if (receipt !== undefined) this.book.signed(booked, receipt);
  }

  async #storeSmall(): Promise<void> {
    while (!this.#isOver) await this.storeAll(this.#smallFile(SMALL_FILE_SHARDS));
  }

  async #storeLarge(): Promise<void> {
    while (!this.#isOver) await this.storeAll(this.#add([LARGE_BYTES_MIN + LARGE_BYTES_STEP * this.#random.below(LARGE_STEPS)]));
  }

  async #storeAndCommit(): Promise<void> {
    while (!this.#isOver) {
      const booked = this.#smallFile(2);
      await this.storeAll(booked);
      if (!this.#isOver) await this.#commit(booked);
    }
  }

  async #renewAgain(booked: BookedFile): Promise<void> {
    while (!this.#isOver) {
      const receipt = await this.#call('renew', () => this.#client(booked).renew(booked.file.fileId));
      if (receipt !== undefined) this.book.signed(booked, receipt);
    }
  }

  /** Shard after shard, or all at once and stored anew. */
  async #releaseBit(booked: BookedFile, isWhole: boolean): Promise<void> {
    for (let segment = 0; !this.#isOver; segment++) {
      if (isWhole) {
        await this.release(booked);
        if (!this.#isOver) await this.storeAll(booked);
      } else if (segment < booked.fates.length) await this.release(booked, segment);
      else return;
    }
  }

  /** One in four has the bytes of an earlier one, of either owner: the host keeps them once. */
  #smallFile(shards: number): BookedFile {
    // A roster has shards of one length, but for the last.
    const [length, last] = [this.#random.below(SMALL_LENGTHS.length), 0].map((i) => SMALL_LENGTHS[i] as number);
    const lengths = Array.from({ length: shards }, (_, i) => present(i < shards - 1 ? length : last, 'a length'));
    const other = this.book.files.at(-1 - this.#random.below(12));
    const isTwin = other !== undefined && this.#random.below(4) === 0 && other.fates.length >= shards && other.fates.length < 20;
    if (!isTwin) return this.#add(lengths);
    const same = other.file.shards.slice(0, shards).map(({ order }) => order.length);
    return this.#add(same, other.content);
  }

  #add(lengths: readonly number[], content?: string): BookedFile {
    const owner = this.#random.below(this.#owners.length);
    const name = `file ${this.#named++}`;
    const { keyPair } = present(this.#owners[owner], 'an owner');
    return this.book.add(name, makeWireFile(keyPair, name, lengths, content), owner, content);
  }

  #client(booked: BookedFile): ShardClient {
    return present(this.clients[booked.owner], 'a client');
  }

  /** The answer, when it was heard. A refusal by a host that nobody has killed is a fault, and ends the work. */
  async #call<T>(verb: keyof Receipts, call: () => Called<T>): Promise<T | undefined> {
    const beganAtMs = performance.now();
    for (;;) {
      const result = await call();
      if (result.ok) {
        this.receipts[verb]++;
        this.onReceipt();
        return result.value;
      }
      if (result.reason === 'busy' && !this.#isOver && performance.now() - beganAtMs < BUSY_MS_MAX) continue;
      if (!this.#isOver) this.faults.push(`${verb}: ${result.reason} ${result.detail ?? ''}`);
      this.#isOver = true;
      return undefined;
    }
  }
}
