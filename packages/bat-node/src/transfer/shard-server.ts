// driven: the host side of the bat wire: one request per stream, decoded, limited, handed to its handler; never throws.
import { type Runtime, toHex, unreachable } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import { paceDeadlineMs } from '../connection/deadlines.ts';
import { StreamClosedError } from '../connection/stream-closed-error.ts';
import { ANSWER_TIMEOUT_MS, CONTROL_BYTES_MAX, LEAF_BYTES, RECEIPT_BYTES_MAX } from '../limits.ts';
import { batRequestCodec } from '../wire/frame-codecs.ts';
import type { BatRefusal, BatRequest } from '../wire/frames.ts';
import { HandedOver } from './handed-over.ts';
import { handleCommit } from './handlers/handle-commit.ts';
import { handleDigest } from './handlers/handle-digest.ts';
import { handleHandoff } from './handlers/handle-handoff.ts';
import { handleRelease, handleRenew, handleStatus } from './handlers/handle-leases.ts';
import { handleChallenge, handleFetch, handleHave } from './handlers/handle-reads.ts';
import { handleStore } from './handlers/handle-store.ts';
import { RequestPlaces } from './request-places.ts';
import { RosterDesk } from './roster-desk.ts';
import { ServeContext, type ServeDesk, type ShardServerParts } from './serve-context.ts';
import { WorkTurns } from './work-turns.ts';

/** Relays and tunnels keep their own count of what they have under way, and their own deadlines. */
type StoreRequest = Exclude<BatRequest, { readonly verb: 'relay' | 'kad-tunnel' }>;

function dispatch(context: ServeContext, request: StoreRequest): Promise<void> {
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
    case 'handoff':
      return handleHandoff(context, request);
    case 'digest':
      return handleDigest(context, request);
    default:
      return unreachable(request);
  }
}

/** Data that a request moves in either direction, at most. */
function movedBytesMax(request: StoreRequest): number {
  switch (request.verb) {
    case 'store':
      return request.order.length;
    case 'commit':
      return request.rosterBytes;
    case 'handoff':
      return request.order.length + request.rosterBytes;
    case 'fetch':
      return request.length;
    case 'challenge':
      return request.leaves.length * LEAF_BYTES;
    default:
      return RECEIPT_BYTES_MAX;
  }
}

const DECODE_REFUSALS: Readonly<Record<string, BatRefusal>> = {
  'unsupported-version': 'unsupported-verb',
  'unsupported-extension': 'unsupported-extension',
};

export class ShardServer {
  readonly #runtime: Runtime;
  readonly #parts: ShardServerParts;
  readonly #places = new RequestPlaces();
  readonly #running = new Set<Promise<void>>();
  readonly #desk: ServeDesk;

  constructor(runtime: Runtime, parts: ShardServerParts) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#desk = { turns: new WorkTurns(runtime.clock), rosters: new RosterDesk(), inHand: new Set(), handed: new HandedOver() };
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
    const context = new ServeContext(this.#runtime, this.#parts, this.#desk, session, stream);
    const peer = toHex(session.connection.peer.nodeId);
    let hasPlace = this.#places.take(peer);
    try {
      const item = await stream.next({ timeoutMs: ANSWER_TIMEOUT_MS });
      if (item?.kind !== 'control') return stream.reset('malformed');
      if (!hasPlace) return await context.refuse('busy');
      const request = batRequestCodec.decode(item.bytes);
      if (!request.ok) return await context.refuse(DECODE_REFUSALS[request.reason] ?? 'malformed', request.detail);
      const { verb } = request.value;
      if (verb !== 'relay' && verb !== 'kad-tunnel') return await this.#dispatch(context, request.value);
      this.#places.give(peer);
      hasPlace = false;
      await this.#carry(context, request.value);
    } catch (error) {
      stream.reset('internal');
      if (error instanceof StreamClosedError) return;
      this.#runtime.log.error('bat.serve.failed', { peer, error: String(error) });
    } finally {
      if (hasPlace) this.#places.give(peer);
    }
  }

  /** What lasts as long as others have something to carry. */
  async #carry(context: ServeContext, request: Exclude<BatRequest, StoreRequest>): Promise<void> {
    const { relay, tunnels } = this.#parts;
    if (request.verb === 'relay') {
      if (relay === undefined) await context.refuse('not-a-relay');
      else await relay.serve(context.session, context.stream, request);
    } else if (tunnels === undefined) await context.refuse('unsupported-verb', 'no tunnels here');
    else await tunnels.serve(context.session, context.stream);
  }

  /** A request keeps its place no longer than a transfer at the slowest pace takes, whatever its peer does (T14). */
  async #dispatch(context: ServeContext, request: StoreRequest): Promise<void> {
    const deadlineMs = paceDeadlineMs(CONTROL_BYTES_MAX + movedBytesMax(request));
    const timer = this.#runtime.clock.setTimer(deadlineMs, () => context.stream.reset('timeout'));
    try {
      await dispatch(context, request);
    } finally {
      timer.cancel();
    }
  }
}
