// driven: punches a UDP path where ICE found none, and gives it away: a local port and the peer's address, for a data channel.
import { type Address, assert, type DatagramSocket, fail, isDialable, ok, type Result, type Runtime } from '@batchain/shared';
import { HAND_PUNCH_LANES, HAND_PUNCH_SOCKETS, HAND_PUNCH_TIMEOUT_MS, OBSERVERS_MAX } from '../../limits.ts';
import { observeMappings } from './observe-mapping.ts';
import { type HandPunchMethod, type NatFacts, type PunchFacts, planHandPunch } from './plan-hand-punch.ts';
import { PUNCH_KEY_BYTES, type PunchRole } from './punch-packet.ts';
import { PunchRun } from './punch-run.ts';
import { aimShots } from './punch-shots.ts';
import { PunchSocket } from './punch-socket.ts';

export interface HandPunchConfig {
  /** A new socket, not open yet, on a free port. */
  readonly openSocket: () => DatagramSocket;
  /** Addresses of our own interfaces now: they decide which private addresses may be punched. */
  readonly ownHosts: () => readonly string[];
}

/** `no-socket`, `not-dialable`: nothing was sent. `no-way`: by what is known of the NATs nothing would come through. */
export type HandPunchFailure = 'no-socket' | 'no-way' | 'not-dialable' | 'timeout' | 'aborted';

export interface HandPunchOptions {
  readonly signal: AbortSignal;
  readonly role: PunchRole;
  /** 32 bytes that only the two ends know. */
  readonly key: Uint8Array;
  /** The peer has proved control of its IP within the last minute (two brokers vouch for it): bursts are allowed (T8). */
  readonly isVouched: boolean;
  /** Asked before each knock; what may not go now goes a little later. */
  readonly mayKnock?: (host: string) => boolean;
  /** HAND_PUNCH_TIMEOUT_MS by default. */
  readonly timeoutMs?: number;
}

/** Where the two ends hear one another. The socket is closed; its router keeps the mapping for a while. */
export interface PunchedPath {
  readonly localPort: number;
  readonly remote: Address;
  readonly method: HandPunchMethod;
}

/** One attempt: `run` at most once, then or instead `close`. */
export interface PreparedHandPunch {
  /** What the peer needs to know; travels in a signal. */
  readonly facts: PunchFacts;
  /** Both ends run this at about the same time, with one another's facts. All sockets are closed when it resolves. */
  run(theirs: PunchFacts, options: HandPunchOptions): Promise<Result<PunchedPath, HandPunchFailure>>;
  close(): Promise<void>;
}

export class HandPuncher {
  readonly #runtime: Runtime;
  readonly #config: HandPunchConfig;

  constructor(runtime: Runtime, config: HandPunchConfig) {
    this.#runtime = runtime;
    this.#config = config;
  }

  /** Opens two sockets and asks `observers` (KadNodes of different IPs; the first two) as what they see them: up to 1.5 s. */
  async prepare(
    nat: NatFacts,
    observers: readonly Address[],
    signal: AbortSignal,
  ): Promise<Result<PreparedHandPunch, 'no-socket' | 'aborted'>> {
    const sockets = await this.#open(HAND_PUNCH_LANES);
    if (sockets.length < HAND_PUNCH_LANES) {
      await closeAll(sockets);
      return fail('no-socket');
    }
    try {
      const observed = await observeMappings(this.#runtime, sockets, observers.slice(0, OBSERVERS_MAX), signal);
      const { mapping, filtering, preservesPort, portDelta } = nat;
      const facts: PunchFacts = { mapping, filtering, preservesPort, portDelta, observed };
      return ok({ facts, run: (theirs, options) => this.#run(sockets, facts, theirs, options), close: () => closeAll(sockets) });
    } catch (error) {
      await closeAll(sockets);
      if (!signal.aborted) throw error;
      return fail('aborted');
    }
  }

  async #run(
    sockets: PunchSocket[],
    ours: PunchFacts,
    theirs: PunchFacts,
    { signal, role, key, isVouched, mayKnock = () => true, timeoutMs = HAND_PUNCH_TIMEOUT_MS }: HandPunchOptions,
  ): Promise<Result<PunchedPath, HandPunchFailure>> {
    assert(key.length === PUNCH_KEY_BYTES, 'the key of a punch has 32 bytes');
    try {
      const plan = planHandPunch(ours, theirs, { role, isVouched });
      if (plan.method === 'none') return fail('no-way', plan.why);
      const shots = aimShots(plan, { ours, theirs }, this.#runtime.random, isVouched);
      const ownHosts = this.#config.ownHosts();
      if (!shots.every(({ to }) => isDialable(to, ownHosts))) return fail('not-dialable', shots[0]?.to.host);
      if (plan.method === 'birthday' && plan.part === 'moving') sockets.push(...(await this.#open(HAND_PUNCH_SOCKETS - sockets.length)));
      const path = await new PunchRun(this.#runtime, sockets, shots, { role, key, mayKnock }).run(timeoutMs, signal);
      const socket = path === undefined ? undefined : sockets[path.socket];
      if (path === undefined || socket === undefined) return fail('timeout', `${plan.method}: ${plan.why}`);
      return ok({ localPort: socket.localPort, remote: path.remote, method: plan.method });
    } catch (error) {
      if (!signal.aborted) throw error;
      return fail('aborted');
    } finally {
      await closeAll(sockets);
    }
  }

  /** As many as the system gives, up to `count`. */
  async #open(count: number): Promise<PunchSocket[]> {
    const opened = await Promise.allSettled(Array.from({ length: count }, () => PunchSocket.open(this.#config.openSocket())));
    return opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }
}

async function closeAll(sockets: PunchSocket[]): Promise<void> {
  await Promise.all(sockets.splice(0).map((socket) => socket.close()));
}
