// driven: KadNodes that answer STUN (RFC 8489) to a socket that they have never heard of: ICE and hand punching ask them.
import { decodeBindingResponse, encodeBindingRequest } from '@batchain/kad-node';
import { type Address, type DatagramSocket, equalAddress, type Runtime } from '@batchain/shared';
import { OBSERVERS_MAX, STUN_CANDIDATES_MAX, STUN_CHECK_AGAIN_MS, STUN_CHECK_ROUNDS, STUN_KNOWN_MS } from '../limits.ts';

const TRANSACTION_ID_BYTES = 12;

export interface StunServersParts {
  /** A UDP socket on a free port; undefined where there is none: then every candidate is believed. */
  readonly openSocket: (() => DatagramSocket) | undefined;
  /** KadNodes outside, the likeliest first. */
  readonly candidates: () => readonly Address[];
}

/**
 * Not every contact does: one behind a firewall answers our Kad port, to which it has sent before, and no other. The library for ICE
 * takes one server only and waits a second for one that is silent.
 */
export class StunServers {
  readonly #runtime: Runtime;
  readonly #parts: StunServersParts;
  #known: { readonly servers: readonly Address[]; readonly atMs: number } | undefined;
  #checking: Promise<readonly Address[]> | undefined;

  constructor(runtime: Runtime, parts: StunServersParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** Up to OBSERVERS_MAX of different IPs that answered within STUN_KNOWN_MS; asks, for less than a second, when none has. Never rejects. */
  async get(): Promise<readonly Address[]> {
    const { openSocket, candidates } = this.#parts;
    if (openSocket === undefined) return distinctHosts(candidates()).slice(0, OBSERVERS_MAX);
    const nowMs = this.#runtime.clock.monotonicMs();
    if (this.#known !== undefined && nowMs - this.#known.atMs < STUN_KNOWN_MS) return this.#known.servers;
    this.#checking ??= this.#check(openSocket)
      .catch((error: unknown): readonly Address[] => {
        this.#runtime.log.debug('reach.stun-check.failed', { error: String(error) });
        return [];
      })
      .finally(() => {
        this.#checking = undefined;
      });
    return this.#checking;
  }

  /** The network is another: what answered there says nothing here. */
  forget(): void {
    this.#known = undefined;
  }

  async #check(openSocket: () => DatagramSocket): Promise<readonly Address[]> {
    const { clock, entropy } = this.#runtime;
    const questions = distinctHosts(this.#parts.candidates())
      .slice(0, STUN_CANDIDATES_MAX)
      .map((address) => ({ address, id: entropy.bytes(TRANSACTION_ID_BYTES), isAnswered: false }));
    if (questions.length === 0) return [];
    const enough = new AbortController();
    const socket = openSocket();
    const answered = (): Address[] => questions.filter(({ isAnswered }) => isAnswered).map(({ address }) => address);
    await socket.open((bytes, from) => {
      for (const question of questions) {
        if (equalAddress(question.address, from) && decodeBindingResponse(bytes, question.id).ok) question.isAnswered = true;
      }
      if (answered().length >= Math.min(OBSERVERS_MAX, questions.length)) enough.abort();
    });
    try {
      for (let round = 0; round < STUN_CHECK_ROUNDS && !enough.signal.aborted; round++) {
        // Who was asked twice and is silent is not asked again (T8).
        const isAsking = round < STUN_CHECK_ROUNDS - 1;
        for (const { address, id, isAnswered } of questions) if (isAsking && !isAnswered) socket.send(encodeBindingRequest(id), address);
        await clock.sleep(STUN_CHECK_AGAIN_MS, enough.signal).catch(() => undefined);
        // One is enough for ICE: a second is worth one more round, no more.
        if (round > 0 && answered().length > 0) break;
      }
    } finally {
      await socket.close();
    }
    const servers = answered().slice(0, OBSERVERS_MAX);
    if (servers.length > 0) this.#known = { servers, atMs: clock.monotonicMs() };
    return servers;
  }
}

/** One address of each IP: two ports of one host are one witness. */
function distinctHosts(addresses: readonly Address[]): readonly Address[] {
  return addresses.filter(({ host }, i) => addresses.findIndex((other) => other.host === host) === i);
}
