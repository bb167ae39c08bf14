// driven: a connection to a node through a relay that both have a session with: TLS end to end, so that the relay sees ciphertext only.
import { type Connection, type DialFailure, fail, type NodeId, ok, type Result, type Runtime } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import { answerDeadlineMs } from '../connection/deadlines.ts';
import { StreamClosedError } from '../connection/stream-closed-error.ts';
import { StreamDuplex } from '../connection/stream-duplex.ts';
import type { WsDialer, WsListener } from '../connection/ws-transport.ts';
import { RELAY_WAIT_MS } from '../limits.ts';
import { batAnswerCodec, batRequestCodec } from '../wire/frame-codecs.ts';
import type { BatAnswer, CircuitId, RelayRefusal } from '../wire/frames.ts';

/** What the relay said of the circuit before it opened. */
export type RelayTerms = Omit<Extract<BatAnswer, { readonly kind: 'relay-ready' }>, 'kind'>;

export interface RelayJoinOptions {
  readonly signal?: AbortSignal;
  /** For all of it: the relay's answers, the wait for the other node, both handshakes. */
  readonly timeoutMs: number;
  readonly onTerms?: (terms: RelayTerms) => void;
}

export interface RelayClientParts {
  readonly dialer: Pick<WsDialer, 'dialOver'>;
  readonly listener: Pick<WsListener, 'acceptOver'>;
}

const FAILURES: Readonly<Record<RelayRefusal, DialFailure>> = {
  'not-a-relay': 'refused',
  'relay-full': 'refused',
  'relay-quota': 'refused',
  'no-counterpart': 'unreachable',
};

export class RelayClient {
  readonly #runtime: Runtime;
  readonly #parts: RelayClientParts;

  constructor(runtime: Runtime, parts: RelayClientParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /**
   * Asks the relay at the other end of `session` for the circuit, waits for `peer` to do the same, and connects to it: the caller is
   * the TLS client. `detail` of a failure begins with the relay's word: `not-a-relay`, `relay-full`, `relay-quota`, `no-counterpart`.
   * A connection that is up ends with such a word as well when the relay ends its circuit: `relay-bytes`, `relay-time`, `gone` ...
   */
  async join(
    session: BatSession,
    circuit: CircuitId,
    peer: NodeId,
    role: 'caller' | 'called',
    options: RelayJoinOptions,
  ): Promise<Result<Connection, DialFailure>> {
    const { clock } = this.#runtime;
    const endMs = clock.monotonicMs() + options.timeoutMs;
    const abort = new AbortController();
    let failure: DialFailure = 'aborted';
    const onAbort = (): void => abort.abort();
    const timer = clock.setTimer(options.timeoutMs, () => {
      failure = 'timeout';
      abort.abort();
    });
    options.signal?.addEventListener('abort', onAbort);
    if (options.signal?.aborted === true) onAbort();
    try {
      const stream = await this.#open(session, circuit, peer, options, abort.signal);
      if (!stream.ok) return abort.signal.aborted ? fail(failure, stream.detail) : stream;
      // The relay's address would be none of the peer's.
      const facts = { expected: peer, path: 'relayed', remoteAddress: undefined } as const;
      const handshake = { signal: abort.signal, timeoutMs: Math.max(1, endMs - clock.monotonicMs()) };
      const duplex = new StreamDuplex(stream.value);
      const { dialer, listener } = this.#parts;
      const opened = await (role === 'caller' ? dialer.dialOver(duplex, facts, handshake) : listener.acceptOver(duplex, facts, handshake));
      return opened.ok || opened.reason !== 'aborted' ? opened : fail(failure, opened.detail);
    } finally {
      timer.cancel();
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** The stream at the other end of which the peer is. */
  async #open(
    session: BatSession,
    circuit: CircuitId,
    peer: NodeId,
    options: RelayJoinOptions,
    signal: AbortSignal,
  ): Promise<Result<BatStream, DialFailure>> {
    let stream: BatStream | undefined;
    const onAbort = (): void => stream?.reset('aborted');
    signal.addEventListener('abort', onAbort);
    try {
      stream = await session.openStream({ signal });
      if (signal.aborted) throw new StreamClosedError('aborted');
      await stream.sendControl(batRequestCodec.encode({ verb: 'relay', circuit, peer }));
      const ready = await this.#answer(stream, 'relay-ready', answerDeadlineMs(0, session.rttMs));
      if (ready.ok) {
        const { bytesMax, bytesLeftToday, msMax } = ready.value;
        options.onTerms?.({ bytesMax, bytesLeftToday, msMax });
      }
      const open = ready.ok ? await this.#answer(stream, 'relay-open', RELAY_WAIT_MS + answerDeadlineMs(0, session.rttMs)) : ready;
      if (open.ok) {
        stream.allowTinyFrames();
        return ok(stream);
      }
      stream.reset('done');
      return open;
    } catch (error) {
      stream?.reset('gone');
      if (error instanceof StreamClosedError) return fail(error.reason === 'timeout' ? 'timeout' : 'error', error.reason);
      if (signal.aborted) return fail('aborted');
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #answer<K extends 'relay-ready' | 'relay-open'>(
    stream: BatStream,
    kind: K,
    timeoutMs: number,
  ): Promise<Result<Extract<BatAnswer, { readonly kind: K }>, DialFailure>> {
    const item = await stream.next({ timeoutMs });
    const answer = item?.kind === 'control' ? batAnswerCodec.decode(item.bytes) : undefined;
    if (answer?.ok !== true) return fail('error', 'the relay gave no answer that is one');
    const { value } = answer;
    if (value.kind === kind) return ok(value as Extract<BatAnswer, { readonly kind: K }>);
    if (value.kind !== 'refused') return fail('error', `the relay answered ${value.kind}`);
    const failure = FAILURES[value.reason as RelayRefusal] ?? 'refused';
    return fail(failure, value.detail === '' ? value.reason : `${value.reason}: ${value.detail}`);
  }
}
