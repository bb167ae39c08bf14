// driven: the serving side of tunnels: a UDP socket for each node that has none of its own (T6, T8).
import { type Address, type DatagramSocket, isPrivateHost, type Runtime, toBatChainError, toHex } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import { StreamClosedError } from '../connection/stream-closed-error.ts';
import { TUNNEL_IDLE_MS, TUNNELS_MAX, TUNNELS_PER_IP_MAX } from '../limits.ts';
import { batAnswerCodec } from '../wire/frame-codecs.ts';
import type { BatAnswer } from '../wire/frames.ts';
import { DatagramLane } from './datagram-lane.ts';
import { FirstContacts, partyOf } from './first-contacts.ts';
import { decodeTunnelled } from './tunnel-frame.ts';
import { type GateVerdict, TunnelGate } from './tunnel-gate.ts';

export interface TunnelServiceParts {
  /** A fresh UDP socket of this machine at any free port, not open yet. */
  readonly makeSocket: () => DatagramSocket;
  /** Addresses of the machine's interfaces now: they decide which private addresses may be sent to. */
  readonly ownHosts: () => readonly string[];
  /** Where others reach UDP sockets of this machine; undefined: at the host that the tunnel's user dialled. */
  readonly publicHost: () => string | undefined;
  /** Asked before each datagram to a public host that has not answered through the tunnel; absent: they have a limit of their own alone (T8). */
  readonly mayApproach?: (host: string) => boolean;
}

interface Tunnel {
  readonly stream: BatStream;
  /** Of the user; undefined in private ranges, which have no limit of their own. All without an address are one. */
  readonly party: string | undefined;
}

/** What went through all tunnels. */
export interface TunnelCounts {
  passedOut: number;
  passedIn: number;
  dropped: number;
}

const UNSPECIFIED = '0.0.0.0';

/** Anybody of the network may have one tunnel; a second one of the same node replaces the first. */
export class TunnelService {
  readonly #runtime: Runtime;
  readonly #parts: TunnelServiceParts;
  readonly #firsts: FirstContacts;
  /** By node id. */
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #counts: TunnelCounts = { passedOut: 0, passedIn: 0, dropped: 0 };

  constructor(runtime: Runtime, parts: TunnelServiceParts) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#firsts = new FirstContacts(parts.mayApproach);
  }

  usage(): TunnelCounts & { readonly open: number } {
    return { ...this.#counts, open: this.#tunnels.size };
  }

  /** Serves a stream whose request was `kad-tunnel`, until either side ends it; the session's end ends it too. */
  async serve(session: BatSession, stream: BatStream): Promise<void> {
    const { peer, remoteAddress } = session.connection;
    const key = toHex(peer.nodeId);
    this.#tunnels.get(key)?.stream.reset('replaced');
    this.#tunnels.delete(key);
    const tunnel: Tunnel = { stream, party: userParty(remoteAddress) };
    if (!this.#hasRoom(tunnel)) return refuse(stream, 'all tunnels are taken');
    this.#tunnels.set(key, tunnel);
    const socket = this.#parts.makeSocket();
    try {
      await this.#run(stream, socket, remoteAddress?.host);
    } finally {
      if (this.#tunnels.get(key) === tunnel) this.#tunnels.delete(key);
      await socket.close();
    }
  }

  #hasRoom({ party }: Tunnel): boolean {
    if (this.#tunnels.size >= TUNNELS_MAX) return false;
    const ofParty = [...this.#tunnels.values()].filter((other) => party !== undefined && other.party === party);
    return ofParty.length < TUNNELS_PER_IP_MAX;
  }

  async #run(stream: BatStream, socket: DatagramSocket, userHost: string | undefined): Promise<void> {
    const { clock, log } = this.#runtime;
    const gate = new TunnelGate(this.#firsts, userHost, clock.monotonicMs());
    const lane = new DatagramLane(stream);
    try {
      await socket.open((bytes, from) => {
        const verdict = gate.judgeIn(bytes, from, clock.monotonicMs());
        this.#count('passedIn', verdict === 'pass' && !lane.send({ address: from, bytes }) ? 'too-many' : verdict);
      });
    } catch (error) {
      log.warn('bat.tunnel.no-socket', { error: toBatChainError(error).what });
      return refuse(stream, 'no socket');
    }
    const address: Address = { host: this.#parts.publicHost() ?? UNSPECIFIED, port: socket.localAddress.port };
    await stream.sendControl(batAnswerCodec.encode({ kind: 'tunnel-open', address }));
    for (;;) {
      const item = await nextOrIdle(stream);
      if (item === undefined) return;
      const datagram = item.kind === 'control' ? decodeTunnelled(item.bytes) : undefined;
      if (datagram === undefined) return stream.reset('malformed');
      const verdict = gate.judgeOut(datagram.bytes, datagram.address, this.#parts.ownHosts, clock.monotonicMs());
      if (verdict === 'pass') socket.send(datagram.bytes, datagram.address);
      this.#count('passedOut', verdict);
    }
  }

  #count(passed: 'passedOut' | 'passedIn', verdict: GateVerdict): void {
    this.#counts[verdict === 'pass' ? passed : 'dropped'] += 1;
    if (verdict !== 'pass') this.#runtime.log.trace('bat.tunnel.dropped', { verdict });
  }
}

function userParty(address: Address | undefined): string | undefined {
  if (address === undefined) return 'unknown';
  return isPrivateHost(address.host) ? undefined : partyOf(address);
}

/** Undefined at the user's end, and when it has been silent for long. */
async function nextOrIdle(stream: BatStream): ReturnType<BatStream['next']> {
  try {
    return await stream.next({ timeoutMs: TUNNEL_IDLE_MS });
  } catch (error) {
    if (!(error instanceof StreamClosedError) || error.reason !== 'timeout') throw error;
    stream.reset('idle');
    return undefined;
  }
}

async function refuse(stream: BatStream, detail: string): Promise<void> {
  const answer: BatAnswer = { kind: 'refused', reason: 'busy', detail };
  await stream.sendControl(batAnswerCodec.encode(answer));
  await stream.end();
}
