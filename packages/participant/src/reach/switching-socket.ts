// driven: the KadNode's DatagramSocket: UDP, or a tunnel through another participant where UDP does not get out.
import { type Address, type DatagramHandler, type DatagramSocket, formatAddress, isPrivateHost, type Runtime } from '@batchain/shared';
import { UDP_HEARD_MAX, UDP_HEARD_MS } from '../limits.ts';
import { UdpProbe } from './udp-probe.ts';

/** What a TunnelSocket is to this one. */
export interface Tunnel extends DatagramSocket {
  /** Resolves, with the reason, when nothing goes through it any more. */
  readonly closed: Promise<string>;
}

/** The last byte 0 of STUN (RFC 7983); Kad datagrams begin above. */
const STUN_FIRST_BYTE_MAX = 3;

/** UDP stays open all the time, for neighbours in the own network and for noticing that it works again. */
export class SwitchingSocket implements DatagramSocket {
  readonly probe: UdpProbe;
  readonly #runtime: Runtime;
  readonly #udp: DatagramSocket;
  #onDatagram: DatagramHandler | undefined;
  #tunnel: Tunnel | undefined;
  /** Addresses heard by UDP while there is a tunnel, and when; the oldest first. */
  readonly #heardMs = new Map<string, number>();

  constructor(runtime: Runtime, udp: DatagramSocket) {
    this.#runtime = runtime;
    this.#udp = udp;
    this.probe = new UdpProbe(runtime, (bytes, to) => udp.send(bytes, to));
  }

  async open(onDatagram: DatagramHandler): Promise<void> {
    this.#onDatagram = onDatagram;
    await this.#udp.open((bytes, from) => {
      if ((bytes[0] ?? 0) <= STUN_FIRST_BYTE_MAX && this.probe.take(bytes, from)) return;
      if (this.#tunnel !== undefined) this.#noteHeard(from);
      onDatagram(bytes, from);
    });
  }

  /** Of the UDP socket, tunnel or not: what is bound stays bound. */
  get localAddress(): Address {
    return this.#udp.localAddress;
  }

  /** Where datagrams for this node arrive at the participant that carries them; undefined without a tunnel. */
  get tunnelAddress(): Address | undefined {
    return this.#tunnel?.localAddress;
  }

  send(bytes: Uint8Array, to: Address): void {
    const tunnel = this.#tunnel;
    if (tunnel !== undefined && (bytes[0] ?? 0) > STUN_FIRST_BYTE_MAX && this.#goesThrough(tunnel, to)) tunnel.send(bytes, to);
    else this.#udp.send(bytes, to);
  }

  /** From now on through this tunnel, until it is detached; only after open. An earlier one is closed. */
  async attach(tunnel: Tunnel): Promise<void> {
    const earlier = this.#tunnel;
    await tunnel.open((bytes, from) => this.#onDatagram?.(bytes, from));
    this.#heardMs.clear();
    this.#tunnel = tunnel;
    await earlier?.close();
  }

  /** Back to UDP alone. */
  async detach(): Promise<void> {
    const tunnel = this.#tunnel;
    this.#tunnel = undefined;
    await tunnel?.close();
  }

  async close(): Promise<void> {
    await this.detach();
    await this.#udp.close();
  }

  /** A neighbour who is heard, or may well be, is written to by UDP; the participant that carries for us sends to nobody in our network. */
  #goesThrough(tunnel: Tunnel, to: Address): boolean {
    const heardMs = this.#heardMs.get(formatAddress(to));
    if (heardMs !== undefined && this.#runtime.clock.monotonicMs() - heardMs < UDP_HEARD_MS) return false;
    return !isPrivateHost(to.host) || isPrivateHost(tunnel.localAddress.host);
  }

  #noteHeard(from: Address): void {
    const key = formatAddress(from);
    this.#heardMs.delete(key);
    this.#heardMs.set(key, this.#runtime.clock.monotonicMs());
    if (this.#heardMs.size > UDP_HEARD_MAX) this.#heardMs.delete(this.#heardMs.keys().next().value as string);
  }
}
