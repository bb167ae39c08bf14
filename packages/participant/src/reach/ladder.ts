// driven: the ladder: opens a connection to a node by the ways that fit it, raced with head starts, and remembers what was tried.
import { dialFirst, type Opener, type ProviderHint } from '@batchain/bat-node';
import {
  type Connection,
  type ContactRecord,
  type DialFailure,
  fail,
  type NodeId,
  type Result,
  type Runtime,
  toHex,
} from '@batchain/shared';
import { CALL_TIMEOUT_MS, DIAL_RUNG_MS, LADDER_MS, LADDER_PLAN } from '../limits.ts';
import type { CallDesk } from './call-desk.ts';
import { BETTER_WAY_WANTED, Climb, type ClimbLog } from './climb-log.ts';
import { isAllDialled, planDials } from './ladder-plan.ts';
import { Meeting, type MeetingTools } from './meeting.ts';
import { type RaceRung, RungRace } from './rung-race.ts';

export interface LadderParts {
  readonly desk: CallDesk;
  readonly tools: MeetingTools;
  readonly log: ClimbLog;
  /** The newest contact record of a node. */
  readonly resolve: (nodeId: NodeId, signal: AbortSignal) => Promise<ContactRecord | undefined>;
  /** Takes a path without a relay that was found after a relayed one had been handed out. */
  readonly onBetter: (connection: Connection) => void;
}

/** What stays the same from record to record. */
interface Ascent {
  readonly nodeId: NodeId;
  readonly tools: MeetingTools;
  readonly climb: Climb;
  readonly signal: AbortSignal;
  /** The newest contact record, looked for once. */
  readonly newest: () => Promise<ContactRecord | undefined>;
}

/** The caller's side; the Opener of a ConnectionPool. */
export class Ladder implements Opener {
  readonly #runtime: Runtime;
  readonly #parts: LadderParts;
  /** What came of calls of ours is waited for: by node id. */
  readonly #calling = new Map<string, Climb>();
  /** What goes on after a relayed connection was handed out, by node id. */
  readonly #background = new Map<string, AbortController>();
  readonly #stop = new AbortController();

