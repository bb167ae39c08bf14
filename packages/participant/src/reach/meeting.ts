// driven: one side of a meeting: what it opens beforehand, what it tells the other of it, and the rungs that both then try.
import { dialFirst } from '@batchain/bat-node';
import {
  type Address,
  type Connection,
  type Dialer,
  type DialFailure,
  fail,
  type NodeId,
  nodeIdFromPublicKey,
  type Result,
  type Runtime,
} from '@batchain/shared';
import { LADDER_PLAN } from '../limits.ts';
import type { Climb } from './climb-log.ts';
import { chooseRelay, planFreshDials, planMeeting } from './ladder-plan.ts';
import type { PunchedChannel } from './punched-channel.ts';
import type { ReachSignal } from './reach-signal.ts';
import type {
  ChannelAttempt,
  DataChannels,
  JoinRelay,
  MeetingFacts,
  MeetingRole,
  RungName,
  RungOptions,
  SelfFacts,
  TcpAttempt,
  TcpPunching,
} from './reach-types.ts';
import type { RaceRung } from './rung-race.ts';
import type { StrangerPace } from './stranger-pace.ts';

/** What makes connections; what is undefined is not there on this machine. */
export interface MeetingTools {
  readonly dialer: Dialer;
  /** Of what goes to hosts that the other only named. */
  readonly pace: StrangerPace;
  /** Two brokers see the peer at this IP, or it showed so itself. */
  readonly isVouched: (peer: NodeId, host: string) => boolean;
  readonly ownHosts: () => readonly string[];
  readonly selfFacts: () => SelfFacts;
  readonly tcp: TcpPunching | undefined;
  readonly channels: DataChannels | undefined;
  /** KadNodes off our network that answer STUN; empty when none does. */
  readonly stunServers: () => Promise<readonly Address[]>;
  readonly joinRelay: JoinRelay | undefined;
  /** For pairs that ICE can not open. */
  readonly punchedChannel: Pick<PunchedChannel, 'open'> | undefined;
}

/** The signals of both sides. */
export interface Spoken {
  readonly call: ReachSignal;
  readonly answer: ReachSignal;
  /** The broker that carried them. */
  readonly via: Address | undefined;
}

type Run = (options: RungOptions) => Promise<Result<Connection, DialFailure>>;

/** Made by prepareCaller or prepareCalled; to be closed when the race is done. */
export class Meeting {
  readonly role: MeetingRole;
  readonly facts: MeetingFacts;
  readonly #runtime: Runtime;
  readonly #tools: MeetingTools;
  /** Undefined once a connection came of it, which then lives its own life. */
  #tcp: TcpAttempt | undefined;
  #channel: ChannelAttempt | undefined;

  private constructor(
    runtime: Runtime,
    tools: MeetingTools,
    role: MeetingRole,
    opened: { readonly self: SelfFacts; readonly tcp: TcpAttempt | undefined; readonly channel: ChannelAttempt | undefined },
  ) {
    this.#runtime = runtime;
    this.#tools = tools;
    this.role = role;
    this.#tcp = opened.tcp;
    this.#channel = opened.channel;
    this.facts = { ...opened.self, tcpPort: opened.tcp?.localPort ?? 0, ice: opened.channel?.local };
  }

  static prepareCaller(runtime: Runtime, tools: MeetingTools): Promise<Meeting> {
    return Meeting.#prepare(runtime, tools, 'caller', undefined);
  }

  static prepareCalled(runtime: Runtime, tools: MeetingTools, call: ReachSignal): Promise<Meeting> {
    return Meeting.#prepare(runtime, tools, 'called', call);
  }

