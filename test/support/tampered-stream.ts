// driven: a stream between an honest host and whoever asks it, on which answers and data can be changed on their way out.
import type { BatStream, StreamItem } from '@batchain/bat-node';
import { batAnswerCodec, batRequestCodec } from '../../packages/bat-node/src/wire/frame-codecs.ts';
import type { BatAnswer, BatRequest } from '../../packages/bat-node/src/wire/frames.ts';
import type { Serving } from './bat-member.ts';

export interface Changes {
  /** What goes out instead of an answer; undefined for nothing. */
  readonly answer?: (answer: BatAnswer) => BatAnswer | undefined;
  /** What goes out instead of data; `offset` counts the data sent so far. Throw or reset to stop. */
  readonly data?: (bytes: Uint8Array, offset: number) => Uint8Array | Promise<Uint8Array>;
  /** Runs before each item is taken from the other side, and before each answer. */
  readonly before?: (what: 'item' | 'answer') => Promise<void>;
  /** Runs before the host's end of the stream. */
  readonly beforeEnd?: (stream: BatStream) => Promise<void>;
}

export class TamperedStream implements BatStream {
  readonly #inner: BatStream;
  readonly #changes: Changes;
  #first: StreamItem | undefined;
  #sentBytes = 0;

  constructor(inner: BatStream, first: StreamItem, changes: Changes) {
    this.#inner = inner;
    this.#first = first;
    this.#changes = changes;
  }

  get movedBytes(): number {
    return this.#inner.movedBytes;
  }

  async sendControl(bytes: Uint8Array): Promise<void> {
    await this.#changes.before?.('answer');
    const decoded = batAnswerCodec.decode(bytes);
    if (!decoded.ok || this.#changes.answer === undefined) return this.#inner.sendControl(bytes);
    const changed = this.#changes.answer(decoded.value);
    if (changed !== undefined) await this.#inner.sendControl(batAnswerCodec.encode(changed));
  }

  async sendData(bytes: Uint8Array): Promise<void> {
    const offset = this.#sentBytes;
    this.#sentBytes += bytes.length;
    const changed = this.#changes.data === undefined ? bytes : await this.#changes.data(bytes, offset);
    if (changed.length > 0) await this.#inner.sendData(changed);
  }

  async end(): Promise<void> {
    await this.#changes.beforeEnd?.(this.#inner);
    await this.#inner.end();
  }

  reset(reason: string): void {
    this.#inner.reset(reason);
  }

  allowTinyFrames(): void {
    this.#inner.allowTinyFrames();
  }

  async next(options?: { readonly timeoutMs?: number }): Promise<StreamItem | undefined> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    await this.#changes.before?.('item');
    return this.#inner.next(options);
  }
}

/** A request that a misbehaving host got, and what it may do with it. */
export interface Visit<K extends BatRequest['verb']> {
  readonly request: Extract<BatRequest, { readonly verb: K }>;
  readonly requestBytes: Uint8Array;
  readonly stream: BatStream;
  readonly session: Parameters<Serving>[0];
  readonly member: Parameters<Serving>[2];
  readonly answer: (answer: BatAnswer) => Promise<void>;
  /** Serves as an honest host does, with these changes. */
  readonly serve: (changes: Changes) => Promise<void>;
  /** Reads whatever still comes, until the other side ends. */
  readonly readAll: () => Promise<Uint8Array[]>;
}

type Behaviours = { readonly [K in BatRequest['verb']]?: (visit: Visit<K>) => Promise<void> };

/** A host that behaves like this on some verbs and honestly on all others. */
export function misbehaving(behaviours: Behaviours): Serving {
  return async (session, stream, member) => {
    const first = await stream.next();
    if (first?.kind !== 'control') return stream.reset('malformed');
    const decoded = batRequestCodec.decode(first.bytes);
    const serve = (changes: Changes): Promise<void> => member.honest(new TamperedStream(stream, first, changes));
    const behaviour = decoded.ok ? (behaviours[decoded.value.verb] as ((visit: Visit<never>) => Promise<void>) | undefined) : undefined;
    if (!decoded.ok || behaviour === undefined) return serve({});
    const answer = (value: BatAnswer): Promise<void> => stream.sendControl(batAnswerCodec.encode(value));
    const readAll = async (): Promise<Uint8Array[]> => {
      const parts: Uint8Array[] = [];
      for (let item = await stream.next(); item !== undefined; item = await stream.next()) parts.push(item.bytes);
      return parts;
    };
    const visit = { request: decoded.value, requestBytes: first.bytes, stream, session, member, answer, serve, readAll };
    await behaviour(visit as unknown as Visit<never>);
  };
}