  constructor(runtime: Runtime, parts: LadderParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** A connection that came in, and whose session stands: when this node has called its peer, that is the answer to the call. */
  noteInbound(connection: Connection): void {
    const climb = this.#calling.get(toHex(connection.peer.nodeId));
    if (climb === undefined || connection.path === 'relayed') return;
    if (connection.path === 'direct') connection.path = 'reverse';
    climb.won('reverse', this.#runtime.clock.monotonicMs());
    this.#background.get(toHex(connection.peer.nodeId))?.abort();
  }

  /** Nothing is looked for any more. */
  close(): void {
    this.#stop.abort();
  }

  open(target: ProviderHint, signal: AbortSignal): Promise<Result<Connection, DialFailure>> {
    return this.#open(target, this.#begin(target.nodeId), this.#parts.tools, signal);
  }

  /** Looks for a way without a relay to a peer that is met through one; `onBetter` gets it. */
  async improve(nodeId: NodeId, signal: AbortSignal): Promise<void> {
    if (this.#calling.has(toHex(nodeId))) return;
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    const climb = this.#begin(nodeId);
    climb.skipped('relay', BETTER_WAY_WANTED);
    const opened = await this.#open({ nodeId, record: undefined }, climb, { ...this.#parts.tools, joinRelay: undefined }, stop);
    if (opened.ok) this.#parts.onBetter(opened.value);
  }

  #begin(nodeId: NodeId): Climb {
    const { clock } = this.#runtime;
    return this.#parts.log.begin(nodeId, new Climb('caller', clock.nowMs(), clock.monotonicMs()));
  }

  async #open(target: ProviderHint, climb: Climb, tools: MeetingTools, signal: AbortSignal): Promise<Result<Connection, DialFailure>> {
    const { clock } = this.#runtime;
    const overall = AbortSignal.any([signal, clock.timeoutSignal(LADDER_MS)]);
    let looking: Promise<ContactRecord | undefined> | undefined;
    const newest = (): Promise<ContactRecord | undefined> => {
      looking ??= this.#parts.resolve(target.nodeId, overall).catch(() => undefined);
      return looking;
    };
    const record = target.record ?? (await newest());
    if (record === undefined) {
      climb.skipped('direct', 'its contact record was not found');
      return fail(overall.aborted ? 'aborted' : 'unreachable', 'its contact record was not found');
    }
    const ascent: Ascent = { nodeId: target.nodeId, tools, climb, signal: overall, newest };
    const opened = await this.#climb(record, ascent);
    if (overall.aborted && !signal.aborted && !opened.ok) return fail('timeout', `no way to it in ${LADDER_MS} ms`);
    if (opened.ok || overall.aborted) return opened;
    // The record may have been old: with the newest there may be another way.
    const found = await newest();
    const isNewer = found !== undefined && found.contact.sequence > record.contact.sequence;
    return isNewer ? this.#climb(found, ascent) : opened;
  }

  /** Dials what the record names; calls when there is nothing to dial, or beside dials that take long. */
  async #climb(record: ContactRecord, ascent: Ascent): Promise<Result<Connection, DialFailure>> {
    const { nodeId, tools, climb, signal, newest } = ascent;
    const plan = planDials(record, tools.selfFacts(), tools.ownHosts());
    for (const { rung, reason } of plan.skipped) climb.skipped(rung, reason);
    const dialRung = (rung: 'lan' | 'direct', budgetMs: number): RaceRung[] =>
      plan[rung].length === 0
        ? []
        : [
            {
              rung,
              startAfterMs: 0,
              budgetMs,
              run: (options) => dialFirst(this.#runtime, tools.dialer, plan[rung], nodeId, options),
            },
          ];
    const dials = [...dialRung('lan', LADDER_PLAN.lanMs), ...dialRung('direct', DIAL_RUNG_MS)];
    const callAfterMs = plan.direct.length > 0 ? LADDER_PLAN.callHeadStartMs : dials.length > 0 ? LADDER_PLAN.lanHeadStartMs : 0;
    const { clock } = this.#runtime;
    const dialRace = new RungRace(this.#runtime, climb, dials, signal, { onBetter: this.#parts.onBetter });
    const stop = new AbortController();
    const calling = AbortSignal.any([signal, stop.signal]);
    const dialled = dialRace.first.then((result) => {
      if (result.ok) stop.abort();
      return result;
    });
    if (dials.length > 0) {
      const waited = clock.sleep(callAfterMs, calling).catch(() => undefined);
      await Promise.race([dialled, waited]);
    }
    if (calling.aborted) return dialled;
    // A record that names nobody to call through may be older than its node's brokers.
    const callable = canBeCalled(record) ? record : await newest();
    if (calling.aborted || callable === undefined || !canBeCalled(callable)) return dialled;
    if (isAllDialled(callable, plan) && (await isGone(dialled))) return dialled;
    const met = this.#call(callable, { ...ascent, signal: calling }).catch(
      (error: unknown): Result<Connection, DialFailure> => fail('error', String(error)),
    );
    const first = await firstOk(dialled, met);
    if (!first.ok) return first;
    stop.abort();
    // Both may have led there.
    for (const other of [dialled, met])
      void other.then((result) => {
        if (!result.ok || result.value === first.value) return;
        if (first.value.path === 'relayed' && result.value.path !== 'relayed') this.#parts.onBetter(result.value);
        else result.value.close('not-needed');
      });
    return first;
  }

  async #call(record: ContactRecord, { nodeId, tools, climb, signal }: Ascent): Promise<Result<Connection, DialFailure>> {
    const { desk, onBetter } = this.#parts;
    const { clock } = this.#runtime;
    const meeting = await Meeting.prepareCaller(this.#runtime, tools);
    const key = toHex(nodeId);
    const stop = new AbortController();
    let isRacing = false;
    this.#calling.set(key, climb);
    try {
      const call = desk.makeCall(nodeId, meeting.facts);
      const ended = climb.began('signal', clock.monotonicMs());
      const answer = await desk.call({ nodeId, record }, call, { signal, timeoutMs: CALL_TIMEOUT_MS });
      if (!answer.ok) {
        ended(answer.reason === 'aborted' ? 'cancelled' : 'failed', answer.detail ?? answer.reason, clock.monotonicMs());
        return fail(answer.reason, `not met through its brokers: ${answer.detail ?? answer.reason}`);
      }
      ended('won', '', clock.monotonicMs());
      const rungs = meeting.rungs({ call, ...answer.value }, climb);
      const race = new RungRace(this.#runtime, climb, rungs, signal, {
        onBetter,
        stop: AbortSignal.any([stop.signal, this.#stop.signal]),
      });
      isRacing = true;
      void race.done.then(() => this.#ended(key, climb, stop, meeting));
      const first = await race.first;
      if (first.ok && first.value.path === 'relayed') this.#background.set(key, stop);
      return first;
    } finally {
      if (!isRacing) this.#ended(key, climb, stop, meeting);
    }
  }

  #ended(key: string, climb: Climb, stop: AbortController, meeting: Meeting): void {
    // A newer climb may have taken the place.
    if (this.#calling.get(key) === climb) this.#calling.delete(key);
    if (this.#background.get(key) === stop) this.#background.delete(key);
    meeting.close();
  }
}

/** A public node is its own broker: its KadNode may be reached where its BatNode is not. */
const canBeCalled = ({ contact }: ContactRecord): boolean => contact.brokers.length > 0 || contact.flags.isPublic;

/** Whoever was there is not: the machine answers, the node does not. Does not wait for a dial under way. */
async function isGone(dialled: Promise<Result<Connection, DialFailure>>): Promise<boolean> {
  const result = await Promise.race([dialled, Promise.resolve(undefined)]);
  return result?.ok === false && (result.reason === 'refused' || result.reason === 'wrong-identity');
}

/** The first that succeeds, or the failure of `b` when both fail. */
async function firstOk<T, R extends string>(a: Promise<Result<T, R>>, b: Promise<Result<T, R>>): Promise<Result<T, R>> {
  const first = await Promise.race([a, b]);
  if (first.ok) return first;
  const [fromA, fromB] = await Promise.all([a, b]);
  return fromA.ok ? fromA : fromB;
}
