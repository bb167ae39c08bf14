// driven: the one session to each peer: dials when there is none, keeps the one that should survive when both ends dialled.
import {
  type Connection,
  compareBytes,
  type DialFailure,
  equalBytes,
  fail,
  type NodeId,
  ok,
  type PeerIdentity,
  type Result,
  type Runtime,
  toHex,
} from '@batchain/shared';
import { OUTBOUND_SESSIONS_RESERVED, RETIRED_SESSIONS_PER_PEER_MAX, SESSION_RETIRE_MS, SESSIONS_MAX, SIMULTANEOUS_MS } from '../limits.ts';
import type { Connector, NoWay, Opener, ProviderHint } from '../ports.ts';
import { CreditBudget } from './credit.ts';
import { LocalConnection } from './local-connection.ts';
import { openSession, type Session, type SessionConfig } from './session.ts';

export interface ConnectionPoolParts {
  readonly opener: Opener;
  /** This node: what it asks of itself is served inside the process, never dialled. */
  readonly self?: PeerIdentity;
  /** A session ended because nothing was heard of its peer. */
  readonly onDead?: () => void;
}

interface PooledSession {
  readonly session: Session;
  readonly provedAtMs: number;
}

/** A dial under way and those who wait for a session to its node, whichever side opens it. */
interface PendingDial {
  readonly abort: AbortController;
  readonly waiters: Set<(result: Result<Session, DialFailure>) => void>;
  done: Promise<void>;
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
  readonly #dials = new Map<string, PendingDial>();
  /** To this node itself. */
  #own: Session | undefined;
  #openingOwn: Promise<Result<Session, DialFailure>> | undefined;
  #isClosed = false;

