// driven: the verbs of the bat wire as typed calls over one session; every answer is checked before it counts.
import {
  concatBytes,
  equalBytes,
  fail,
  nodeIdFromPublicKey,
  ok,
  type Result,
  type Runtime,
  type Signer,
  type Timer,
  type Verifier,
} from '@batchain/shared';
import type { BatSession, BatStream, StreamItem } from '../connection/bat-session.ts';
import type { FileId, ShardId } from '../ids.ts';
import { ANSWER_TIMEOUT_MS, AUDIT_BYTES_PER_SECOND, LEAF_BYTES, RECEIPT_BYTES_MAX, SLOW_WINDOW_MS } from '../limits.ts';
import { signAccessProof } from '../manifest/access-proof.ts';
import type { SignedRoster } from '../manifest/manifest.ts';
import { checkLeafHashes, checkLeafProof, LeafChecker, leafLength } from '../pipeline/shard.ts';
import type { StoreOrder } from '../ports.ts';
import { batAnswerCodec, batRequestCodec } from '../wire/frame-codecs.ts';
import type { BatAnswer, BatRefusal, BatRequest, HeldShard, StorageReceipt } from '../wire/frames.ts';
import { openReceipt, openStatement } from '../wire/receipt.ts';

/** `bad-bytes`: leaf or proof does not fit; `malformed`: the answer is none of ours; `closed`: the stream or session ended. */
export type ClientFailure = BatRefusal | 'timeout' | 'closed' | 'aborted' | 'bad-receipt';

/** Credit for so much must come within SLOW_WINDOW_MS (T14: at least 4 KiB/s). */
const SEND_STEP_BYTES: number = 128 * 1024;

export interface ShardClientOptions {
  readonly signer: Signer;
  readonly verifier: Verifier;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** The file and the right to ask for it. */
export interface FileAccess {
  readonly fileId: FileId;
  readonly accessSeed: Uint8Array;
}

export interface ShardTarget {
  readonly segment: number;
  readonly index: number;
  readonly shardId: ShardId;
  readonly shardBytes: number;
}

export interface HostStatus {
  readonly offerBytes: number;
  readonly usedBytes: number;
  readonly roomBytes: number;
  readonly isLeaving: boolean;
}

type Called<T> = Promise<Result<T, ClientFailure>>;
type AnswerOf<K extends BatAnswer['kind']> = Extract<BatAnswer, { kind: K }>;

export class ShardClient {
  readonly #runtime: Runtime;
  readonly #session: BatSession;
  readonly #options: ShardClientOptions;
  #isOpen = true;

  constructor(runtime: Runtime, session: BatSession, options: ShardClientOptions) {
    this.#runtime = runtime;
    this.#session = session;
    this.#options = options;
    void session.closed.then(() => {
      this.#isOpen = false;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What the host has room for now. */
  status(needBytes: number, options: CallOptions = {}): Called<HostStatus> {
    return this.#call({ verb: 'status', needBytes }, options, (stream) => this.#answer(stream, 'status'));
  }

  /** Stores one shard; continues where an interrupted store of it stopped. The receipt was checked. */
  store(order: StoreOrder, leafHashes: readonly Uint8Array[], bytes: Uint8Array, options: CallOptions = {}): Called<StorageReceipt> {
    return this.#call({ verb: 'store', order, leafHashes }, options, async (stream) => {
      const accepted = await this.#answer(stream, 'accepted');
      if (!accepted.ok) return accepted;
      if (accepted.value.offset > bytes.length || accepted.value.offset % LEAF_BYTES > 0) {
        if (accepted.value.offset !== bytes.length) return fail('malformed', 'an offset outside the shard');
      }
      const sent = await this.#sendAll(stream, bytes.subarray(accepted.value.offset));
      if (!sent.ok) return sent;
      const receipt = await this.#receipt(stream, order.fileId, order.leaseId, sent.value);
      if (!receipt.ok) return receipt;
      const isNamed = receipt.value.shards.some(
        (held) => held.segment === order.segment && held.index === order.index && equalBytes(held.shardId, order.shardId),
      );
      return isNamed ? receipt : fail('bad-receipt', 'it does not name the shard');
    });
  }

  /** Gives the host the signed roster; its receipt of 30 days lists what it holds of the file. */
  commit(signed: SignedRoster, options: CallOptions = {}): Called<StorageReceipt> {
    const { roster, rosterId, rosterBytes, signature } = signed;
    const request: BatRequest = { verb: 'commit', fileId: roster.fileId, rosterId, rosterBytes: rosterBytes.length };
    return this.#call(request, options, async (stream) => {
      const sent = await this.#sendAll(stream, concatBytes(rosterBytes, signature));
      if (!sent.ok) return sent;
      const receipt = await this.#receipt(stream, roster.fileId, undefined, sent.value);
      return receipt.ok && !receipt.value.isCommitted ? fail('bad-receipt', 'it is not committed') : receipt;
    });
  }

