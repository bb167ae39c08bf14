// driven: the verbs of the bat wire as typed calls over one session; every answer is checked before it counts.
import { assert, concatBytes, equalBytes, fail, ok, type Result, type Runtime, SIGNATURE_BYTES } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import type { FileId, ShardId } from '../ids.ts';
import { HELD_PAGE_MAX, LEAF_BYTES, SESSION_DOUBT_MS, SHARDS_PER_FILE_MAX } from '../limits.ts';
import { signAccessProof } from '../manifest/access-proof.ts';
import type { SignedRoster } from '../manifest/manifest.ts';
import { checkLeafHashes, checkLeafProof, LeafChecker, leafLength } from '../pipeline/shard.ts';
import type { StoreOrder } from '../ports.ts';
import { batRequestCodec } from '../wire/frame-codecs.ts';
import type { BatRequest, HeldShard, StorageReceipt } from '../wire/frames.ts';
import { TOO_SLOW, withPace } from './pace-guard.ts';
import {
  type AnswerOf,
  type ByteSource,
  type Called,
  type CallOptions,
  type CallParties,
  type ClientFailure,
  type ShardPlace,
  VerbCall,
} from './verb-call.ts';

export type ShardClientOptions = CallParties;
export type { CallOptions, ClientFailure } from './verb-call.ts';

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

export interface FetchRequest extends FileAccess, ShardTarget {
  /** Exactly the shard's length; filled from `offset` on. */
  readonly into: Uint8Array;
  /** Whole leaves that are there already: an interrupted fetch goes on here. */
  readonly offset?: number;
  /** Where to stop, at the end of a leaf; the shard's end by default. */
  readonly end?: number;
}

/** A shard that a host hands over, and what vouches for it. */
export interface HandedShard {
  readonly order: StoreOrder;
  readonly leafHashes: readonly Uint8Array[];
  readonly rosterId: Uint8Array;
  readonly roster: Uint8Array;
  readonly signature: Uint8Array;
  /** What is left of the lease that it is under. */
  readonly leaseUntilMs: number;
}

export interface HostStatus {
  readonly offerBytes: number;
  readonly usedBytes: number;
  readonly roomBytes: number;
  readonly isLeaving: boolean;
}

/** Reset words and stream errors that are failures of their own; all others read as `closed`. */
const CLOSE_FAILURES: Readonly<Record<string, ClientFailure>> = { timeout: 'timeout', [TOO_SLOW]: 'timeout', busy: 'busy' };

export class ShardClient {
  readonly #runtime: Runtime;
  readonly #session: BatSession;
  readonly #parties: CallParties;
  #lastProof: (FileAccess & { readonly proof: Uint8Array }) | undefined;

  constructor(runtime: Runtime, session: BatSession, options: ShardClientOptions) {
    this.#runtime = runtime;
    this.#session = session;
    this.#parties = options;
  }

  /** False once the session takes no new calls. */
  get isOpen(): boolean {
    return this.#session.isUsable;
  }

  /**
   * True when a call that began at `startedMs` (monotonic) failed because the session, older than the call, had ended without our
   * hearing of it: its end came instead of an answer, or nothing at all did, no answer to a ping either. Such a session is closed.
   */
  hasLapsed(reason: string, startedMs: number): boolean {
    if (this.#session.sinceMs >= startedMs) return false;
    if (reason === 'timeout' && this.#session.silentMs >= SESSION_DOUBT_MS) this.#session.close('timeout');
    return (reason === 'timeout' || reason === 'closed') && !this.#session.isUsable;
  }

  /** How much room the host has at this moment. */
  status(needBytes: number, options: CallOptions = {}): Called<HostStatus> {
    return this.#call({ verb: 'status', needBytes }, options, (call) => call.answer('status'));
  }

  /** Stores one shard; continues where an interrupted store of it stopped. The receipt was checked. */
  store(order: StoreOrder, leafHashes: readonly Uint8Array[], bytes: Uint8Array, options: CallOptions = {}): Called<StorageReceipt> {
    return this.#call({ verb: 'store', order, leafHashes }, options, async (call) => {
      // A host that resumes reads and hashes what it has kept before it accepts.
      const accepted = await call.answer('accepted', call.answerMs(bytes.length));
      if (!accepted.ok) return accepted;
      const { offset } = accepted.value;
      if (!isOffsetIn(offset, bytes.length)) return fail('malformed', 'an offset outside the shard');
      const answer = await call.sendAll(bytes.subarray(offset), offset);
      const receipt = await call.receipt(call.expect('receipt', answer), order.fileId, { leaseId: order.leaseId });
      return receipt.ok && !namesShard(receipt.value, order) ? fail('bad-receipt', 'it does not name the shard') : receipt;
    });
  }