  constructor(runtime: Runtime, parts: ConnectionPoolParts, config: SessionConfig) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#config = config;
  }

  /**
   * The session to the node: the live one, or the first that comes up, ours or one that the node opens meanwhile. Many
   * may ask at once, there is one dial; it is given up when nobody waits for it any more.
   */
  async connect(
    target: ProviderHint,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Result<Session, DialFailure>> {
    const key = toHex(target.nodeId);
    const known = this.#live(key);
    if (known !== undefined) return ok(known);
    const { signal, timeoutMs } = options;
    if (this.#isClosed || signal.aborted) return fail('aborted');
    if (this.#parts.self !== undefined && equalBytes(target.nodeId, this.#parts.self.nodeId)) return this.#connectSelf(this.#parts.self);
    const pending = this.#dials.get(key);
    const dial = pending === undefined || pending.abort.signal.aborted ? this.#startDial(key, target) : pending;
    return new Promise((resolve) => {
      const settle = (result: Result<Session, DialFailure>): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        dial.waiters.delete(settle);
        if (dial.waiters.size === 0) dial.abort.abort();
        resolve(result);
      };
      const onAbort = (): void => settle(fail('aborted'));
      const timer = this.#runtime.clock.setTimer(timeoutMs, () => settle(fail('timeout', `${timeoutMs} ms`)));
      signal.addEventListener('abort', onAbort);
      dial.waiters.add(settle);
    });
  }

  noWay(nodeId: NodeId): NoWay | undefined {
    return this.#parts.opener.noWay?.(nodeId);
  }

  /**
   * Takes a connection that somebody opened to us, or a better one to a peer; its session serves streams once HELLO is through.
   * `onSession` is called then, before the session is handed to who waits for one.
   */
  async accept(connection: Connection, onSession?: () => void): Promise<void> {
    if (this.#isClosed) return connection.close('stopping');
    if (!this.#hasRoomFor(connection, 'look')) return connection.close('limit');
    const session = await this.#hello(connection);
    if (!session.ok) return;
    // Nobody makes room for who has not said HELLO.
    if (!this.#hasRoomFor(connection, 'make')) return session.value.close('limit');
    onSession?.();
    this.#admit(session.value);
  }

  /** Live sessions, one for each peer. */
  sessions(): SessionView[] {
    return [...this.#sessions.values()].map(({ session }) => ({ nodeId: session.connection.peer.nodeId, session }));
  }

  /** Ends all sessions and dials; nothing can be connected afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const dials = [...this.#dials.values()];
    for (const dial of dials) this.#settleDial(dial, fail('aborted'));
    for (const session of this.#all) session.close('stopping');
    await Promise.allSettled([...dials.map((dial) => dial.done), ...[...this.#all].map((session) => session.closed)]);
  }

  /** One session to oneself, opened anew when it was idle for long. */
  async #connectSelf(self: PeerIdentity): Promise<Result<Session, DialFailure>> {
    if (this.#own?.isUsable === true) return ok(this.#own);
    this.#openingOwn ??= this.#openSelf(self).finally(() => {
      this.#openingOwn = undefined;
    });
    return this.#openingOwn;
  }

  async #openSelf(self: PeerIdentity): Promise<Result<Session, DialFailure>> {
    const [near, far] = LocalConnection.pair(this.#runtime, self);
    const [asking, serving] = await Promise.all([this.#hello(near), this.#hello(far)]);
    if (!asking.ok || !serving.ok) return fail('error', 'no session to oneself');
    for (const session of [asking.value, serving.value]) {
      if (this.#isClosed) session.close('stopping');
      this.#all.add(session);
      void session.closed.then(() => this.#all.delete(session));
    }
    this.#own = asking.value;
    return asking;
  }

  #live(key: string): Session | undefined {
    const pooled = this.#sessions.get(key);
    return pooled?.session.isUsable === true ? pooled.session : undefined;
  }

  #startDial(key: string, target: ProviderHint): PendingDial {
    const dial: PendingDial = { abort: new AbortController(), waiters: new Set(), done: Promise.resolve() };
    this.#dials.set(key, dial);
    dial.done = this.#dial(target, dial.abort.signal)
      .catch((error: unknown): Result<Session, DialFailure> => {
        this.#runtime.log.error('bat.pool.dial-failed', { peer: key, error });
        return fail('error', String(error));
      })
      .then((result) => {
        if (this.#dials.get(key) === dial) this.#dials.delete(key);
        // The peer may have reached us though we could not reach it.
        const inbound = result.ok ? undefined : this.#live(key);
        this.#settleDial(dial, inbound === undefined ? result : ok(inbound));
      });
    return dial;
  }

  #settleDial(dial: PendingDial, result: Result<Session, DialFailure>): void {
    for (const settle of [...dial.waiters]) settle(result);
  }

  async #dial(target: ProviderHint, signal: AbortSignal): Promise<Result<Session, DialFailure>> {
    const isFull = fail('error' as const, `${SESSIONS_MAX} sessions are busy`);
    if (!this.#hasRoom(this.#all, SESSIONS_MAX, 'look')) return isFull;
    const dialled = await this.#parts.opener.open(target, signal);
    return dialled.ok ? this.adopt(dialled.value) : dialled;
  }

  /** Takes a connection that we dialled; the session to use with its peer, which may be an earlier one. */
  async adopt(connection: Connection): Promise<Result<Session, DialFailure>> {
    const isFull = fail('error' as const, `${SESSIONS_MAX} sessions are busy`);
    const session = await this.#hello(connection);
    if (session.ok && this.#hasRoom(this.#all, SESSIONS_MAX, 'make')) return ok(this.#admit(session.value));
    if (session.ok) {
      session.value.close('limit');
      return isFull;
    }
    return session.reason === 'timeout' ? fail('timeout', 'no hello') : fail('refused', session.detail ?? session.reason);
  }

  async #hello(connection: Connection): Promise<Awaited<ReturnType<typeof openSession>>> {
    const session = await openSession(this.#runtime, connection, this.#budget, this.#config);
    if (!session.ok) this.#runtime.log.info('bat.pool.hello-failed', { peer: toHex(connection.peer.nodeId), reason: session.reason });
    return session;
  }

  #hasRoomFor({ isInitiator }: Connection, how: 'look' | 'make'): boolean {
    return isInitiator ? this.#hasRoom(this.#all, SESSIONS_MAX, how) : this.#hasInboundRoom(how);
  }

  /** The places that are kept for our own dials are not taken by who dials us. */
  #hasInboundRoom(how: 'look' | 'make'): boolean {
    const inbound = [...this.#all].filter((session) => !session.connection.isInitiator);
    return this.#hasRoom(inbound, SESSIONS_MAX - OUTBOUND_SESSIONS_RESERVED, how) && this.#hasRoom(this.#all, SESSIONS_MAX, how);
  }

  /** True when one more of these fits: as it is, or in place of the one that has been idle for longest, which `make` closes. */
  #hasRoom(among: Iterable<Session>, max: number, how: 'look' | 'make'): boolean {
    let count = 0;
    let oldest: Session | undefined;
    for (const session of among) {
      count++;
      if (session.idleSinceMs !== undefined && session.idleSinceMs < (oldest?.idleSinceMs ?? Number.POSITIVE_INFINITY)) oldest = session;
    }
    if (count < max) return true;
    if (how === 'make') oldest?.close('limit');
    return oldest !== undefined;
  }

  /** Enters a proved session; the one to use from now on, which may be an earlier one. */
  #admit(session: Session): Session {
    const key = toHex(session.connection.peer.nodeId);
    const nowMs = this.#runtime.clock.monotonicMs();
    if (this.#isClosed) session.close('stopping');
    this.#all.add(session);
    void session.closed.then(({ reason }) => {
      this.#all.delete(session);
      if (reason === 'timeout') this.#parts.onDead?.();
      if (this.#sessions.get(key)?.session === session) this.#sessions.delete(key);
    });
    const earlier = this.#sessions.get(key);
    if (earlier?.session.isUsable === true && this.#survives(earlier, session, nowMs)) {
      this.#retire(session);
      return earlier.session;
    }
    this.#sessions.set(key, { session, provedAtMs: nowMs });
    if (earlier !== undefined) this.#retire(earlier.session);
    // Who waits for a dial of ours has what it waits for. That ends a dial which is not open yet; the peer's, which is
    // this one, was, so never do both ends give up both.
    const dial = this.#dials.get(key);
    if (dial !== undefined) this.#settleDial(dial, ok(session));
    return session;
  }

  /**
   * A relayed one never replaces one without a relay, which always replaces it. Of two others proved within 5 s of each other the
   * one dialled by the smaller id survives; otherwise the newer replaces the older.
   */
  #survives(earlier: PooledSession, newer: Session, nowMs: number): boolean {
    const [isEarlierRelayed, isNewerRelayed] = [isRelayed(earlier.session), isRelayed(newer)];
    if (isEarlierRelayed !== isNewerRelayed) return isNewerRelayed;
    if (nowMs - earlier.provedAtMs > SIMULTANEOUS_MS) return false;
    const isOursSmaller = compareBytes(this.#config.nodeId, newer.connection.peer.nodeId) < 0;
    const byEarlier = earlier.session.connection.isInitiator;
    const byNewer = newer.connection.isInitiator;
    return byEarlier !== byNewer && byEarlier === isOursSmaller;
  }

  /** Streams under way end in their own time, in a few sessions of a peer; both ends judge alike, so nobody opens new ones. */
  #retire(session: Session): void {
    session.drain('replaced');
    void this.#closeWhenStill(session);
    const key = toHex(session.connection.peer.nodeId);
    const current = this.#sessions.get(key)?.session;
    const retired = [...this.#all].filter((other) => other !== current && toHex(other.connection.peer.nodeId) === key);
    for (const other of retired.slice(0, -RETIRED_SESSIONS_PER_PEER_MAX)) other.close('replaced');
  }

  /** A circuit or a tunnel in it is not cut off while it carries something; each has limits of its own. */
  async #closeWhenStill(session: Session): Promise<void> {
    const { clock } = this.#runtime;
    const ended = new AbortController();
    void session.closed.then(() => ended.abort());
    for (let sinceMs = clock.monotonicMs(); !ended.signal.aborted; sinceMs = session.movedMs) {
      await clock.sleep(sinceMs + SESSION_RETIRE_MS - clock.monotonicMs(), ended.signal).catch(() => undefined);
      if (session.movedMs <= sinceMs) return session.close('replaced');
    }
  }
}

const isRelayed = ({ connection }: Session): boolean => connection.path === 'relayed';
