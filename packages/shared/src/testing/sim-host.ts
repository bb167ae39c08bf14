// driven: a simulated machine: its addresses, its ports and what is bound to them.
import { assert } from '../core/assert.ts';
import type { Address } from '../net/address.ts';
import type { Random } from '../runtime/random.ts';
import type { LinkModel } from './link-model.ts';
import type { NatTable } from './nat-model.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimRealm } from './sim-routing.ts';

export type SimProtocol = 'udp' | 'tcp';

/** What a port can be bound to. */
export interface SimEndpoint {
  /** The machine's process died: let go of everything and say nothing more. */
  abandon(): void;
}

/** Ports that a machine hands out by itself (RFC 6335 section 6). */
const EPHEMERAL_FIRST = 49_152;
const EPHEMERAL_COUNT = 65_536 - EPHEMERAL_FIRST;

/** Datagrams and bytes of one host. */
export interface TrafficCounters {
  readonly sentDatagrams: number;
  readonly sentBytes: number;
  readonly receivedDatagrams: number;
  readonly receivedBytes: number;
}

export interface SimHostParts {
  readonly network: SimNetwork;
  readonly name: string;
  readonly index: number;
  readonly realm: SimRealm;
  readonly addresses: readonly string[];
  readonly random: Random;
  readonly link: LinkModel | undefined;
  readonly firewall: Readonly<Record<SimProtocol, NatTable>> | undefined;
}

/** Made by SimNetwork.addHost. */
export class SimHost {
  readonly network: SimNetwork;
  readonly name: string;
  /** Order of being added; with the seed it decides the latencies to others. */
  readonly index: number;
  readonly realm: SimRealm;
  /** IP literals; the first is the source of what is sent from an unspecified address. */
  readonly addresses: readonly string[];
  /** Draws the faults of what this host sends. */
  readonly random: Random;
  /** Replaces the realm's link for what this host sends. */
  link: LinkModel | undefined;
  readonly firewall: Readonly<Record<SimProtocol, NatTable>> | undefined;
  readonly #bound = { udp: new Map<number, SimEndpoint>(), tcp: new Map<number, SimEndpoint>() };
  readonly #others = new Set<SimEndpoint>();
  readonly #counters = { sentDatagrams: 0, sentBytes: 0, receivedDatagrams: 0, receivedBytes: 0 };
  #nextEphemeral = 0;
  #isUp = true;
  /** When the uplink has sent what it was given; elapsed simulated milliseconds. */
  uplinkFreeMs = 0;

  constructor(parts: SimHostParts) {
    this.network = parts.network;
    this.name = parts.name;
    this.index = parts.index;
    this.realm = parts.realm;
    this.addresses = parts.addresses;
    this.random = parts.random;
    this.link = parts.link;
    this.firewall = parts.firewall;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get counters(): TrafficCounters {
    return { ...this.#counters };
  }

  /** The first address, with a port. */
  address(port: number): Address {
    return { host: this.addresses[0] as string, port };
  }

  /** Binds; gives the port (a free one for 0), or undefined when it is taken or the host is down. */
  bind(protocol: SimProtocol, port: number, endpoint: SimEndpoint): number | undefined {
    const bound = this.#bound[protocol];
    const chosen = port === 0 ? this.freePort(protocol) : port;
    if (!this.#isUp || chosen === undefined || bound.has(chosen)) return undefined;
    bound.set(chosen, endpoint);
    return chosen;
  }

  unbind(protocol: SimProtocol, port: number, endpoint: SimEndpoint): void {
    if (this.#bound[protocol].get(port) === endpoint) this.#bound[protocol].delete(port);
  }

  boundTo(protocol: SimProtocol, port: number): SimEndpoint | undefined {
    return this.#bound[protocol].get(port);
  }

  /** A port for the near end of something that goes out. */
  freePort(protocol: SimProtocol): number | undefined {
    for (let i = 0; i < EPHEMERAL_COUNT; i++) {
      const port = EPHEMERAL_FIRST + (this.#nextEphemeral++ % EPHEMERAL_COUNT);
      if (!this.#bound[protocol].has(port)) return port;
    }
    return undefined;
  }

  /** Something of this host that is bound to no port, to be abandoned with it. */
  hold(endpoint: SimEndpoint): void {
    this.#others.add(endpoint);
  }

  release(endpoint: SimEndpoint): void {
    this.#others.delete(endpoint);
  }

  countSent(sizeBytes: number): void {
    this.#counters.sentDatagrams++;
    this.#counters.sentBytes += sizeBytes;
  }

  countReceived(sizeBytes: number): void {
    this.#counters.receivedDatagrams++;
    this.#counters.receivedBytes += sizeBytes;
  }

  /** Use SimNetwork.kill and revive. */
  setUp(isUp: boolean): void {
    assert(this.#isUp !== isUp, `${this.name} is ${isUp ? 'up' : 'down'} already`);
    this.#isUp = isUp;
    if (isUp) return;
    const endpoints = [...this.#bound.udp.values(), ...this.#bound.tcp.values(), ...this.#others];
    this.#bound.udp.clear();
    this.#bound.tcp.clear();
    this.#others.clear();
    for (const endpoint of endpoints) endpoint.abandon();
  }
}
