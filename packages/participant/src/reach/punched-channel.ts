// driven: the rung for pairs that ICE can not open: punches a UDP path by hand, then opens a data channel on it.
import {
  type Address,
  type Connection,
  concatBytes,
  type DialFailure,
  fail,
  type NodeId,
  nodeIdFromPublicKey,
  type Result,
  type Runtime,
  sha256,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import {
  BURST_HOST_INTERVAL_MS,
  BURST_INTERVAL_MS,
  BURST_PEERS_MAX,
  HAND_OVER_MS,
  HAND_PUNCH_STEP_MS,
  HAND_PUNCH_TIMEOUT_MS,
} from '../limits.ts';
import type { HandPuncher, PreparedHandPunch } from './hand-punch/hand-puncher.ts';
import { type NatFacts, planHandPunch } from './hand-punch/plan-hand-punch.ts';
import type { PunchDesk, PunchPeer } from './punch-desk.ts';
import type { ReachSignal } from './reach-signal.ts';
import type { ChannelAttempt, DataChannels, MeetingRole, RungOptions } from './reach-types.ts';
import type { StrangerPace } from './stranger-pace.ts';

export interface PunchedChannelParts {
  readonly puncher: Pick<HandPuncher, 'prepare'>;
  readonly channels: DataChannels;
  readonly desk: PunchDesk;
  readonly natFacts: () => NatFacts;
  /** KadNodes of two IPs that answer STUN. */
  readonly observers: () => Promise<readonly Address[]>;
  /** Two brokers see the peer at this IP, or it showed so itself. */
  readonly isVouched: (peer: NodeId, host: string) => boolean;
  readonly pace: Pick<StrangerPace, 'takeDatagram'>;
}

/** Both signals, and the broker that carried them. */
export interface PunchedMeeting {
  readonly call: ReachSignal;
  readonly answer: ReachSignal;
  readonly role: MeetingRole;
  readonly via: Address | undefined;
}

const STEP_FAILURES: Readonly<Record<string, DialFailure>> = {
  timeout: 'timeout',
  aborted: 'aborted',
  unreachable: 'unreachable',
  'no-way': 'not-dialable',
  'no-socket': 'not-dialable',
  'not-dialable': 'not-dialable',
};
const failed = ({ reason, detail }: { readonly reason: string; readonly detail?: string }): Result<never, DialFailure> =>
  fail(STEP_FAILURES[reason] ?? 'error', detail ?? reason);

export class PunchedChannel {
  readonly #runtime: Runtime;
  readonly #parts: PunchedChannelParts;
  /** When a burst last went to a peer, or to a host: one per pair and hour, whatever ids there are at a host (T8). */
  readonly #burstMs = new Map<string, number>();

  constructor(runtime: Runtime, parts: PunchedChannelParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  async open(meeting: PunchedMeeting, options: RungOptions): Promise<Result<Connection, DialFailure>> {
    const { puncher, natFacts, observers } = this.#parts;
    const prepared = await puncher.prepare(natFacts(), await observers(), options.signal);
    if (!prepared.ok) return failed(prepared);
    try {
      return await this.#punch(meeting, prepared.value, options);
    } finally {
      await prepared.value.close();
    }
  }

  async #punch(meeting: PunchedMeeting, prepared: PreparedHandPunch, { signal }: RungOptions): Promise<Result<Connection, DialFailure>> {
    const { desk } = this.#parts;
    const { call, answer, role } = meeting;
    const theirs = role === 'caller' ? answer : call;
    const peer: PunchPeer = { nodeId: nodeIdFromPublicKey(theirs.from), callId: call.callId, via: meeting.via };
    const waiting = desk.receive(peer, 'facts', { signal, timeoutMs: HAND_PUNCH_STEP_MS });
    const sent = await desk.send(peer, { step: 'facts', facts: prepared.facts }, signal);
    if (!sent.ok) return failed(sent);
    const facts = await waiting;
    if (!facts.ok) return failed(facts);
    // What packets go to was counted when the call was followed; sockets elsewhere need somebody's word (T8).
    const seen = new Set(facts.value.facts.observed.flat().map(({ host }) => host));
    const isTold = [...seen].every((host) => host === theirs.facts.external?.host || this.#parts.isVouched(peer.nodeId, host));
    if (!isTold) return fail('not-dialable', 'its sockets are seen elsewhere than it said');
    const key = sha256(concatBytes(utf8Bytes('batchain/1/hand-punch'), call.callId, call.nonce, answer.nonce));
    const { method } = planHandPunch(prepared.facts, facts.value.facts, { role, isVouched: true });
    const needsBurst = method === 'birthday' || method === 'predict';
    const isVouched = needsBurst && this.#takeBurst(peer.nodeId, seen);
    const mayKnock = (host: string): boolean => this.#parts.isVouched(peer.nodeId, host) || this.#parts.pace.takeDatagram(host);
    const run = { signal, role, key, isVouched, mayKnock, timeoutMs: HAND_PUNCH_TIMEOUT_MS };
    const path = await prepared.run(facts.value.facts, run);
    if (!path.ok) return failed(path);
    return this.#openChannel(meeting, peer, theirs, { bindPort: path.value.localPort, onlyRemote: path.value.remote }, signal);
  }

  /** The caller offers first; the called answers to that. */
  async #openChannel(
    { call, answer, role }: PunchedMeeting,
    peer: PunchPeer,
    theirs: ReachSignal,
    pinned: { readonly bindPort: number; readonly onlyRemote: Address },
    signal: AbortSignal,
  ): Promise<Result<Connection, DialFailure>> {
    const { channels, desk } = this.#parts;
    const options = { signal, timeoutMs: HAND_OVER_MS, ...pinned };
    const wait = { signal, timeoutMs: HAND_PUNCH_STEP_MS };
    let attempt: ChannelAttempt | undefined;
    try {
      const early = role === 'called' ? await desk.receive(peer, 'channel', wait) : undefined;
      if (early !== undefined && !early.ok) return failed(early);
      const prepared = await (early === undefined ? channels.prepareCall(options) : channels.prepareAnswer(early.value.ice, options));
      if (!prepared.ok) return prepared;
      attempt = prepared.value;
      const sent = await desk.send(peer, { step: 'channel', ice: attempt.local }, signal);
      if (!sent.ok) return failed(sent);
      const channel = early ?? (await desk.receive(peer, 'channel', wait));
      if (!channel.ok) return failed(channel);
      const identity = { nodeId: peer.nodeId, publicKey: theirs.from };
      const opened = await attempt.connect(channel.value.ice, identity, { caller: call.nonce, called: answer.nonce });
      if (opened.ok) attempt = undefined;
      return opened;
    } finally {
      attempt?.close();
    }
  }

  /** True when more than a few packets may go to where the peer's sockets were seen, now and not again for an hour. */
  #takeBurst(peer: NodeId, hosts: ReadonlySet<string>): boolean {
    if (![...hosts].every((host) => this.#parts.isVouched(peer, host))) return false;
    const nowMs = this.#runtime.clock.monotonicMs();
    const isDue = (key: string, intervalMs: number): boolean => nowMs - (this.#burstMs.get(key) ?? Number.NEGATIVE_INFINITY) >= intervalMs;
    if (!isDue(toHex(peer), BURST_INTERVAL_MS) || ![...hosts].every((host) => isDue(host, BURST_HOST_INTERVAL_MS))) return false;
    for (const key of [toHex(peer), ...hosts]) {
      this.#burstMs.delete(key);
      this.#burstMs.set(key, nowMs);
    }
    for (const key of this.#burstMs.keys()) {
      if (this.#burstMs.size <= BURST_PEERS_MAX) break;
      this.#burstMs.delete(key);
    }
    return true;
  }
}
