// pure: all sessions, bounded: by our session id for what comes in, by address for what goes out.
import { equalBytes } from '@batchain/shared';
import {
  HALF_OPEN_SESSIONS_MAX,
  SESSION_AGE_MAX_MS,
  SESSION_IDLE_MARGIN_MS,
  SESSION_IDLE_MS,
  SESSIONS_MAX,
  SESSIONS_PER_ADDRESS_MAX,
} from '../limits.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Session } from './session.ts';

/** A session in use is moved to the end of its queue this often at most. */
const TOUCH_PAUSE_MS = 1000;

export interface SessionTableLimits {
  readonly sessionsMax: number;
  readonly halfOpenMax: number;
}

/**
 * Live sessions, whose peer has shown that it receives at its address, and half-open ones, whose HELLO may have been
 * forged. The two are bounded apart, so that forged HELLOs push out only one another.
 */
export class SessionTable {
  readonly #live: BoundedMap<string, Session>;
  readonly #halfOpen: BoundedMap<string, Session>;
  readonly #byAddress = new Map<string, Session[]>();

  constructor(limits: SessionTableLimits = { sessionsMax: SESSIONS_MAX, halfOpenMax: HALF_OPEN_SESSIONS_MAX }) {
    this.#live = new BoundedMap(limits.sessionsMax, (session) => this.#unlist(session));
    this.#halfOpen = new BoundedMap(limits.halfOpenMax, (session) => this.#unlist(session));
  }

  get liveCount(): number {
    return this.#live.size;
  }

  get halfOpenCount(): number {
    return this.#halfOpen.size;
  }

  /** A session that we opened, or (half open) one that a HELLO asked for. */
  add(session: Session): void {
    const isHalfOpen = session.welcome !== undefined;
    this.#makeRoom(session.addressKey, isHalfOpen);
    const listed = this.#byAddress.get(session.addressKey);
    if (listed === undefined) this.#byAddress.set(session.addressKey, [session]);
    else listed.push(session);
    (isHalfOpen ? this.#halfOpen : this.#live).set(session.localId, session);
  }

  /** The session that an inbound datagram names, unless it has ended. */
  find(localId: string, nowMs: number): Session | undefined {
    const session = this.#live.peek(localId) ?? this.#halfOpen.peek(localId);
    if (session === undefined) return undefined;
    if (!this.#hasEnded(session, nowMs, SESSION_IDLE_MS)) {
      // To the second is exact enough for which one was unused for longest, and a map turned over with each datagram costs more.
      if (nowMs - session.heardMs > TOUCH_PAUSE_MS) this.#live.get(localId);
      return session;
    }
    this.remove(session);
    return undefined;
  }

  /** The session that a HELLO from this address has already led to. */
  findByHello(addressKey: string, peerId: Uint8Array): Session | undefined {
    return this.#byAddress.get(addressKey)?.find((session) => !session.isAsker && session.isPeerId(peerId));
  }

  /** The session that a NO_SESSION from this address speaks of. */
  findByPeerId(addressKey: string, peerId: Uint8Array): Session | undefined {
    return this.#byAddress.get(addressKey)?.find((session) => session.isPeerId(peerId));
  }

  /** The newest session in which a request can be sent to this address: its peer is proved. */
  forPeer(addressKey: string, nowMs: number): Session | undefined {
    const listed = this.#byAddress.get(addressKey);
    if (listed === undefined) return undefined;
    for (let i = listed.length - 1; i >= 0; i--) {
      const session = listed[i] as Session;
      if (!session.isPeerProved || session.isExhausted) continue;
      if (!this.#hasEnded(session, nowMs, SESSION_IDLE_MS - SESSION_IDLE_MARGIN_MS)) return session;
    }
    return undefined;
  }

  /** Whether there is a session with any port of this IP. Looks at all: that is asked seldom. */
  hasHost(host: string): boolean {
    for (const sessions of this.#byAddress.values()) if (sessions[0]?.peer.address.host === host) return true;
    return false;
  }

  /** The session with a proved peer of this id that was heard from last, wherever it is. Looks at all: ids are asked for seldom. */
  withPeer(nodeId: Uint8Array, nowMs: number): Session | undefined {
    let last: Session | undefined;
    for (const session of this.#live.values()) {
      if (!session.isPeerProved || session.isExhausted || !equalBytes(session.nodeId, nodeId)) continue;
      if (this.#hasEnded(session, nowMs, SESSION_IDLE_MS - SESSION_IDLE_MARGIN_MS)) continue;
      if (last === undefined || session.heardMs >= last.heardMs) last = session;
    }
    return last;
  }

  /** A valid datagram came in a half-open session: its asker is at its address. */
  confirm(session: Session): void {
    if (!this.#halfOpen.delete(session.localId)) return;
    session.welcome = undefined;
    this.#makeRoom(session.addressKey, false);
    this.#live.set(session.localId, session);
  }

  remove(session: Session): void {
    if (this.#live.delete(session.localId) || this.#halfOpen.delete(session.localId)) this.#unlist(session);
  }

  #hasEnded(session: Session, nowMs: number, idleMaxMs: number): boolean {
    return nowMs - session.heardMs > idleMaxMs || nowMs - session.openedMs > SESSION_AGE_MAX_MS;
  }

  /** Lets the oldest session of the same kind at this address go when there are too many. */
  #makeRoom(addressKey: string, isHalfOpen: boolean): void {
    const store = isHalfOpen ? this.#halfOpen : this.#live;
    const same = (this.#byAddress.get(addressKey) ?? []).filter((session) => store.peek(session.localId) !== undefined);
    if (same.length >= SESSIONS_PER_ADDRESS_MAX) this.remove(same[0] as Session);
  }

  #unlist(session: Session): void {
    const listed = this.#byAddress.get(session.addressKey);
    const rest = listed?.filter((other) => other !== session) ?? [];
    if (rest.length === 0) this.#byAddress.delete(session.addressKey);
    else this.#byAddress.set(session.addressKey, rest);
  }
}
