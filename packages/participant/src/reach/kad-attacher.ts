// driven: keeps a node without UDP in the network: finds a participant that carries its Kad datagrams, and another when that one goes.
import { type Address, equalAddress, formatAddress, isPrivateHost, type Runtime } from '@batchain/shared';
import {
  ATTACH_JOINS_MAX,
  ATTACH_PAUSE_MAX_MS,
  ATTACH_PAUSE_MIN_MS,
  ATTACH_STEADY_MS,
  UDP_CHECK_INTERVAL_MS,
  UDP_PROBE_TARGETS_MAX,
} from '../limits.ts';
import { type AttachCandidate, planAttach } from './attach-plan.ts';
import { type Attached, raceTunnels, type TunnelOpener } from './attach-race.ts';
import type { SwitchingSocket } from './switching-socket.ts';

export interface KadAttacherParts {
  /** Open already when UDP is noted to be silent. */
  readonly socket: SwitchingSocket;
  readonly open: TunnelOpener;
  /** BatNodes of public participants that are known by their records, best first; asked for each round. */
  readonly knownHosts: () => readonly AttachCandidate[];
  /** Where other KadNodes answered of late or in an earlier run, best first: their hosts are asked like those of join addresses, and whether UDP works. */
  readonly knownKad: () => readonly Address[];
}

export interface AttachState {
  /** True from the first tunnel until UDP works again. */
  readonly hasNoUdp: boolean;
  /** Who carries our datagrams now. */
  readonly via: Address | undefined;
  /** Where they arrive for us. */
  readonly address: Address | undefined;
}

const UDP_WORKS: AttachState = { hasNoUdp: false, via: undefined, address: undefined };
/** Of a pause; the others are chosen at random, so that those who lose one host do not all come at once. */
const JITTER_RATIO = 0.5;

export class KadAttacher {
  readonly #runtime: Runtime;
  readonly #parts: KadAttacherParts;
  readonly #onChange: (state: AttachState) => void;
  readonly #stop = new AbortController();
  readonly #joins: Address[] = [];
  #state: AttachState = UDP_WORKS;
  #running: Promise<void> | undefined;
  /** Who waits for the end of the first round; undefined when it is over. */
  #waiting: Set<() => void> | undefined;
  /** Ends the pause under way. */
  #wake: AbortController = new AbortController();
  #steady: AttachCandidate | undefined;
  #failed: AttachCandidate | undefined;

