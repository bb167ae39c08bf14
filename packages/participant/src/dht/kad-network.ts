// driven: finds participants by host, port range and on the local network, and joins through those that answer (BD-13, BD-14, BD-16, SH-07, SH-08).
import { setMaxListeners } from 'node:events';
import type { KadNode, PingResult, RpcFailure } from '@batchain/kad-node';
import {
  type Address,
  equalBytes,
  fail,
  formatAddress,
  isPrivateHost,
  mapInFlight,
  type NodeId,
  type Result,
  type Runtime,
  splitHostPort,
  toHex,
} from '@batchain/shared';
import type { DhtCallOptions, NetworkApi } from '../api/dht-api.ts';
import type { FoundParticipant, JoinBody, NetworkFindBody, NetworkFindResult, NetworkJoinResult } from '../api/network-schemas.ts';
import { KAD_PORT } from '../config/settings.ts';
import { FIND_IN_FLIGHT_MAX, FIND_KNOWN_MAX, FIND_TRIES, FIND_TRIES_OF_MANY, HOST_ADDRESSES_MAX, NETWORK_FIND_MS } from '../limits.ts';
import { roundMs } from './dht-views.ts';
import { noAnswer, noAnswerWords } from './no-answer.ts';

const THIS_MACHINE = '127.0.0.1';

export interface KadNetworkParts {
  readonly kad: KadNode;
  /** Addresses of HOST:PORT; none when the name can not be looked up. Throws BAT_E_USAGE. */
  readonly resolve: (hostPort: string) => Promise<readonly Address[]>;
  /** Who says on the local network to be of our network. */
  readonly searchLan: (signal: AbortSignal) => Promise<readonly { readonly nodeId: NodeId; readonly kadAddress: Address }[]>;
  /** As at a start: by UDP, else over WebSockets; true when the network is joined. */
  readonly join: (addresses: readonly Address[], signal: AbortSignal) => Promise<boolean>;
  /** Undoes `join` where nobody was. */
  readonly forgetJoins: (addresses: readonly Address[]) => void;
}

/** An address to ask, and how we came to it. */
interface Candidate {
  readonly address: Address;
  readonly foundBy: FoundParticipant['foundBy'];
  readonly tries: number;
  /** The user named this very address. */
  readonly isOurChoice: boolean;
}

type Answer = Result<PingResult, RpcFailure>;

interface Asked {
  readonly candidate: Candidate;
  readonly answer: Answer;
}

/** One of the addresses to join at, as it was given. */
interface Gate {
  readonly text: string;
  readonly addresses: readonly Address[];
  readonly answer: Answer | undefined;
}

export class KadNetwork implements NetworkApi {
  readonly #runtime: Runtime;
  readonly #parts: KadNetworkParts;

