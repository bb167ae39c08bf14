// pure: what was tried to reach each peer, rung by rung, with times and reasons: `batchain peers --why ID`.
import { type NodeId, toHex } from '@batchain/shared';
import { CLIMB_PEERS_MAX, CLIMBS_PER_PEER_MAX } from '../limits.ts';
import type { MeetingRole, RungName } from './reach-types.ts';

/** Why the relay rung is left out of a climb to a peer that is met through a relay already. */
export const BETTER_WAY_WANTED = 'it is connected through one; a better way was looked for';

export type RungOutcome = 'won' | 'failed' | 'cancelled' | 'skipped' | 'trying';

export interface RungReport {
  readonly rung: RungName | 'signal';
  /** After the climb began; undefined when it was never started. */
  readonly startedMs: number | undefined;
  readonly durationMs: number | undefined;
  readonly outcome: RungOutcome;
  /** Why it failed or was left out, in plain words; empty when it won. */
  readonly reason: string;
}

/** One attempt to meet a peer. */
export interface ClimbReport {
  /** `caller`: this node wanted the connection. */
  readonly role: MeetingRole;
  /** Wall clock. */
  readonly atMs: number;
  readonly rungs: readonly RungReport[];
}

/** A climb while it goes on. */
export class Climb implements ClimbReport {
  readonly role: MeetingRole;
  readonly atMs: number;
  readonly #startedMs: number;
  readonly #rungs: RungReport[] = [];

  constructor(role: MeetingRole, atMs: number, startedMs: number) {
    this.role = role;
    this.atMs = atMs;
    this.#startedMs = startedMs;
  }

  get rungs(): readonly RungReport[] {
    return this.#rungs;
  }

  skipped(rung: RungName, reason: string): void {
    if (this.#rungs.some((known) => known.rung === rung)) return;
    this.#rungs.push({ rung, startedMs: undefined, durationMs: undefined, outcome: 'skipped', reason });
  }

  /** What the rung waited for has come by another way. */
  won(rung: RungName, nowMs: number): void {
    const at = this.#rungs.findIndex((known) => known.rung === rung && known.outcome === 'trying');
    const known = this.#rungs[at];
    if (known?.startedMs === undefined) return;
    this.#rungs[at] = { ...known, outcome: 'won', durationMs: Math.round(nowMs - this.#startedMs - known.startedMs) };
  }

  /** The returned function tells how the rung ended; only its first call counts. */
  began(rung: RungName | 'signal', nowMs: number): (outcome: RungOutcome, reason: string, endMs: number) => void {
    const at = this.#rungs.length;
    const startedMs = Math.round(nowMs - this.#startedMs);
    this.#rungs.push({ rung, startedMs, durationMs: undefined, outcome: 'trying', reason: '' });
    return (outcome, reason, endMs) => {
      if (this.#rungs[at]?.outcome !== 'trying') return;
      this.#rungs[at] = { rung, startedMs, durationMs: Math.round(endMs - nowMs), outcome, reason };
    };
  }
}

/** The latest climbs of the peers met last. */
export class ClimbLog {
  readonly #byPeer = new Map<string, { readonly peer: NodeId; readonly climbs: readonly Climb[] }>();

  begin(peer: NodeId, climb: Climb): Climb {
    const key = toHex(peer);
    const known = this.#byPeer.get(key)?.climbs ?? [];
    this.#byPeer.delete(key);
    this.#byPeer.set(key, { peer, climbs: [...known, climb].slice(-CLIMBS_PER_PEER_MAX) });
    const oldest = this.#byPeer.keys().next();
    if (this.#byPeer.size > CLIMB_PEERS_MAX && oldest.done !== true) this.#byPeer.delete(oldest.value);
    return climb;
  }

  peers(): NodeId[] {
    return [...this.#byPeer.values()].map(({ peer }) => peer);
  }

  /** Newest first. */
  of(peer: NodeId): readonly ClimbReport[] {
    return (this.#byPeer.get(toHex(peer))?.climbs ?? []).toReversed();
  }
}
