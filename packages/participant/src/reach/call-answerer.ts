// driven: the called side: answers a call and tries its own rungs, within limits that keep it from being turned against others (T8).
import { type Address, type Connection, isPrivateHost, nodeIdFromPublicKey, type Runtime, type Timer, toHex } from '@batchain/shared';
import { ANSWERED_CALL_KEPT_MS, MEETINGS_MAX, NAMED_HOST_CALLS_PER_S, NAMED_HOSTS_REMEMBERED_MAX, RACE_LINGER_MS } from '../limits.ts';
import type { CallDesk } from './call-desk.ts';
import { Climb, type ClimbLog } from './climb-log.ts';
import { Meeting, type MeetingTools } from './meeting.ts';
import type { ReachSignal } from './reach-signal.ts';
import { RungRace } from './rung-race.ts';

export interface CallAnswererParts {
  readonly desk: CallDesk;
  readonly tools: MeetingTools;
  readonly log: ClimbLog;
  /** Takes each connection that came of a call. */
  readonly onConnection: (connection: Connection) => void;
}

interface Answered {
  readonly answer: Promise<ReachSignal | undefined>;
  readonly abort: AbortController;
  /** Forgets it. */
  readonly timer: Timer;
}

/** Public hosts that a call makes us send to. */
function namedHosts({ facts }: ReachSignal): Set<string> {
  const named = [
    ...facts.relays.map(({ bat }) => bat),
    ...facts.batAddresses,
    ...(facts.external === undefined ? [] : [facts.external]),
    ...(facts.ice?.candidates ?? []).map((candidate) => candidate.address),
  ];
  return new Set(named.map(({ host }) => host).filter((host) => !isPrivateHost(host)));
}

export class CallAnswerer {
  readonly #runtime: Runtime;
  readonly #parts: CallAnswererParts;
  readonly #answered = new Map<string, Answered>();
  /** When a public host that nobody vouches for was last named by a call that we followed. */
  readonly #namedMs = new Map<string, number>();
  /** Such hosts of meetings that go on. */
  readonly #busyHosts = new Set<string>();
  #meetings = 0;
  #isClosed = false;

  constructor(runtime: Runtime, parts: CallAnswererParts) {
    this.#runtime = runtime;
    this.#parts = parts;
    parts.desk.onCall((call, via) => this.#take(call, via));
  }

  close(): void {
    this.#isClosed = true;
    for (const { abort, timer } of this.#answered.values()) {
      timer.cancel();
      abort.abort();
    }
    this.#answered.clear();
  }

  /** The peer is connected: what its call started is not needed any more. */
  settled(peerKey: string): void {
    for (const [key, { abort }] of this.#answered) if (key.startsWith(peerKey)) abort.abort();
  }

  #take(call: ReachSignal, via: Address): void {
    if (this.#isClosed) return;
    const caller = nodeIdFromPublicKey(call.from);
    const key = `${toHex(caller)} ${toHex(call.callId)}`;
    const known = this.#answered.get(key);
    if (known !== undefined) return void this.#sendAnswer(known, call, via);
    // A new call of the same caller takes the place of its earlier ones: nobody holds more than one meeting. While the hosts of those
    // are being left, a repetition of the call comes.
    this.settled(toHex(caller));
    const unvouched = [...namedHosts(call)].filter((host) => !this.#parts.desk.isVouched(caller, host));
    if (this.#meetings >= MEETINGS_MAX || !this.#takeHosts(unvouched)) {
      this.#runtime.log.info('reach.call-refused', { caller: toHex(caller), meetings: this.#meetings });
      return;
    }
    const abort = new AbortController();
    const meeting = Meeting.prepareCalled(this.#runtime, this.#parts.tools, call);
    const answer = meeting.then((prepared) => this.#parts.desk.makeAnswer(call, caller, prepared.facts));
    const timer = this.#runtime.clock.setTimer(ANSWERED_CALL_KEPT_MS, () => this.#answered.delete(key));
    const answered: Answered = { answer: answer.catch(() => undefined), abort, timer };
    this.#answered.set(key, answered);
    this.#meetings += 1;
    this.#meet(call, via, meeting, answered)
      .catch((error: unknown) => this.#runtime.log.warn('reach.meeting-failed', { caller: toHex(caller), error: String(error) }))
      .finally(() => {
        this.#meetings -= 1;
        for (const host of unvouched) this.#busyHosts.delete(host);
      });
  }

  async #sendAnswer({ answer }: Answered, call: ReachSignal, via: Address): Promise<void> {
    const made = await answer;
    if (made === undefined) return;
    const signal = this.#runtime.clock.timeoutSignal(ANSWERED_CALL_KEPT_MS);
    await this.#parts.desk.answer({ nodeId: nodeIdFromPublicKey(call.from), via }, made, signal);
  }

  async #meet(call: ReachSignal, via: Address, preparing: Promise<Meeting>, answered: Answered): Promise<void> {
    const { clock } = this.#runtime;
    const climb = this.#parts.log.begin(nodeIdFromPublicKey(call.from), new Climb('called', clock.nowMs(), clock.monotonicMs()));
    const meeting = await preparing;
    try {
      const answer = await answered.answer;
      if (answer === undefined || answered.abort.signal.aborted) return;
      const sending = this.#sendAnswer(answered, call, via);
      const race = new RungRace(this.#runtime, climb, meeting.rungs({ call, answer, via }, climb), answered.abort.signal, {
        onBetter: (connection) => this.#parts.onConnection(connection),
        stop: answered.abort.signal,
        lingerMs: RACE_LINGER_MS,
      });
      const first = await race.first;
      if (first.ok) this.#parts.onConnection(first.value);
      await Promise.all([race.done, sending]);
    } finally {
      meeting.close();
    }
  }

  /**
   * One call at a time, and one per second, for each public host that calls name without anybody vouching for it: nobody can have a
   * victim dialled or punched more often through us. An honest caller repeats its call through another broker, and is vouched for then.
   */
  #takeHosts(hosts: readonly string[]): boolean {
    const nowMs = this.#runtime.clock.monotonicMs();
    const intervalMs = 1000 / NAMED_HOST_CALLS_PER_S;
    const isFree = (host: string): boolean =>
      !this.#busyHosts.has(host) && nowMs - (this.#namedMs.get(host) ?? Number.NEGATIVE_INFINITY) >= intervalMs;
    if (!hosts.every(isFree)) return false;
    for (const host of hosts) {
      this.#busyHosts.add(host);
      this.#namedMs.delete(host);
      this.#namedMs.set(host, nowMs);
    }
    for (const host of this.#namedMs.keys()) {
      if (this.#namedMs.size <= NAMED_HOSTS_REMEMBERED_MAX) break;
      this.#namedMs.delete(host);
    }
    return true;
  }
}