  constructor(runtime: Runtime, parts: KadNetworkParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  async join({ addresses: texts }: JoinBody, { signal }: DhtCallOptions): Promise<NetworkJoinResult> {
    const { kad, join, forgetJoins } = this.#parts;
    const gates = await Promise.all([...new Set(texts)].map((text) => this.#knock(text, signal)));
    signal.throwIfAborted();
    const open = gates.flatMap(({ answer }) => (answer?.ok === true ? [answer.value.peer.address] : []));
    if (open.length > 0) await join(open, signal);
    else if (!(await this.#joinOtherwise(gates, signal))) {
      forgetJoins(gates.flatMap(({ addresses }) => addresses));
      throw noAnswer(`not joined: nobody answers at ${texts.join(', ')}`, [...new Set(gates.map(reasonOf))].join('; '));
    }
    signal.throwIfAborted();
    return { joined: kad.isJoined, contacts: kad.stats().contacts, addresses: gates.map(viewGate) };
  }

  /** Where UDP does not get out: as at a start, through whoever carries our datagrams. */
  async #joinOtherwise(gates: readonly Gate[], signal: AbortSignal): Promise<boolean> {
    const { kad, join } = this.#parts;
    const silent = gates.filter(({ answer }) => answer?.ok === false && answer.reason === 'timeout');
    if (kad.isJoined || silent.length === 0) return false;
    return join(
      silent.flatMap(({ addresses }) => addresses),
      signal,
    );
  }

  /** SH-08: whoever is not there when asked is not joined through. */
  async #knock(text: string, signal: AbortSignal): Promise<Gate> {
    const addresses = (await this.#parts.resolve(text)).slice(0, HOST_ADDRESSES_MAX);
    const answers = await Promise.all(addresses.map((address) => this.#parts.kad.whoIsAt(address, { signal, isOurChoice: true })));
    return { text, addresses, answer: answers.find(({ ok }) => ok) ?? answers[0] };
  }

  async find(body: NetworkFindBody, { signal }: DhtCallOptions): Promise<NetworkFindResult> {
    const { clock } = this.#runtime;
    const late = new AbortController();
    const timer = clock.setTimer(body.withinMs ?? NETWORK_FIND_MS, () => late.abort());
    const end = AbortSignal.any([signal, late.signal]);
    // One of each question under way.
    setMaxListeners(0, end);
    try {
      const candidates = await this.#candidates(body, end);
      const asked = await this.#askAll(candidates, end);
      signal.throwIfAborted();
      const isUnasked = ({ answer }: Asked): boolean => !answer.ok && answer.reason === 'aborted';
      return {
        found: this.#found(asked),
        asked: asked.filter((one) => !isUnasked(one)).length,
        silent: asked.filter((one) => !isUnasked(one) && viewFound(one) === undefined).length,
        isComplete: !asked.some(isUnasked),
      };
    } finally {
      timer.cancel();
    }
  }

  async #candidates({ host, ports }: NetworkFindBody, end: AbortSignal): Promise<Candidate[]> {
    if (host === undefined && ports === undefined) return [...(await this.#sighted(end)), ...this.#known()];
    const { from, to } = ports ?? { from: KAD_PORT, to: KAD_PORT };
    const name = host ?? THIS_MACHINE;
    const text = name.includes(':') && !name.startsWith('[') ? `[${name}]:${from}` : `${name}:${from}`;
    const addresses = await this.#parts.resolve(text);
    if (addresses.length === 0) throw noAnswer(`nobody is found at ${name}`, `${name} can not be looked up`);
    const foundBy = host === undefined || from < to ? 'ports' : 'host';
    if (from === to) {
      return addresses.slice(0, HOST_ADDRESSES_MAX).map((address) => ({ address, foundBy, tries: FIND_TRIES, isOurChoice: true }));
    }
    const [first] = addresses as [Address];
    return Array.from({ length: to - from + 1 }, (_, i) => ({
      address: { host: first.host, port: from + i },
      foundBy,
      tries: FIND_TRIES_OF_MANY,
      isOurChoice: false,
    }));
  }

  async #sighted(end: AbortSignal): Promise<Candidate[]> {
    const sighted = await this.#parts.searchLan(end).catch(() => []);
    return sighted.map(({ kadAddress }) => ({ address: kadAddress, foundBy: 'lan', tries: FIND_TRIES, isOurChoice: false }));
  }

  #known(): Candidate[] {
    const { kad } = this.#parts;
    const contacts = kad.routes().buckets.flatMap((bucket) => bucket.contacts);
    return [...contacts, ...kad.remembered()]
      .slice(0, FIND_KNOWN_MAX)
      .map(({ address }) => ({ address, foundBy: 'known', tries: FIND_TRIES, isOurChoice: false }));
  }

  /** Strangers outside one after the other: their IPs get first packets at the pace of all dials to strangers, and no faster (T8). */
  async #askAll(candidates: readonly Candidate[], end: AbortSignal): Promise<Asked[]> {
    const isStranger = ({ address, foundBy, isOurChoice }: Candidate): boolean =>
      foundBy !== 'known' && !isOurChoice && !isPrivateHost(address.host);
    const ask = async (candidate: Candidate): Promise<Asked> => ({ candidate, answer: await this.#ask(candidate, end) });
    const [near, strange] = await Promise.all([
      mapInFlight(
        candidates.filter((one) => !isStranger(one)),
        FIND_IN_FLIGHT_MAX,
        ask,
      ),
      mapInFlight(candidates.filter(isStranger), 1, ask),
    ]);
    return [...near, ...strange];
  }

  /** What is held back goes out later. */
  async #ask({ address, tries, isOurChoice }: Candidate, end: AbortSignal): Promise<Answer> {
    while (!end.aborted) {
      const answer = await this.#parts.kad.whoIsAt(address, { signal: end, tries, isOurChoice });
      if (answer.ok || answer.reason !== 'held-back') return answer;
    }
    return fail('aborted');
  }

  /** Each participant once, found in the first way that found it. */
  #found(asked: readonly Asked[]): FoundParticipant[] {
    const found = new Map<string, FoundParticipant>();
    for (const one of asked) {
      if (one.answer.ok && equalBytes(one.answer.value.peer.nodeId, this.#parts.kad.nodeId)) continue;
      const view = viewFound(one);
      const name = view?.nodeId ?? view?.kad;
      if (view !== undefined && name !== undefined && !found.has(name)) found.set(name, view);
    }
    return [...found.values()].sort((a, b) => Number(b.isOurNetwork) - Number(a.isOurNetwork) || (a.rttMs ?? 0) - (b.rttMs ?? 0));
  }
}

/** Undefined when no participant is there. */
function viewFound({ candidate, answer }: Asked): FoundParticipant | undefined {
  const { foundBy, address } = candidate;
  if (answer.ok) {
    const { peer, rttMs } = answer.value;
    return { kad: formatAddress(peer.address), nodeId: toHex(peer.nodeId), isOurNetwork: true, foundBy, rttMs: roundMs(rttMs) };
  }
  if (answer.reason !== 'wrong-network') return undefined;
  return { kad: formatAddress(address), nodeId: null, isOurNetwork: false, foundBy, rttMs: null };
}

function reasonOf({ text, answer }: Gate): string {
  if (answer === undefined) return `${splitHostPort(text)?.host ?? text} can not be looked up`;
  return answer.ok ? '' : noAnswerWords(answer.reason, answer.detail);
}

function viewGate(gate: Gate): NetworkJoinResult['addresses'][number] {
  const { text: address, answer } = gate;
  if (answer?.ok === true) return { address, nodeId: toHex(answer.value.peer.nodeId), rttMs: roundMs(answer.value.rttMs), reason: null };
  return { address, nodeId: null, rttMs: null, reason: reasonOf(gate) };
}
