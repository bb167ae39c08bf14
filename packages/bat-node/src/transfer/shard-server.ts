// driven: the host side of the bat wire: one request per stream, decoded, limited, handed to its handler; never throws.
import { type Runtime, toHex, unreachable } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import { StreamClosedError } from '../connection/stream-closed-error.ts';
import { ANSWER_TIMEOUT_MS, REQUESTS_MAX, REQUESTS_PER_SESSION_MAX } from '../limits.ts';
import { batRequestCodec } from '../wire/frame-codecs.ts';
import type { BatRefusal, BatRequest } from '../wire/frames.ts';
import { handleCommit } from './handlers/handle-commit.ts';
import { handleRelease, handleRenew, handleStatus } from './handlers/handle-leases.ts';
import { handleChallenge, handleFetch, handleHave } from './handlers/handle-reads.ts';
import { handleStore } from './handlers/handle-store.ts';
import { RosterDesk } from './roster-desk.ts';
import { ServeContext, type ShardServerParts } from './serve-context.ts';

function dispatch(context: ServeContext, request: BatRequest): Promise<void> {
  switch (request.verb) {
    case 'store':
      return handleStore(context, request);
    case 'commit':
      return handleCommit(context, request);
    case 'fetch':
      return handleFetch(context, request);
    case 'challenge':
      return handleChallenge(context, request);
    case 'have':
      return handleHave(context, request);
    case 'renew':
      return handleRenew(context, request);
    case 'release':
      return handleRelease(context, request);
    case 'status':
      return handleStatus(context);
    default:
      return unreachable(request);
  }
}

const DECODE_REFUSALS: Readonly<Record<string, BatRefusal>> = {
  'unsupported-version': 'unsupported-verb',
  'unsupported-extension': 'unsupported-extension',
};

export class ShardServer {
  readonly #runtime: Runtime;
  readonly #parts: ShardServerParts;
  readonly #perSession = new WeakMap<BatSession, number>();
  readonly #running = new Set<Promise<void>>();
  readonly #rosters = new RosterDesk();

  constructor(runtime: Runtime, parts: ShardServerParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** Serves one stream that a peer opened; resolves when it is done with, whatever happened. */
  serve(session: BatSession, stream: BatStream): Promise<void> {
    const work = this.#serve(session, stream).finally(() => this.#running.delete(work));
    this.#running.add(work);
    return work;
  }

  /** Resolves when no request is in work any more; sessions are closed first. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #serve(session: BatSession, stream: BatStream): Promise<void> {
    const context = new ServeContext(this.#runtime, this.#parts, this.#rosters, session, stream);
    const inWork = this.#perSession.get(session) ?? 0;
    this.#perSession.set(session, inWork + 1);
    try {
      const item = await stream.next({ timeoutMs: ANSWER_TIMEOUT_MS });
      if (item?.kind !== 'control') return stream.reset('malformed');
      if (inWork >= REQUESTS_PER_SESSION_MAX || this.#running.size > REQUESTS_MAX) return await context.refuse('busy');
      const request = batRequestCodec.decode(item.bytes);
      if (!request.ok) return await context.refuse(DECODE_REFUSALS[request.reason] ?? 'malformed', request.detail);
      await dispatch(context, request.value);
    } catch (error) {
      stream.reset('internal');
      if (error instanceof StreamClosedError) return;
      this.#runtime.log.error('bat.serve.failed', { peer: toHex(session.connection.peer.nodeId), error: String(error) });
    } finally {
      this.#perSession.set(session, (this.#perSession.get(session) ?? 1) - 1);
    }
  }
}
