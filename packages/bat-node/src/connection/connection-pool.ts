// driven: the one session to each peer: dials when there is none, keeps the one that should survive when both ends dialled.
import {
  type Address,
  type Connection,
  type ContactRecord,
  compareBytes,
  type Dialer,
  type DialFailure,
  fail,
  type NodeId,
  ok,
  type Result,
  type Runtime,
  second,
  toHex,
} from '@batchain/shared';
import type { Connector, ProviderHint } from '../ports.ts';
import { CreditBudget } from './credit.ts';
import { openSession, type Session, type SessionConfig } from './session.ts';

/** Two connections proved within this of each other were opened by both ends at once (design section 6). */
const SIMULTANEOUS_MS: number = 5 * second;
/** A session that another replaced goes on until its streams have ended, but not longer than this. */
const RETIRE_MS: number = 60 * second;
/** The next address is tried beside one that has not answered for so long (RFC 8305 calls it the attempt delay). */
const ATTEMPT_DELAY_MS = 300;

export interface ConnectionPoolParts {
  readonly dialer: Dialer;
  /** The newest contact record of a node of which only the id is known. */
  readonly resolve: (nodeId: NodeId, signal: AbortSignal) => Promise<ContactRecord | undefined>;
}

interface PooledSession {
  readonly session: Session;
  readonly provedAtMs: number;
}

/** A live session as `peers` shows it. */
export interface SessionView {
  readonly nodeId: NodeId;
  readonly session: Session;
}

export class ConnectionPool implements Connector {
  readonly #runtime: Runtime;
  readonly #parts: ConnectionPoolParts;
  readonly #config: SessionConfig;
  readonly #budget = new CreditBudget();
  readonly #sessions = new Map<string, PooledSession>();
  /** Every session that has not ended, retired ones included. */
  readonly #all = new Set<Session>();
  readonly #dials = new Map<string, Promise<Result<Session, DialFailure>>>();
  readonly #abort = new AbortController();