  static async #prepare(runtime: Runtime, tools: MeetingTools, role: MeetingRole, call: ReachSignal | undefined): Promise<Meeting> {
    const self = tools.selfFacts();
    const [tcp, channel] = await Promise.all([
      tools.tcp?.prepare().catch(() => undefined),
      openChannel(tools, self, call).catch(() => undefined),
    ]);
    return new Meeting(runtime, tools, role, { self, tcp, channel });
  }

  close(): void {
    this.#tcp?.close();
    this.#channel?.close();
  }

  /** The rungs of this side, now that both have spoken; those left out are told to the climb. */
  rungs({ call, answer, via }: Spoken, climb: Climb): RaceRung[] {
    const plan = planMeeting(call.facts, answer.facts);
    for (const { rung, reason } of plan.skipped) climb.skipped(rung, reason);
    const theirs = this.role === 'caller' ? answer : call;
    const peer = nodeIdFromPublicKey(theirs.from);
    const runs: Readonly<Partial<Record<RungName, Run>>> = {
      ...this.#dials(theirs.facts, peer),
      'tcp-punch': (options) => this.#punchTcp(theirs.facts, peer, options),
      'data-channel': (options) => this.#openChannel(theirs, { call, answer }, options),
      'hand-punch': async (options) =>
        (await this.#tools.punchedChannel?.open({ call, answer, via, role: this.role }, options)) ??
        fail('not-dialable', 'no UDP sockets to punch with'),
      ...(this.#tools.joinRelay === undefined ? {} : { relay: (options: RungOptions) => this.#joinRelay({ call, answer }, peer, options) }),
    };
    const planned = plan.rungs.flatMap((rung) => {
      const run = runs[rung.rung];
      return run === undefined ? [] : [{ ...rung, run }];
    });
    return [...planned, ...this.#lanRung(theirs.facts, peer)];
  }

  /** Who can be dialled is dialled by the other; the one who is dialled waits. For the caller that is `reverse`. */
  #dials(theirs: MeetingFacts, peer: NodeId): Readonly<Partial<Record<RungName, Run>>> {
    const { direct } = planFreshDials(theirs, this.#tools.selfFacts(), this.#tools.ownHosts());
    const dial: Run = async ({ signal, timeoutMs }) => {
      const dialled = await dialFirst(this.#runtime, this.#tools.dialer, direct, peer, { signal, timeoutMs });
      if (dialled.ok && this.role === 'called') dialled.value.path = 'reverse';
      return dialled;
    };
    const wait: Run = (options) => this.#beDialled(options);
    return this.role === 'caller' ? { direct: dial, reverse: wait } : { direct: wait, reverse: dial };
  }

  /** The connection comes in at our listener; the race ends then by its signal. */
  #beDialled({ signal, timeoutMs }: RungOptions): Promise<Result<Connection, DialFailure>> {
    return new Promise((resolve) => {
      const timer = this.#runtime.clock.setTimer(timeoutMs, () => finish(fail('timeout', 'it did not dial us')));
      const onAbort = (): void => finish(fail('aborted'));
      const finish = (result: Result<Connection, DialFailure>): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort);
    });
  }

  /** A caller has tried the addresses of the record already; the called one knows the caller's only from the call. */
  #lanRung(theirs: MeetingFacts, peer: NodeId): RaceRung[] {
    const { lan } = planFreshDials(theirs, this.#tools.selfFacts(), this.#tools.ownHosts());
    if (lan.length === 0) return [];
    const run: Run = ({ signal, timeoutMs }) => dialFirst(this.#runtime, this.#tools.dialer, lan, peer, { signal, timeoutMs });
    return [{ rung: 'lan', startAfterMs: 0, budgetMs: LADDER_PLAN.lanMs, run }];
  }

  async #punchTcp(theirs: MeetingFacts, peer: NodeId, options: RungOptions): Promise<Result<Connection, DialFailure>> {
    if (this.#tcp === undefined || theirs.external === undefined) return fail('not-dialable', 'an external address is not known');
    const remote = { host: theirs.external.host, port: theirs.tcpPort };
    const { pace, isVouched } = this.#tools;
    const beforeSyn = async (host: string): Promise<boolean> => isVouched(peer, host) || (await pace.dialTurn(host, options)) === 'now';
    const opened = await this.#tcp.open([remote], peer, this.role, { ...options, beforeSyn });
    if (opened.ok) this.#tcp = undefined;
    return opened;
  }

  async #openChannel(
    theirs: ReachSignal,
    { call, answer }: Omit<Spoken, 'via'>,
    { signal, timeoutMs }: RungOptions,
  ): Promise<Result<Connection, DialFailure>> {
    const channel = this.#channel;
    if (channel === undefined || theirs.facts.ice === undefined) return fail('not-dialable', 'one side could not open one');
    const peer = { nodeId: nodeIdFromPublicKey(theirs.from), publicKey: theirs.from };
    const startMs = this.#runtime.clock.monotonicMs();
    const hosts = theirs.facts.ice.candidates
      .map(({ address }) => address.host)
      .filter((host) => !this.#tools.isVouched(peer.nodeId, host));
    const ended = await this.#tools.pace.checksTurn(new Set(hosts), { signal, timeoutMs });
    if (ended === undefined) return fail(signal.aborted ? 'aborted' : 'timeout', 'other calls name its address');
    const leftMs = timeoutMs - (this.#runtime.clock.monotonicMs() - startMs);
    const opening = channel.connect(theirs.facts.ice, peer, { caller: call.nonce, called: answer.nonce });
    const onAbort = (): void => channel.close();
    const timer = this.#runtime.clock.setTimer(leftMs, onAbort);
    signal.addEventListener('abort', onAbort);
    try {
      const opened = await opening;
      if (opened.ok) this.#channel = undefined;
      return opened;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      ended();
    }
  }

  async #joinRelay({ call, answer }: Omit<Spoken, 'via'>, peer: NodeId, options: RungOptions): Promise<Result<Connection, DialFailure>> {
    const relay = chooseRelay(call.facts, answer.facts);
    if (relay === undefined || this.#tools.joinRelay === undefined) return fail('not-dialable', 'no relay is known');
    return this.#tools.joinRelay(relay, call.callId, peer, this.role, options);
  }
}

async function openChannel(
  { channels, stunServers }: MeetingTools,
  self: SelfFacts,
  call: ReachSignal | undefined,
): Promise<ChannelAttempt | undefined> {
  if (channels === undefined || !self.hasUdp) return undefined;
  const [server] = await stunServers();
  // It ends with the meeting, which may go on after a relayed connection has been handed out.
  const options = {
    signal: new AbortController().signal,
    timeoutMs: LADDER_PLAN.channelMs,
    ...(server === undefined ? {} : { stun: server }),
  };
  if (call === undefined) {
    const prepared = await channels.prepareCall(options);
    return prepared.ok ? prepared.value : undefined;
  }
  if (call.facts.ice === undefined || !call.facts.hasUdp) return undefined;
  const prepared = await channels.prepareAnswer(call.facts.ice, options);
  return prepared.ok ? prepared.value : undefined;
}
