// driven: one hand punch: sends the shots of the plan, answers what comes in, ends with the path that both ends took.
import type { Runtime } from '@batchain/shared';
import {
  HAND_PUNCH_HOLD_MS,
  HAND_PUNCH_LINGER_MS,
  HAND_PUNCH_REPEAT_MS,
  HAND_PUNCH_REPLIES_MAX,
  HAND_PUNCH_TAKES_MAX,
} from '../../limits.ts';
import { encodePunchPacket, openPunchPacket, type PunchRole } from './punch-packet.ts';
import { type PunchPath, PunchPaths, type PunchReply } from './punch-paths.ts';
import type { PunchShot } from './punch-shots.ts';
import type { PunchSocket } from './punch-socket.ts';

/** How often it is looked what is due: five packets of a burst. */
const TICK_MS = 10;

export interface PunchRunOptions {
  readonly role: PunchRole;
  /** 32 bytes that only the two ends know. */
  readonly key: Uint8Array;
  readonly mayKnock: (host: string) => boolean;
}

export class PunchRun {
  readonly #runtime: Runtime;
  readonly #sockets: readonly PunchSocket[];
  readonly #shots: readonly PunchShot[];
  readonly #role: PunchRole;
  readonly #key: Uint8Array;
  readonly #mayKnock: (host: string) => boolean;
  readonly #paths: PunchPaths;
  readonly #knock: Uint8Array;
  readonly #startMs: number;
  #nextShot = 0;
  /** Shots are late by so much: what was held back, what could not go yet, or late because the machine was busy, is not caught up in a burst. */
  #lagMs = 0;
  #shotAtMs = 0;
  #repliesLeft = HAND_PUNCH_REPLIES_MAX;
  #takes = 0;
  #heldUntilMs = 0;
  #repeatAtMs = HAND_PUNCH_REPEAT_MS;
  #agreedAtMs: number | undefined;

  constructor(runtime: Runtime, sockets: readonly PunchSocket[], shots: readonly PunchShot[], options: PunchRunOptions) {
    const { role, key, mayKnock } = options;
    this.#runtime = runtime;
    this.#sockets = sockets;
    this.#shots = shots;
    this.#role = role;
    this.#key = key;
    this.#mayKnock = mayKnock;
    this.#paths = new PunchPaths(role);
    this.#knock = encodePunchPacket(key, role, 'knock');
    this.#startMs = runtime.clock.monotonicMs();
  }

  /** The path, or undefined when there is none within `timeoutMs`. Rejects when the signal aborts. */
  async run(timeoutMs: number, signal: AbortSignal): Promise<PunchPath | undefined> {
    const other: PunchRole = this.#role === 'caller' ? 'called' : 'caller';
    this.#sockets.forEach((socket, index) => {
      socket.onDatagram = (bytes, remote) => {
        const kind = openPunchPacket(this.#key, other, bytes);
        if (kind === undefined) return;
        const wasHeard = this.#paths.isHeard;
        this.#reply(this.#paths.receive(kind, index, remote));
        if (!wasHeard) this.#heldUntilMs = this.#elapsedMs() + HAND_PUNCH_HOLD_MS;
        if (this.#paths.isAgreed) this.#agreedAtMs ??= this.#elapsedMs();
      };
    });
    while (this.#elapsedMs() < timeoutMs && !this.#isOver()) {
      this.#shoot();
      this.#repeat();
      await this.#runtime.clock.sleep(TICK_MS, signal);
    }
    return this.#paths.taken;
  }

  #elapsedMs(): number {
    return this.#runtime.clock.monotonicMs() - this.#startMs;
  }

  #isOver(): boolean {
    if (this.#role === 'caller') return this.#paths.isAgreed || this.#takes > HAND_PUNCH_TAKES_MAX;
    return this.#agreedAtMs !== undefined && this.#elapsedMs() - this.#agreedAtMs >= HAND_PUNCH_LINGER_MS;
  }

  #shoot(): void {
    if (this.#paths.taken !== undefined || this.#elapsedMs() < this.#heldUntilMs) return;
    const nowMs = this.#elapsedMs();
    const idleMs = nowMs - this.#shotAtMs;
    if (idleMs > 2 * TICK_MS) this.#lagMs += idleMs - TICK_MS;
    this.#shotAtMs = nowMs;
    for (;;) {
      const shot = this.#shots[this.#nextShot];
      if (shot === undefined || shot.atMs + this.#lagMs > nowMs) return;
      if (!this.#mayKnock(shot.to.host)) {
        this.#lagMs = nowMs + TICK_MS - shot.atMs;
        return;
      }
      this.#nextShot += 1;
      this.#sockets[shot.socket]?.send(this.#knock, shot.to);
    }
  }

  #repeat(): void {
    if (this.#elapsedMs() < this.#repeatAtMs) return;
    this.#repeatAtMs = this.#elapsedMs() + HAND_PUNCH_REPEAT_MS;
    this.#reply(this.#paths.repeat());
  }

  /** Only to addresses that an authentic packet came from. */
  #reply(replies: readonly PunchReply[]): void {
    for (const { kind, path } of replies) {
      if (this.#repliesLeft === 0) return;
      this.#repliesLeft -= 1;
      if (kind === 'take') this.#takes += 1;
      this.#sockets[path.socket]?.send(encodePunchPacket(this.#key, this.#role, kind), path.remote);
    }
  }
}