  constructor(runtime: Runtime, parts: ConnectionPoolParts, config: SessionConfig) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#config = config;
  }

  /** The session to the node: the live one, the one being dialled, or a new one. */
  async connect(
    target: ProviderHint,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Result<Session, DialFailure>> {
    const key = toHex(target.nodeId);
    const known = this.#live(key);
    if (known !== undefined) return ok(known);
    if (this.#abort.signal.aborted || options.signal.aborted) return fail('aborted');
    const dialling = this.#dials.get(key) ?? this.#startDial(key, target, options.timeoutMs);
    return Promise.race([dialling, whenAborted(options.signal)]);
  }

  /** Takes a connection that somebody opened to us; its session serves streams once HELLO is through. */
  async accept(connection: Connection): Promise<void> {
    if (this.#abort.signal.aborted) return connection.close('stopping');
    const session = await openSession(this.#runtime, connection, this.#budget, this.#config);
    if (session.ok) this.#admit(session.value);
    else this.#runtime.log.info('bat.pool.hello-failed', { peer: toHex(connection.peer.nodeId), reason: session.reason });
  }

  /** Live sessions, one for each peer. */
  sessions(): SessionView[] {
    return [...this.#sessions.values()].map(({ session }) => ({ nodeId: session.connection.peer.nodeId, session }));
  }

  /** Ends all sessions and dials; nothing can be connected afterwards. */
  async close(): Promise<void> {
    this.#abort.abort();
    for (const session of this.#all) session.close('stopping');
    await Promise.allSettled([...this.#dials.values(), ...[...this.#all].map((session) => session.closed)]);
  }

  #live(key: string): Session | undefined {
    const pooled = this.#sessions.get(key);
    return pooled?.session.isUsable === true ? pooled.session : undefined;
  }

  #startDial(key: string, target: ProviderHint, timeoutMs: number): Promise<Result<Session, DialFailure>> {
    const dialling = this.#dial(key, target, timeoutMs)
      .catch((error: unknown): Result<Session, DialFailure> => {
        this.#runtime.log.error('bat.pool.dial-failed', { peer: key, error: String(error) });
        return fail('error', String(error));
      })
      .finally(() => this.#dials.delete(key));
    this.#dials.set(key, dialling);
    return dialling;
  }

  async #dial(key: string, target: ProviderHint, timeoutMs: number): Promise<Result<Session, DialFailure>> {
    const signal = AbortSignal.any([this.#abort.signal, this.#runtime.clock.timeoutSignal(timeoutMs)]);
    const given = await this.#dialAddresses(target.record?.contact.batAddresses ?? [], target.nodeId, signal, timeoutMs);
    if (given.ok || this.#abort.signal.aborted) return this.#open(key, given);
    // The record was old, or there was none: ask for the newest, and try what it adds.
    const record = await this.#parts.resolve(target.nodeId, signal).catch(() => undefined);
    const isNewer = record !== undefined && record.contact.sequence > (target.record?.contact.sequence ?? -1);
    if (!isNewer) return this.#open(key, given);
    return this.#open(key, await this.#dialAddresses(record.contact.batAddresses, target.nodeId, signal, timeoutMs));
  }

  /** Tries the addresses with head starts; the first that proves the id wins, the others are cancelled. */
  async #dialAddresses(
    addresses: readonly Address[],
    expected: NodeId,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Result<Connection, DialFailure>> {
    const cancel = new AbortController();
    const both = AbortSignal.any([signal, cancel.signal]);
    let failure: Result<Connection, DialFailure> = fail('unreachable', 'no address is known');
    const attempts = addresses.map(async (address, i) => {
      if (i > 0) await this.#runtime.clock.sleep(i * ATTEMPT_DELAY_MS, both).catch(() => undefined);
      if (both.aborted) return undefined;
      const dialled = await this.#parts.dialer.dial(address, expected, { signal: both, timeoutMs });
      if (!dialled.ok) {
        failure = dialled;
        throw new Error(dialled.reason);
      }
      if (cancel.signal.aborted) {
        dialled.value.close('not-needed');
        return undefined;
      }
      cancel.abort();
      return dialled.value;
    });
    const first = await Promise.any(attempts.map(rejectUndefined)).catch(() => undefined);
    return first === undefined ? failure : ok(first);
  }

  async #open(key: string, connection: Result<Connection, DialFailure>): Promise<Result<Session, DialFailure>> {
    if (!connection.ok) {
      // The peer may have dialled us in the meantime.
      const inbound = this.#live(key);
      return inbound === undefined ? connection : ok(inbound);
    }
    const session = await openSession(this.#runtime, connection.value, this.#budget, this.#config);
    if (!session.ok) return session.reason === 'timeout' ? fail('timeout', 'no hello') : fail('refused', session.detail ?? session.reason);
    return ok(this.#admit(session.value));
  }

  /** Enters a proved session; the one to use from now on, which may be an earlier one. */
  #admit(session: Session): Session {
    const key = toHex(session.connection.peer.nodeId);
    const nowMs = this.#runtime.clock.monotonicMs();
    this.#all.add(session);
    void session.closed.then(() => {
      this.#all.delete(session);
      if (this.#sessions.get(key)?.session === session) this.#sessions.delete(key);
    });
    const earlier = this.#sessions.get(key);
    if (earlier?.session.isUsable === true && this.#survives(earlier, session, nowMs)) {
      this.#retire(session);
      return earlier.session;
    }
    if (earlier !== undefined) this.#retire(earlier.session);
    this.#sessions.set(key, { session, provedAtMs: nowMs });
    return session;
  }

  /** Of two proved within 5 s of each other the one dialled by the smaller id survives; otherwise the newer replaces the older. */
  #survives(earlier: PooledSession, newer: Session, nowMs: number): boolean {
    if (nowMs - earlier.provedAtMs > SIMULTANEOUS_MS) return false;
    const isOursSmaller = compareBytes(this.#config.nodeId, newer.connection.peer.nodeId) < 0;
    const byEarlier = earlier.session.connection.isInitiator;
    const byNewer = newer.connection.isInitiator;
    return byEarlier !== byNewer && byEarlier === isOursSmaller;
  }

  /** Streams under way end in their own time; both ends judge alike, so nobody opens new ones. */
  #retire(session: Session): void {
    session.drain('replaced');
    const timer = this.#runtime.clock.setTimer(RETIRE_MS, () => session.close('replaced'));
    void session.closed.then(() => timer.cancel());
  }
}

async function rejectUndefined<T>(value: Promise<T | undefined>): Promise<T> {
  const settled = await value;
  if (settled === undefined) throw new Error('cancelled');
  return settled;
}

function whenAborted(signal: AbortSignal): Promise<Result<never, DialFailure>> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(fail('aborted')), { once: true }));
}
