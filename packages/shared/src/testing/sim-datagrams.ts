// driven: the way of one datagram through the simulated network.
import type { Address } from '../net/address.ts';
import { planDelivery } from './link-model.ts';
import type { SimDatagramSocket } from './sim-datagram-socket.ts';
import type { SimHost } from './sim-host.ts';
import type { DropReason, SimNetwork } from './sim-network.ts';
import { routeInbound, routeOutbound, type SimRealm } from './sim-routing.ts';

/** The largest payload of a UDP datagram over IPv4: 65,535 less the headers. */
export const UDP_PAYLOAD_BYTES_MAX = 65_507;
const INJECTED_MS = 1;

/** A datagram on its way, after all NATs on the sender's side. */
interface Flight {
  /** Undefined when forged. */
  readonly sender: SimHost | undefined;
  readonly realm: SimRealm;
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

/** The part of SimNetwork that carries datagrams. */
export class SimDatagrams {
  readonly #network: SimNetwork;
  /** Paths that a datagram has clogged: until when, by the two ends. */
  readonly #clogs = new Map<string, number>();

  constructor(network: SimNetwork) {
    this.#network = network;
  }

  send(host: SimHost, from: Address, to: Address, bytes: Uint8Array): void {
    host.countSent(bytes.length);
    this.#network.report('sent', 'udp', host, from, to, bytes);
    const dropped = this.#depart(host, from, to, bytes);
    if (dropped !== undefined) this.#network.report('dropped', 'udp', host, from, to, bytes, dropped);
  }

  inject(from: Address, to: Address, bytes: Uint8Array): void {
    this.#fly(INJECTED_MS, { sender: undefined, realm: this.#network.internet, from, to, bytes: bytes.slice() });
  }

  heal(): void {
    this.#clogs.clear();
  }

  #depart(host: SimHost, from: Address, to: Address, bytes: Uint8Array): DropReason | undefined {
    if (bytes.length > UDP_PAYLOAD_BYTES_MAX) return 'too-large';
    const nowMs = this.#network.simulation.clock.elapsedMs;
    const route = routeOutbound(host, from, to, 'udp', nowMs);
    if (route === undefined) return 'no-route';
    const link = host.link ?? route.realm.link;
    const baseMs = this.#network.baseLatencyMs(link, host, route.toward);
    const plan = planDelivery(link, host.random, bytes.length, baseMs, nowMs, host.uplinkFreeMs);
    host.uplinkFreeMs = plan.uplinkFreeMs;
    const clogMs = this.#clog(`${host.index} ${route.toward.index}`, plan.clogMs, nowMs);
    if (plan.delaysMs.length === 0) return 'lost';
    for (const delayMs of plan.delaysMs) {
      this.#fly(Math.max(delayMs, clogMs), { sender: host, realm: route.realm, from: route.from, to, bytes: bytes.slice() });
    }
    return undefined;
  }

  /** For how long the path is clogged from now on. */
  #clog(path: string, newMs: number, nowMs: number): number {
    if (newMs === 0 && this.#clogs.size === 0) return 0;
    const untilMs = Math.max(this.#clogs.get(path) ?? 0, nowMs + newMs);
    if (untilMs > nowMs) this.#clogs.set(path, untilMs);
    else this.#clogs.delete(path);
    return untilMs - nowMs;
  }

  #fly(delayMs: number, flight: Flight): void {
    this.#network.simulation.clock.setTimer(delayMs, () => {
      const dropped = this.#arrive(flight);
      if (dropped !== undefined) this.#network.report('dropped', 'udp', flight.sender, flight.from, flight.to, flight.bytes, dropped);
    });
  }

  #arrive(flight: Flight): DropReason | undefined {
    const { sender, realm, from, bytes } = flight;
    const { clock, trace } = this.#network.simulation;
    const nowMs = clock.elapsedMs;
    const route = routeInbound(realm, from, flight.to, 'udp', nowMs);
    if (route === undefined) return 'filtered';
    const { host, to } = route;
    if (sender !== undefined && sender !== host) {
      const { isCut, freeAtMs } = this.#network.pathState(sender, host);
      if (isCut) return 'cut';
      if (freeAtMs > nowMs) {
        this.#fly(freeAtMs - nowMs, flight);
        return undefined;
      }
    }
    if (!host.isUp) return 'host-down';
    const socket = host.boundTo('udp', to.port) as SimDatagramSocket | undefined;
    if (socket === undefined || !socket.accepts(to)) return 'unbound';
    host.countReceived(bytes.length);
    trace.record('datagram', nowMs, host.index, from.host, from.port, to.port, bytes);
    this.#network.report('delivered', 'udp', host, from, to, bytes);
    socket.receive(bytes, from);
    return undefined;
  }
}
