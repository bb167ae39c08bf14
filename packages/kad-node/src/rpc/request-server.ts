// driven: decodes one request, hands it to the handler, encodes the answer; nothing that a peer sends makes it throw.
import { type Runtime, toBatChainError } from '@batchain/shared';
import { REPLY_CACHE_MAX, REPLY_CACHE_MS } from '../limits.ts';
import { canRideInHello } from '../wire/first-exchange.ts';
import { decodeRequest, encodeResponse, errorResponse } from '../wire/message-codecs.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import { BoundedMap } from './bounded-map.ts';
import type { ProvedPeer, RpcHandler } from './kad-rpc.ts';
import type { RpcStats } from './rpc-stats.ts';

export interface Asker {
  readonly peer: ProvedPeer;
  readonly isProved: boolean;
  readonly isClient: boolean;
}

export interface ServeOptions {
  /** Longest answer, in bytes. */
  readonly roomBytes: number;
  /** True when the request came in a HELLO. */
  readonly isFirst: boolean;
  /** Names asker and transaction, so that a retry gets the same answer and has no second effect. */
  readonly retryKey?: () => string;
}

interface CachedReply {
  readonly bytes: Uint8Array;
  readonly untilMs: number;
}

const EFFECTS: ReadonlySet<KadRequest['type']> = new Set(['store', 'dial-back', 'probe', 'dial-back-result', 'introduce', 'signal']);
/** Asking the others again changes nothing, so a retry is simply served again. */
const hasEffects = (request: KadRequest): boolean => EFFECTS.has(request.type);

export class RequestServer {
  readonly #runtime: Runtime;
  readonly #stats: RpcStats;
  readonly #replies = new BoundedMap<string, CachedReply>(REPLY_CACHE_MAX);
  #handler: RpcHandler = () => errorResponse('unsupported-verb', 'this node answers nothing');

  constructor(runtime: Runtime, stats: RpcStats) {
    this.#runtime = runtime;
    this.#stats = stats;
  }

  setHandler(handler: RpcHandler): void {
    this.#handler = handler;
  }

  /** The bytes of the answer: what the handler gave, or an error with its reason (DF-06). Never throws. */
  serve(asker: Asker, bytes: Uint8Array, options: ServeOptions): Uint8Array {
    const request = decodeRequest(bytes);
    if (!request.ok) return encodeResponse(errorResponse(request.reason, request.detail));
    if (options.isFirst && !canRideInHello(request.value)) {
      return encodeResponse(errorResponse('not-proved', `${request.value.type} needs a session`));
    }
    if (options.retryKey === undefined || !hasEffects(request.value)) return this.#answer(asker, request.value, options.roomBytes);
    return this.#answerOnce(options.retryKey(), () => this.#answer(asker, request.value, options.roomBytes));
  }

  #answerOnce(retryKey: string, answer: () => Uint8Array): Uint8Array {
    const nowMs = this.#runtime.clock.monotonicMs();
    const known = this.#replies.peek(retryKey);
    if (known !== undefined && known.untilMs > nowMs) {
      this.#stats.repliesRepeated += 1;
      return known.bytes;
    }
    // A copy: what the encoder gives may lie in a larger pool, which the cache would keep alive.
    const bytes = new Uint8Array(answer());
    this.#replies.set(retryKey, { bytes, untilMs: nowMs + REPLY_CACHE_MS });
    return bytes;
  }

  #answer(asker: Asker, request: KadRequest, roomBytes: number): Uint8Array {
    this.#stats.requestsServed += 1;
    let why: string;
    try {
      const response: KadResponse = this.#handler({ ...asker, request });
      const bytes = encodeResponse(response);
      if (bytes.length <= roomBytes) return bytes;
      why = `an answer of ${bytes.length} bytes where ${roomBytes} fit`;
    } catch (error) {
      why = toBatChainError(error).message;
    }
    this.#stats.handlerFailures += 1;
    this.#runtime.log.error('kad.handler.failed', { verb: request.type, why });
    return encodeResponse(errorResponse('internal'));
  }
}