  /**
   * Fetches a whole shard into `into` (exactly its length), every leaf checked before it is written. Nothing is written
   * after the signal aborts.
   */
  fetch(request: FileAccess & ShardTarget & { readonly into: Uint8Array }, options: CallOptions = {}): Called<number> {
    const { fileId, segment, index, shardId, shardBytes, into } = request;
    const wire: BatRequest = { verb: 'fetch', fileId, proof: this.#proof(request), segment, index, offset: 0, length: shardBytes };
    return this.#call(wire, options, async (stream) => {
      const serving = await this.#answer(stream, 'serving');
      if (!serving.ok) return serving;
      const { leafHashes } = serving.value;
      if (serving.value.shardBytes !== shardBytes || !checkLeafHashes(shardId, shardBytes, leafHashes)) {
        return fail('bad-bytes', 'its leaf hashes are not those of the shard');
      }
      const checker = new LeafChecker(shardBytes, leafHashes);
      let at = 0;
      while (at < shardBytes) {
        const item = await stream.next({ timeoutMs: SLOW_WINDOW_MS });
        if (isAborted(options.signal)) return fail('aborted');
        if (item === undefined) return fail('bad-bytes', `only ${at} of ${shardBytes} bytes came`);
        if (item.kind === 'control') return this.#refusal(item.bytes);
        const pushed = checker.push(item.bytes);
        if (!pushed.ok) return fail('bad-bytes', pushed.detail);
        into.set(item.bytes, at);
        at += item.bytes.length;
      }
      return ok(at);
    });
  }

  /** Asks for these leaves with their Merkle paths; the number of bytes that were proved. */
  challenge(file: FileAccess, shard: ShardTarget, leaves: readonly number[], options: CallOptions = {}): Called<number> {
    const { segment, index } = shard;
    const wire: BatRequest = {
      verb: 'challenge',
      fileId: file.fileId,
      proof: this.#proof(file),
      leaves: leaves.map((leaf) => ({ segment, index, leaf })),
    };
    return this.#call(wire, options, async (stream) => {
      const deadlineMs = this.#runtime.clock.monotonicMs() + this.#answerMs(leaves.length * LEAF_BYTES);
      let proved = 0;
      for (const leaf of leaves) {
        const answer = await this.#nextAnswer(stream, deadlineMs - this.#runtime.clock.monotonicMs());
        if (!answer.ok) return answer;
        if (answer.value.kind === 'leaf-missing') return this.#missing(answer.value, file.fileId, shard);
        if (answer.value.kind !== 'leaf') return answer.value.kind === 'refused' ? refused(answer.value) : fail('malformed');
        const length = leafLength(shard.shardBytes, leaf);
        if (answer.value.length !== length) return fail('bad-bytes', 'a leaf of another length');
        const bytes = await this.#data(stream, length, deadlineMs);
        if (!bytes.ok) return bytes;
        if (!checkLeafProof(shard.shardId, shard.shardBytes, leaf, bytes.value, answer.value.path))
          return fail('bad-bytes', `leaf ${leaf}`);
        proved += length;
      }
      return ok(proved);
    });
  }

  /** What the host says that it holds of the file, page by page; ends after the first failure. */
  async *have(file: FileAccess, options: CallOptions = {}): AsyncGenerator<Result<readonly HeldShard[], ClientFailure>> {
    let after: readonly [number, number] | null = null;
    for (;;) {
      const wire: BatRequest = { verb: 'have', fileId: file.fileId, proof: this.#proof(file), after };
      const page: Result<AnswerOf<'held'>, ClientFailure> = await this.#call(wire, options, (stream) => this.#answer(stream, 'held'));
      if (!page.ok) {
        yield page;
        return;
      }
      yield ok(page.value.shards);
      const last = page.value.shards.at(-1);
      const isForward: boolean =
        last !== undefined && (after === null || last.segment > after[0] || (last.segment === after[0] && last.index > after[1]));
      if (!page.value.hasMore || last === undefined || !isForward) return;
      after = [last.segment, last.index];
    }
  }

  /** Owner only: the lease goes on for its full time from now. */
  renew(fileId: FileId, options: CallOptions = {}): Called<StorageReceipt> {
    return this.#call({ verb: 'renew', fileId }, options, (stream) => this.#receipt(stream, fileId, undefined));
  }

  /** Owner only: the host forgets these places, or all of the file; how many. */
  async release(fileId: FileId, refs: readonly (readonly [number, number])[] | null, options: CallOptions = {}): Called<number> {
    const released = await this.#call({ verb: 'release', fileId, refs }, options, (stream) => this.#answer(stream, 'released'));
    return released.ok ? ok(released.value.count) : released;
  }

  /** Opens a stream, sends the request, and turns every way in which a stream can end into a result. */
  async #call<T>(request: BatRequest, options: CallOptions, run: (stream: BatStream) => Called<T>): Called<T> {
    const { signal } = options;
    if (isAborted(signal)) return fail('aborted');
    let stream: BatStream | undefined;
    const onAbort = (): void => stream?.reset('cancelled');
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      stream = await this.#session.openStream(signal === undefined ? {} : { signal });
      await stream.sendControl(batRequestCodec.encode(request));
      const result = await run(stream);
      // Whatever the peer still sends is of no use; a finished stream takes no harm.
      stream.reset(result.ok ? 'done' : 'given-up');
      return isAborted(signal) && !result.ok ? fail('aborted') : result;
    } catch (error) {
      stream?.reset('given-up');
      if (isAborted(signal)) return fail('aborted');
      const reason = error instanceof Error && 'reason' in error ? String(error.reason) : '';
      if (reason === '') throw error;
      return reason === 'timeout' ? fail('timeout') : fail('closed', reason);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #proof(file: FileAccess): Uint8Array {
    const { connection } = this.#session;
    const prover = this.#options.signer.nodeId;
    return signAccessProof(file.accessSeed, { fileId: file.fileId, binding: connection.binding, prover, host: connection.peer.nodeId });
  }

  /** Deadline of an answer: max(5 s, 4 x RTT + bytes at 128 KiB/s), T1. */
  #answerMs(bytes: number): number {
    return Math.max(ANSWER_TIMEOUT_MS, 4 * (this.#session.rttMs ?? 0) + (bytes * 1000) / AUDIT_BYTES_PER_SECOND);
  }

  async #nextAnswer(stream: BatStream, timeoutMs: number, first?: StreamItem): Called<BatAnswer> {
    const item = first ?? (await stream.next({ timeoutMs: Math.max(1, timeoutMs) }));
    if (item === undefined) return fail('closed', 'it ended without an answer');
    if (item.kind !== 'control') return fail('malformed', 'data before an answer');
    const answer = batAnswerCodec.decode(item.bytes);
    return answer.ok ? answer : fail('malformed', answer.detail);
  }

  async #answer<K extends BatAnswer['kind']>(stream: BatStream, kind: K, first?: StreamItem): Called<AnswerOf<K>> {
    const answer = await this.#nextAnswer(stream, SLOW_WINDOW_MS, first);
    if (!answer.ok) return answer;
    if (answer.value.kind === kind) return ok(answer.value as AnswerOf<K>);
    return answer.value.kind === 'refused' ? refused(answer.value) : fail('malformed', `${answer.value.kind} instead of ${kind}`);
  }

  #refusal(bytes: Uint8Array): Result<never, ClientFailure> {
    const answer = batAnswerCodec.decode(bytes);
    return answer.ok && answer.value.kind === 'refused' ? refused(answer.value) : fail('malformed');
  }

  /** Exactly `length` raw bytes. */
  async #data(stream: BatStream, length: number, deadlineMs: number): Called<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const item = await stream.next({ timeoutMs: Math.max(1, deadlineMs - this.#runtime.clock.monotonicMs()) });
      if (item === undefined) return fail('bad-bytes', 'fewer bytes than announced');
      if (item.kind === 'control') return this.#refusal(item.bytes);
      if (at + item.bytes.length > length) return fail('bad-bytes', 'more bytes than announced');
      bytes.set(item.bytes, at);
      at += item.bytes.length;
    }
    return ok(bytes);
  }

  /**
   * Sends data and end; the host may answer before it has all (it refuses then). Resolves with its answer; a host that takes
   * nothing for SLOW_WINDOW_MS is given up.
   */
  async #sendAll(stream: BatStream, bytes: Uint8Array): Called<StreamItem | undefined> {
    let isAnswered = false;
    let isStalled = false;
    const answer = stream.next().finally(() => {
      isAnswered = true;
    });
    answer.catch(() => undefined);
    const arm = (): Timer =>
      this.#runtime.clock.setTimer(SLOW_WINDOW_MS, () => {
        isStalled = true;
        stream.reset('stalled');
      });
    for (let at = 0; at < bytes.length && !isAnswered; at += SEND_STEP_BYTES) {
      const stall = arm();
      await Promise.race([stream.sendData(bytes.subarray(at, at + SEND_STEP_BYTES)), answer]).catch(() => undefined);
      stall.cancel();
    }
    if (!isAnswered) await stream.end().catch(() => undefined);
    const stall = arm();
    try {
      return ok(await answer);
    } catch (error) {
      if (isStalled) return fail('timeout', 'it took no data');
      throw error;
    } finally {
      stall.cancel();
    }
  }

  async #receipt(stream: BatStream, fileId: FileId, leaseId: Uint8Array | undefined, first?: StreamItem): Called<StorageReceipt> {
    const announced = await this.#answer(stream, 'receipt', first);
    if (!announced.ok) return announced;
    if (announced.value.receiptBytes > RECEIPT_BYTES_MAX) return fail('bad-receipt', 'it is too long');
    const bytes = await this.#data(stream, announced.value.receiptBytes, this.#runtime.clock.monotonicMs() + SLOW_WINDOW_MS);
    if (!bytes.ok) return bytes;
    const receipt = openReceipt(this.#options.verifier, bytes.value);
    if (!receipt.ok) return fail('bad-receipt', receipt.reason);
    const { value } = receipt;
    const isHost = equalBytes(nodeIdFromPublicKey(value.hostKey), this.#session.connection.peer.nodeId);
    const isOurs = equalBytes(value.ownerKey, this.#options.signer.publicKey) && equalBytes(value.fileId, fileId);
    const isLease = leaseId === undefined || equalBytes(value.leaseId, leaseId);
    return isHost && isOurs && isLease ? receipt : fail('bad-receipt', 'it is for something else');
  }

  /** The host's signed word that it lacks the shard counts only for this shard, from this host, on this connection. */
  #missing(answer: AnswerOf<'leaf-missing'>, fileId: FileId, shard: ShardTarget): Result<never, ClientFailure> {
    const opened = openStatement(this.#options.verifier, answer.statement, answer.signature);
    if (!opened.ok) return fail('malformed', opened.reason);
    const { value } = opened;
    const { connection } = this.#session;
    const isHost = equalBytes(nodeIdFromPublicKey(value.hostKey), connection.peer.nodeId) && equalBytes(value.binding, connection.binding);
    const isShard = equalBytes(value.fileId, fileId) && value.segment === shard.segment && value.index === shard.index;
    return isHost && isShard ? fail(value.state) : fail('malformed', 'a statement about something else');
  }
}

/** Asked anew each time: it changes while we wait. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function refused(answer: AnswerOf<'refused'>): Result<never, ClientFailure> {
  return fail(answer.reason, answer.detail);
}
