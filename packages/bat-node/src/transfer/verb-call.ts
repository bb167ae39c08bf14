// driven: the asking side of one verb on one stream: answers with deadlines, data with a pace, receipts and statements checked.
import {
  equalBytes,
  fail,
  KiB,
  MiB,
  type NodeId,
  nodeIdFromPublicKey,
  ok,
  type Result,
  type Runtime,
  type Signer,
  toHex,
  type Verifier,
} from '@batchain/shared';
import type { BatSession, BatStream, StreamItem } from '../connection/bat-session.ts';
import { answerDeadlineMs } from '../connection/deadlines.ts';
import type { FileId } from '../ids.ts';
import { LEAF_BYTES } from '../limits.ts';
import { batAnswerCodec } from '../wire/frame-codecs.ts';
import type { BatAnswer, BatRefusal, MovedShard, StorageReceipt } from '../wire/frames.ts';
import { openReceipt, openStatement } from '../wire/receipt.ts';
import { withPace } from './pace-guard.ts';

/**
 * `bad-bytes`: leaf or proof does not fit; `malformed`: the answer is none of ours; `closed`: the stream or session ended; `moved`: it
 * handed the shard over.
 */
export type ClientFailure = BatRefusal | 'timeout' | 'closed' | 'aborted' | 'bad-receipt' | 'moved';
export type Called<T> = Promise<Result<T, ClientFailure>>;
export type AnswerOf<K extends BatAnswer['kind']> = Extract<BatAnswer, { kind: K }>;

/** The host's signed word that it lacks a shard; checked, and kept as evidence by who wants to. */
export interface SignedStatement {
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the shard that are sent, or received and right. */
  readonly onProgress?: (doneBytes: number) => void;
  readonly onStatement?: (signed: SignedStatement) => void;
  /** The host says that this one has the shard now: its word, which proves nothing. */
  readonly onMoved?: (host: NodeId) => void;
  /** HAVE: the same of all shards of the file that it handed over. */
  readonly onMovedShards?: (shards: readonly MovedShard[]) => void;
}

/** So many bytes from there on; undefined when they can not be had. */
export type ByteSource = (at: number, length: number) => Promise<Uint8Array | undefined>;

export interface ShardPlace {
  readonly fileId: FileId;
  readonly segment: number;
  readonly index: number;
}

export interface CallParties {
  readonly signer: Signer;
  readonly verifier: Verifier;
}

/** Between two reports of progress: more where the link is fast and pays for each step, less where a step takes long. */
const SEND_STEP_MIN_BYTES: number = LEAF_BYTES;
const SEND_STEP_FIRST_BYTES: number = 64 * KiB;
const SEND_STEP_MAX_BYTES: number = 1 * MiB;
/** A step that takes less becomes larger, one that takes more smaller. */
const SEND_STEP_SHORT_MS = 100;
const SEND_STEP_LONG_MS = 250;

export class VerbCall {
  readonly stream: BatStream;
  readonly #runtime: Runtime;
  readonly #session: BatSession;
  readonly #parties: CallParties;
  readonly #options: CallOptions;
  readonly #place: ShardPlace | undefined;

  /** `place`: the shard that is asked for; then the host's word that it lacks it counts only when signed. */
  constructor(
    runtime: Runtime,
    session: BatSession,
    stream: BatStream,
    parties: CallParties,
    options: CallOptions & { readonly place?: ShardPlace },
  ) {
    this.#runtime = runtime;
    this.#session = session;
    this.stream = stream;
    this.#parties = parties;
    this.#options = options;
    this.#place = options.place;
  }

