// driven: the two ways of taking a shard: written to a part file, or only counted because its bytes are here already.
import { fail, ok, type Result } from '@batchain/shared';
import type { HostedShard, ShardWriter, StoreRefusal } from '../ports.ts';
import { writeAll } from './atomic-write.ts';
import { faultOf, synced } from './disk-fault.ts';
import type { DiskGauge } from './disk-gauge.ts';
import type { OpenPart } from './shard-files.ts';

/** What becomes of the part file of a writer that ended without its shard. */
export type PartFate = { readonly kind: 'keep'; readonly bytes: number } | { readonly kind: 'remove' };

/** What a writer asks of the store. Each writer calls `end` exactly once. */
export interface WriterHost {
  /** Why nothing may be written now, if so. */
  refusal(): StoreRefusal | undefined;
  onFault(error: unknown): void;
  /** Makes the shard durable, its bytes being synced. */
  keep(): Promise<Result<HostedShard, StoreRefusal>>;
  /** Gives back what was reserved; `fate` is for the part file, undefined when the shard has it. */
  end(fate: PartFate | undefined): Promise<void>;
}

/** Writes a part file. After a failed write or commit it is ended; `abandon` then does nothing. */
export class PartWriter implements ShardWriter {
  readonly #host: WriterHost;
  readonly #gauge: DiskGauge;
  readonly #part: OpenPart;
  readonly #length: number;
  #offset: number;
  #isEnded = false;
  /** What a call finds after the end. */
  #endReason: StoreRefusal = 'stopped';
  #work: Promise<unknown> = Promise.resolve();

  constructor(host: WriterHost, gauge: DiskGauge, part: OpenPart, length: number) {
    this.#host = host;
    this.#gauge = gauge;
    this.#part = part;
    this.#length = length;
    this.#offset = part.offset;
  }

  get offset(): number {
    return this.#offset;
  }

  write(bytes: Uint8Array): Promise<Result<void, StoreRefusal>> {
    return this.#alone(async () => {
      const refusal = this.#isEnded ? this.#endReason : this.#host.refusal();
      if (refusal !== undefined) return fail(refusal);
      if (this.#offset + bytes.length > this.#length) return fail('bad-bytes', `more than ${this.#length} bytes`);
      try {
        await this.#gauge.refresh();
        if (!this.#gauge.canWrite(bytes.length)) {
          await this.#end({ kind: 'remove' });
          return fail('disk-full', 'what must stay free is reached');
        }
        await writeAll(this.#part.file, bytes, this.#offset);
      } catch (error) {
        return this.#failed(error);
      }
      this.#offset += bytes.length;
      this.#gauge.written(bytes.length);
      return ok(undefined);
    });
  }

  commit(): Promise<Result<HostedShard, StoreRefusal>> {
    return this.#alone(async () => {
      const refusal = this.#isEnded ? this.#endReason : this.#host.refusal();
      if (refusal !== undefined) return fail(refusal);
      if (this.#offset < this.#length) return fail('incomplete', `${this.#offset} of ${this.#length} bytes`);
      try {
        await synced(this.#part.file.datasync());
      } catch (error) {
        return this.#failed(error);
      }
      await this.#close();
      const kept = await this.#host.keep();
      await this.#end(kept.ok ? undefined : { kind: 'keep', bytes: this.#length });
      return kept;
    });
  }

  abandon(): Promise<void> {
    return this.#alone(() => this.#end({ kind: 'keep', bytes: this.#offset }));
  }

  /** Ends for the sake of another store. */
  giveWay(): Promise<void> {
    return this.#alone(() => {
      if (!this.#isEnded) this.#endReason = 'no-room';
      return this.#end({ kind: 'keep', bytes: this.#offset });
    });
  }

  /** Bytes promised to this writer and not written. */
  get owedBytes(): number {
    return this.#length - this.#offset;
  }

  async #failed(error: unknown): Promise<Result<never, StoreRefusal>> {
    const fault = faultOf(error);
    this.#host.onFault(fault);
    await this.#end({ kind: 'remove' });
    return fail(fault.refusal, fault.message);
  }

  async #end(fate: PartFate | undefined): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#gauge.release(this.owedBytes);
    await this.#close();
    await this.#host.end(fate);
  }

  async #close(): Promise<void> {
    await this.#part.file.close().catch(() => undefined);
  }

  /** The store may abandon a writer while its owner still writes; one after the other then. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }
}

/**
 * Takes the bytes of a shard that another owner's file has already: the new owner must send them all the same, or
 * whoever knows a shard's id could have it served as his own; but they need not be written twice.
 */
export class CountingWriter implements ShardWriter {
  readonly #host: WriterHost;
  readonly #length: number;
  #offset = 0;
  #isEnded = false;

  constructor(host: WriterHost, length: number) {
    this.#host = host;
    this.#length = length;
  }

  get offset(): number {
    return this.#offset;
  }

  async write(bytes: Uint8Array): Promise<Result<void, StoreRefusal>> {
    const refusal = this.#isEnded ? 'stopped' : this.#host.refusal();
    if (refusal !== undefined) return fail(refusal);
    if (this.#offset + bytes.length > this.#length) return fail('bad-bytes', `more than ${this.#length} bytes`);
    this.#offset += bytes.length;
    return ok(undefined);
  }

  async commit(): Promise<Result<HostedShard, StoreRefusal>> {
    const refusal = this.#isEnded ? 'stopped' : this.#host.refusal();
    if (refusal !== undefined) return fail(refusal);
    if (this.#offset < this.#length) return fail('incomplete', `${this.#offset} of ${this.#length} bytes`);
    const kept = await this.#host.keep();
    await this.abandon();
    return kept;
  }

  async abandon(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#host.end(undefined);
  }
}