  /** `onChange` is called after each change: a new tunnel, its end, UDP again. The KadNode should join anew then, and publish. */
  constructor(runtime: Runtime, parts: KadAttacherParts, onChange: (state: AttachState) => void) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#onChange = onChange;
  }

  get state(): AttachState {
    return this.#state;
  }

  /** Nobody answered by UDP at these addresses of KadNodes. Looks for a tunnel unless UDP turns out to work; goes on until one of the two is so. */
  noteUdpSilent(joins: readonly Address[]): void {
    for (const join of joins) {
      const isKnown = this.#joins.some((known) => equalAddress(known, join));
      if (!isKnown && this.#joins.length < ATTACH_JOINS_MAX) this.#joins.push(join);
    }
    if (this.#stop.signal.aborted) return;
    if (this.#running === undefined) this.#waiting = new Set();
    this.#running ??= this.#run()
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#runtime.log.error('reach.attach.failed', { error: String(error) });
      })
      .finally(() => {
        this.#running = undefined;
        this.#firstRoundEnded();
      });
  }

  /** These are asked no more. */
  forgetJoins(addresses: readonly Address[]): void {
    this.#joins.splice(0, this.#joins.length, ...this.#joins.filter((join) => !addresses.some((address) => equalAddress(address, join))));
  }

  /** Resolves when the first round is over: `onChange` was called with a tunnel, UDP works after all, or nobody carries as yet. */
  async firstRound(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#waiting === undefined) resolve();
      else this.#waiting.add(resolve);
    });
  }

  /** The machine's network is another now: no pause is waited for, and UDP is tried at once. */
  networkChanged(): void {
    this.#wake.abort();
  }

  /** Ends the tunnel and all attempts. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
    await this.#parts.socket.detach();
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#stop.signal.aborted; ) {
      if (!this.#state.hasNoUdp && this.#knowsNobody()) return;
      const attached = await this.#attach(round);
      if (attached === 'udp') return this.#change(UDP_WORKS);
      if (attached === undefined) {
        this.#firstRoundEnded();
        await this.#pause(Math.min(ATTACH_PAUSE_MAX_MS, ATTACH_PAUSE_MIN_MS * 2 ** Math.min(round, 16)));
        round += 1;
        continue;
      }
      const sinceMs = this.#runtime.clock.monotonicMs();
      const isUdpBack = await this.#hold(attached);
      if (isUdpBack) return this.#change(UDP_WORKS);
      const isSteady = this.#runtime.clock.monotonicMs() - sinceMs >= ATTACH_STEADY_MS;
      this.#steady = isSteady ? attached.candidate : undefined;
      this.#failed = isSteady ? undefined : attached.candidate;
      this.#change({ hasNoUdp: true, via: undefined, address: undefined });
      round = isSteady ? 0 : round + 1;
      if (!isSteady) await this.#pause(ATTACH_PAUSE_MIN_MS);
    }
  }

  #knowsNobody(): boolean {
    const { knownKad, knownHosts } = this.#parts;
    return this.#joins.length === 0 && knownKad().length === 0 && knownHosts().length === 0;
  }

  /** A tunnel, unless a datagram by UDP is answered first. */
  async #attach(round: number): Promise<Attached | 'udp' | undefined> {
    const cancel = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, cancel.signal]);
    const joins = [...this.#joins, ...this.#parts.knownKad()];
    const known = this.#parts.knownHosts();
    const plan = planAttach({ joins, known, steady: this.#steady, failed: this.#failed, round });
    const racing = raceTunnels(this.#runtime, plan, this.#parts.open, signal, ({ address }, why) => {
      this.#runtime.log.debug('reach.attach.refused', { at: formatAddress(address), why });
    });
    const isUdpAlive = await this.#parts.socket.probe.ask(this.#targets(), this.#stop.signal);
    if (isUdpAlive) cancel.abort();
    const attached = await racing;
    if (attached === undefined || !(isUdpAlive || this.#stop.signal.aborted)) return isUdpAlive ? 'udp' : attached;
    await attached.tunnel.close();
    return isUdpAlive ? 'udp' : undefined;
  }

  /** Until the tunnel ends (false) or UDP works again (true). */
  async #hold({ tunnel, candidate }: Attached): Promise<boolean> {
    const { socket } = this.#parts;
    await socket.attach(tunnel);
    this.#change({ hasNoUdp: true, via: candidate.address, address: tunnel.localAddress });
    this.#firstRoundEnded();
    const over = new AbortController();
    const ended = tunnel.closed.then((reason) => {
      this.#runtime.log.info('reach.attach.ended', { via: formatAddress(candidate.address), reason });
      over.abort();
      return false;
    });
    const isUdpBack = await Promise.race([ended, this.#untilUdpWorks(over.signal)]);
    over.abort();
    await socket.detach();
    return isUdpBack;
  }

  /** False when `over` or the stop came first. */
  async #untilUdpWorks(over: AbortSignal): Promise<boolean> {
    const signal = AbortSignal.any([over, this.#stop.signal]);
    for (let inRow = 0; inRow < 2; ) {
      if (inRow === 0) await this.#pause(UDP_CHECK_INTERVAL_MS, signal);
      if (signal.aborted) return false;
      inRow = (await this.#parts.socket.probe.ask(this.#targets(), signal)) ? inRow + 1 : 0;
    }
    return true;
  }

  /** KadNodes that would answer by UDP; neighbours in a private network show nothing of the way out of it, if there are others. */
  #targets(): readonly Address[] {
    const all = [...this.#joins, ...this.#parts.knownKad()];
    const outside = all.filter(({ host }) => !isPrivateHost(host));
    return this.#runtime.random.shuffle(outside.length > 0 ? outside : all).slice(0, UDP_PROBE_TARGETS_MAX);
  }

  /** Ends early at `networkChanged`, also one since the last pause, at the stop, or when `signal` aborts. */
  async #pause(delayMs: number, signal: AbortSignal = this.#stop.signal): Promise<void> {
    const jitteredMs = delayMs * (1 - JITTER_RATIO) + this.#runtime.random.below(Math.ceil(delayMs * JITTER_RATIO));
    await this.#runtime.clock.sleep(jitteredMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }

  #firstRoundEnded(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const resolve of waiting ?? []) resolve();
  }

  #change(state: AttachState): void {
    if (state === this.#state || this.#stop.signal.aborted) return;
    this.#state = state;
    this.#runtime.log.info('reach.attach.changed', {
      hasNoUdp: state.hasNoUdp,
      via: state.via === undefined ? undefined : formatAddress(state.via),
    });
    this.#onChange(state);
  }
}