  /**
   * Hands a shard of somebody's file to another host, with the roster that vouches for it; continues where an interrupted one stopped. The
   * receipt is committed and names the shard; how long it lasts is the caller's to judge.
   */
  handoff(handed: HandedShard, read: ByteSource, options: CallOptions = {}): Called<StorageReceipt> {
    const { order, leafHashes, rosterId, roster, signature, leaseUntilMs } = handed;
    const request: BatRequest = { verb: 'handoff', order, leafHashes, rosterId, rosterBytes: roster.length, leaseUntilMs };
    return this.#call(request, options, async (call) => {
      let first = await call.answer(['roster-wanted', 'accepted'], call.answerMs(order.length));
      if (first.ok && first.value.kind === 'roster-wanted') {
        const { stream } = call;
        await withPace(this.#runtime.clock, stream, () => stream.sendData(concatBytes(roster, signature)));
        first = await call.answer('accepted', call.answerMs(roster.length + order.length));
      }
      if (!first.ok) return first;
      if (first.value.kind !== 'accepted') return fail('malformed', 'the roster came already');
      const { offset } = first.value;
      if (!isOffsetIn(offset, order.length)) return fail('malformed', 'an offset outside the shard');
      const answer = await call.sendFrom((at, length) => read(offset + at, length), order.length - offset, offset);
      const receipt = await call.receipt(call.expect('receipt', answer), order.fileId, { ownerKey: order.ownerKey });
      if (!receipt.ok) return receipt;
      if (!receipt.value.isCommitted) return fail('bad-receipt', 'it is not committed');
      return namesShard(receipt.value, order) ? receipt : fail('bad-receipt', 'it does not name the shard');
    });
  }

  /** Gives the host the signed roster; its receipt of 30 days lists what it holds of the file. */
  commit(signed: SignedRoster, options: CallOptions = {}): Called<StorageReceipt> {
    const { roster, rosterId, rosterBytes, signature } = signed;
    const request: BatRequest = { verb: 'commit', fileId: roster.fileId, rosterId, rosterBytes: rosterBytes.length };
    return this.#call(request, options, async (call) => {
      const answer = await call.sendAll(concatBytes(rosterBytes, signature));
      const receipt = await call.receipt(call.expect('receipt', answer), roster.fileId);
      return receipt.ok && !receipt.value.isCommitted ? fail('bad-receipt', 'it is not committed') : receipt;
    });
  }

  /**
   * Fetches a shard into `into`, from `offset` on: the leaf hashes are checked against the shard id first, then each leaf
   * as it arrives. Resolves with the bytes that are right, counted from the shard's start; `bad-bytes` names the leaf, and
   * what is then in `into` beyond the last reported progress is not to be used. Nothing is written after the signal aborts.
   */
  fetch(request: FetchRequest, options: CallOptions = {}): Called<number> {
    const { fileId, segment, index, shardId, shardBytes, into, offset = 0, end = shardBytes } = request;
    assert(offset % LEAF_BYTES === 0 && offset < end && (end === shardBytes || end % LEAF_BYTES === 0), 'a fetch takes whole leaves');
    const wire: BatRequest = { verb: 'fetch', fileId, proof: this.#proof(request), segment, index, offset, length: end - offset };
    return this.#call(wire, { ...options, place: request }, async (call) => {
      const serving = await call.answer('serving');
      if (!serving.ok) return serving;
      const { leafHashes } = serving.value;
      if (serving.value.shardBytes !== shardBytes || !checkLeafHashes(shardId, shardBytes, leafHashes)) {
        return fail('bad-bytes', 'its leaf hashes are not those of the shard');
      }
      const checker = new LeafChecker(shardBytes, leafHashes, offset / LEAF_BYTES);
      return withPace(this.#runtime.clock, call.stream, async () => {
        let at = offset;
        while (at < end) {
          const item = await call.stream.next();
          if (isAborted(options.signal)) return fail('aborted');
          if (item === undefined) return fail('bad-bytes', `only ${at} of ${end} bytes came`);
          if (item.kind === 'data' && at + item.bytes.length > end) return fail('bad-bytes', 'more bytes than asked for');
          if (item.kind === 'control') return call.refusal(item);
          const pushed = checker.push(item.bytes);
          if (!pushed.ok) return fail('bad-bytes', pushed.detail);
          into.set(item.bytes, at);
          at += item.bytes.length;
          options.onProgress?.(Math.min(end, checker.goodLeaves * LEAF_BYTES));
        }
        return ok(at);
      });
    });
  }

  /** Asks for these leaves with their Merkle paths; the number of bytes that were proved. */
  challenge(file: FileAccess, shard: ShardTarget, leaves: readonly number[], options: CallOptions = {}): Called<number> {
    return this.#challenge(file.fileId, this.#proof(file), shard, leaves, options);
  }

  /** The same of a shard that this node has just handed to the host, which answers without access to the file. */
  challengeHanded(fileId: FileId, shard: ShardTarget, leaves: readonly number[], options: CallOptions = {}): Called<number> {
    return this.#challenge(fileId, new Uint8Array(SIGNATURE_BYTES), shard, leaves, options);
  }

  #challenge(fileId: FileId, proof: Uint8Array, shard: ShardTarget, leaves: readonly number[], options: CallOptions): Called<number> {
    const { segment, index } = shard;
    const asked = leaves.map((leaf) => ({ segment, index, leaf }));
    const wire: BatRequest = { verb: 'challenge', fileId, proof, leaves: asked };
    return this.#call(wire, { ...options, place: { fileId, segment, index } }, async (call) => {
      const deadlineMs = this.#runtime.clock.monotonicMs() + call.answerMs(leaves.length * LEAF_BYTES);
      let proved = 0;
      for (const leaf of leaves) {
        const answer = await call.answer('leaf', deadlineMs - this.#runtime.clock.monotonicMs());
        if (!answer.ok) return answer;
        const length = leafLength(shard.shardBytes, leaf);
        if (answer.value.length !== length) return fail('bad-bytes', 'a leaf of another length');
        const bytes = await call.data(length, deadlineMs);
        if (!bytes.ok) return bytes;
        const isRight = checkLeafProof(shard.shardId, shard.shardBytes, leaf, bytes.value, answer.value.path);
        if (!isRight) return fail('bad-bytes', `leaf ${leaf}`);
        proved += length;
      }
      return ok(proved);
    });
  }

  /** SHA-256 of these bytes of the shard as they lie at the host: its word. */
  digest(
    file: FileAccess,
    place: { readonly segment: number; readonly index: number },
    range: { readonly offset: number; readonly length: number },
    options: CallOptions = {},
  ): Called<Uint8Array> {
    const { fileId } = file;
    const wire: BatRequest = { verb: 'digest', fileId, proof: this.#proof(file), ...place, ...range };
    return this.#call(wire, { ...options, place: { fileId, ...place } }, async (call) => {
      const answer = await call.answer('digest', call.answerMs(range.length));
      return answer.ok ? ok(answer.value.sha256) : answer;
    });
  }

  /** What the host says that it holds of the file, page by page; ends after the first failure. */
  async *have(file: FileAccess, options: CallOptions = {}): AsyncGenerator<Result<readonly HeldShard[], ClientFailure>> {
    let after: readonly [number, number] | null = null;
    for (let count = 0; ; ) {
      const wire: BatRequest = { verb: 'have', fileId: file.fileId, proof: this.#proof(file), after };
      const page: Result<AnswerOf<'held'>, ClientFailure> = await this.#call(wire, options, (call) => this.#heldPage(call, options));
      if (!page.ok) {
        yield page;
        return;
      }
      const { shards, hasMore }: AnswerOf<'held'> = page.value;
      const last: HeldShard | undefined = shards.at(-1);
      count += shards.length;
      // Each page goes on behind the one before, and is full when another follows: nobody keeps us turning pages for ever.
      const isSound = isAscending(after, shards) && count <= SHARDS_PER_FILE_MAX && (!hasMore || shards.length === HELD_PAGE_MAX);
      if (!isSound) {
        yield fail('malformed', 'pages out of order, too short, or too many');
        return;
      }
      yield ok(shards);
      if (!hasMore || last === undefined) return;
      after = [last.segment, last.index];
    }
  }

  /** Behind the last page may stand what was handed over; who says nothing of it has nothing to say. */
  async #heldPage(call: VerbCall, { onMovedShards }: CallOptions): Called<AnswerOf<'held'>> {
    const page = await call.answer('held');
    if (!page.ok || page.value.hasMore || onMovedShards === undefined) return page;
    const more = await call.stream.next({ timeoutMs: call.answerMs(0) }).catch(() => undefined);
    const moved = more === undefined ? undefined : call.expect('moved-places', more);
    if (moved?.ok !== true) return page;
    const { hosts, places } = moved.value;
    onMovedShards(
      places.flatMap(([segment, index, number]) => {
        const host = hosts[number];
        return host === undefined ? [] : [{ segment, index, host }];
      }),
    );
    return page;
  }

  /** Owner only: the lease goes on for its full time from now. */
  renew(fileId: FileId, options: CallOptions = {}): Called<StorageReceipt> {
    return this.#call({ verb: 'renew', fileId }, options, async (call) => call.receipt(await call.answer('receipt'), fileId));
  }

  /** Owner only: the host forgets these places, or all of the file; how many. */
  async release(fileId: FileId, refs: readonly (readonly [number, number])[] | null, options: CallOptions = {}): Called<number> {
    const released = await this.#call({ verb: 'release', fileId, refs }, options, (call) => call.answer('released'));
    return released.ok ? ok(released.value.count) : released;
  }

  /** Opens a stream, sends the request, and turns every way in which a stream can end into a result. */
  async #call<T>(
    request: BatRequest,
    options: CallOptions & { readonly place?: ShardPlace },
    run: (call: VerbCall) => Called<T>,
  ): Called<T> {
    const { signal } = options;
    if (isAborted(signal)) return fail('aborted');
    let stream: BatStream | undefined;
    const onAbort = (): void => stream?.reset('cancelled');
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      stream = await this.#session.openStream(signal === undefined ? {} : { signal });
      await stream.sendControl(batRequestCodec.encode(request));
      const result = await run(new VerbCall(this.#runtime, this.#session, stream, this.#parties, options));
      // Whatever the peer still sends is of no use; a finished stream takes no harm.
      stream.reset(result.ok ? 'done' : 'given-up');
      return isAborted(signal) && !result.ok ? fail('aborted') : result;
    } catch (error) {
      stream?.reset('given-up');
      if (isAborted(signal)) return fail('aborted');
      const reason = error instanceof Error && 'reason' in error ? String(error.reason) : '';
      if (reason === '') throw error;
      return fail(CLOSE_FAILURES[reason] ?? 'closed', reason);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** The same for all requests of a file on this session; importing the key for each would cost a millisecond. */
  #proof({ fileId, accessSeed }: FileAccess): Uint8Array {
    const last = this.#lastProof;
    if (last !== undefined && equalBytes(last.fileId, fileId) && equalBytes(last.accessSeed, accessSeed)) return last.proof;
    const { connection } = this.#session;
    const prover = this.#parties.signer.nodeId;
    const proof = signAccessProof(accessSeed, { fileId, binding: connection.binding, prover, host: connection.peer.nodeId });
    this.#lastProof = { fileId, accessSeed, proof };
    return proof;
  }
}

const isOffsetIn = (offset: number, length: number): boolean => offset === length || (offset < length && offset % LEAF_BYTES === 0);

/** True when the receipt is for this shard and no other. */
function namesShard({ shards: [held, ...others] }: StorageReceipt, order: StoreOrder): boolean {
  if (held === undefined || others.length > 0 || held.isDamaged || held.length !== order.length) return false;
  return held.segment === order.segment && held.index === order.index && equalBytes(held.shardId, order.shardId);
}

/** Asked anew each time: it changes while we wait. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function isAscending(after: readonly [number, number] | null, shards: readonly HeldShard[]): boolean {
  let [segment, index] = after ?? [-1, -1];
  for (const held of shards) {
    if (held.segment < segment || (held.segment === segment && held.index <= index)) return false;
    [segment, index] = [held.segment, held.index];
  }
  return true;
}