  /** Deadline of an answer that takes the peer work on so many bytes: max(5 s, 4 x RTT + bytes at 128 KiB/s), T1. */
  answerMs(bytes: number): number {
    return answerDeadlineMs(bytes, this.#session.rttMs);
  }

  /** The next control frame, which must be of one of these kinds. */
  async answer<K extends BatAnswer['kind']>(kind: K | readonly K[], timeoutMs: number = this.answerMs(0)): Called<AnswerOf<K>> {
    return this.expect(kind, await this.stream.next({ timeoutMs: Math.max(1, timeoutMs) }));
  }

  /** The same for an item that was read already. */
  expect<K extends BatAnswer['kind']>(kind: K | readonly K[], item: StreamItem | undefined): Result<AnswerOf<K>, ClientFailure> {
    if (item === undefined) return fail('closed', 'it ended without an answer');
    if (item.kind !== 'control') return fail('malformed', 'data before an answer');
    const answer = batAnswerCodec.decode(item.bytes);
    if (!answer.ok) return fail('malformed', answer.detail);
    const kinds: readonly string[] = typeof kind === 'string' ? [kind] : kind;
    if (kinds.includes(answer.value.kind)) return ok(answer.value as AnswerOf<K>);
    if (answer.value.kind === 'refused') return this.#refused(answer.value);
    if (answer.value.kind === 'moved') return this.#moved(answer.value);
    return answer.value.kind === 'leaf-missing'
      ? this.#missing(answer.value)
      : fail('malformed', `${answer.value.kind} instead of ${kinds.join(' or ')}`);
  }

  /** Exactly `length` raw bytes before a moment of the monotonic clock. */
  async data(length: number, deadlineMs: number): Called<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const item = await this.stream.next({ timeoutMs: Math.max(1, deadlineMs - this.#runtime.clock.monotonicMs()) });
      if (item === undefined) return fail('bad-bytes', 'fewer bytes than announced');
      if (item.kind === 'control') return this.refusal(item);
      if (at + item.bytes.length > length) return fail('bad-bytes', 'more bytes than announced');
      bytes.set(item.bytes, at);
      at += item.bytes.length;
    }
    return ok(bytes);
  }

  /** A control frame where data was to come. */
  refusal(item: StreamItem): Result<never, ClientFailure> {
    const answer = this.expect('refused', item);
    return answer.ok ? this.#refused(answer.value) : answer;
  }

  /** Sends data and end; stops early when the host answers before it has all, which it does to refuse. Its answer. */
  sendAll(bytes: Uint8Array, doneBytes = 0): Promise<StreamItem | undefined> {
    return this.sendFrom(async (at, length) => bytes.subarray(at, at + length), bytes.length, doneBytes);
  }

  /** The same, read piece by piece; a source that gives nothing ends the stream. */
  async sendFrom(read: ByteSource, length: number, doneBytes = 0): Promise<StreamItem | undefined> {
    const answer = { isThere: false };
    const next = this.stream.next().finally(() => {
      answer.isThere = true;
    });
    next.catch(() => undefined);
    await withPace(this.#runtime.clock, this.stream, async () => {
      let stepBytes = SEND_STEP_FIRST_BYTES;
      for (let at = 0; at < length && !answer.isThere; ) {
        const step = await read(at, Math.min(stepBytes, length - at));
        if (step === undefined) return this.stream.reset('given-up');
        const startedMs = this.#runtime.clock.monotonicMs();
        // A send that fails is explained by the answer, or fails for the same reason.
        await Promise.race([this.stream.sendData(step), next]).catch(() => undefined);
        at += step.length;
        if (!answer.isThere) this.#options.onProgress?.(doneBytes + at);
        stepBytes = nextStepBytes(stepBytes, this.#runtime.clock.monotonicMs() - startedMs);
      }
    });
    if (!answer.isThere) await this.stream.end().catch(() => undefined);
    const deadline = this.#runtime.clock.setTimer(this.answerMs(length), () => this.stream.reset('timeout'));
    try {
      return await next;
    } finally {
      deadline.cancel();
    }
  }

  /** The receipt that `announced` begins: signed by this host, for this owner (us, by default), file and lease. */
  async receipt(
    announced: Result<AnswerOf<'receipt'>, ClientFailure>,
    fileId: FileId,
    { leaseId, ownerKey = this.#parties.signer.publicKey }: { readonly leaseId?: Uint8Array; readonly ownerKey?: Uint8Array } = {},
  ): Called<StorageReceipt> {
    if (!announced.ok) return announced;
    const { receiptBytes } = announced.value;
    const bytes = await this.data(receiptBytes, this.#runtime.clock.monotonicMs() + this.answerMs(receiptBytes));
    if (!bytes.ok) return bytes;
    const receipt = openReceipt(this.#parties.verifier, bytes.value);
    if (!receipt.ok) return fail('bad-receipt', receipt.reason);
    const { value } = receipt;
    const isHost = equalBytes(nodeIdFromPublicKey(value.hostKey), this.#session.connection.peer.nodeId);
    const isOurs = equalBytes(value.ownerKey, ownerKey) && equalBytes(value.fileId, fileId);
    const isLease = leaseId === undefined || equalBytes(value.leaseId, leaseId);
    return isHost && isOurs && isLease ? receipt : fail('bad-receipt', 'it is for something else');
  }

  #refused(answer: AnswerOf<'refused'>): Result<never, ClientFailure> {
    const isBlame = answer.reason === 'not-held' || answer.reason === 'damaged';
    return isBlame && this.#place !== undefined ? fail('malformed', 'it did not sign that') : fail(answer.reason, answer.detail);
  }

  /** One that names itself would send us round. */
  #moved({ host }: AnswerOf<'moved'>): Result<never, ClientFailure> {
    if (this.#place === undefined || equalBytes(host, this.#session.connection.peer.nodeId)) return fail('malformed', 'moved to nowhere');
    this.#options.onMoved?.(host);
    return fail('moved', toHex(host));
  }

  /** The host's word that it lacks the shard counts only when signed, by this host, on this connection, for this shard. */
  #missing(answer: AnswerOf<'leaf-missing'>): Result<never, ClientFailure> {
    const opened = openStatement(this.#parties.verifier, answer.statement, answer.signature);
    if (!opened.ok) return fail('malformed', opened.reason);
    const { value } = opened;
    const { connection } = this.#session;
    const place = this.#place;
    const isHost = equalBytes(nodeIdFromPublicKey(value.hostKey), connection.peer.nodeId) && equalBytes(value.binding, connection.binding);
    const isShard =
      place !== undefined && equalBytes(value.fileId, place.fileId) && value.segment === place.segment && value.index === place.index;
    if (!isHost || !isShard) return fail('malformed', 'a statement about something else');
    this.#options.onStatement?.({ statement: answer.statement, signature: answer.signature });
    return fail(value.state);
  }
}

function nextStepBytes(stepBytes: number, tookMs: number): number {
  if (tookMs < SEND_STEP_SHORT_MS) return Math.min(SEND_STEP_MAX_BYTES, 2 * stepBytes);
  return tookMs > SEND_STEP_LONG_MS ? Math.max(SEND_STEP_MIN_BYTES, stepBytes / 2) : stepBytes;
}
