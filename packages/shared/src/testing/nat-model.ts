// pure: what NATs and stateful firewalls do with packets, as tables in the words of RFC 4787.
import { type Address, formatAddress } from '../net/address.ts';
import type { Random } from '../runtime/random.ts';

/** What a mapping or a filter depends on (RFC 4787 sections 4.1 and 5). */
export type NatDependence = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';

export interface NatBehaviour {
  /** False for a firewall in front of a public address: it filters and leaves addresses alone. */
  readonly isTranslating: boolean;
  readonly mapping: NatDependence;
  readonly filtering: NatDependence;
  /** How an external port is chosen. `preserve`: the inner one while it is free, else a random one. */
  readonly ports: 'preserve' | 'sequential' | 'random';
  /** Lets inner endpoints reach one another by their external addresses. */
  readonly hasHairpin: boolean;
  /** How long a mapping lives without outbound traffic, in milliseconds. */
  readonly lifetimeMs: number;
  /** The same while no answer has come in; equal to lifetimeMs for most. */
  readonly unansweredLifetimeMs: number;
  readonly isUdpBlocked: boolean;
}

/** RFC 4787 REQ-5 asks for two minutes at least. */
const LIFETIME_MS = 120_000;
const base: NatBehaviour = {
  isTranslating: true,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  ports: 'random',
  hasHairpin: false,
  lifetimeMs: LIFETIME_MS,
  unansweredLifetimeMs: LIFETIME_MS,
  isUdpBlocked: false,
};

export type NatKind =
  | 'open'
  | 'fw'
  | 'full-cone'
  | 'addr-restr'
  | 'port-restr'
  | 'linux'
  | 'symmetric-ip'
  | 'symmetric-seq'
  | 'symmetric'
  | 'udp-blocked';

/** The kinds that the NAT laboratory builds out of real kernels, under the same names. */
export const NAT_KINDS: Readonly<Record<NatKind, NatBehaviour>> = {
  /** A public address with nothing in front of it. */
  open: { ...base, isTranslating: false, filtering: 'endpoint-independent', ports: 'preserve' },
  /** A public address behind a stateful firewall. */
  fw: { ...base, isTranslating: false, ports: 'preserve' },
  'full-cone': { ...base, filtering: 'endpoint-independent' },
  'addr-restr': { ...base, filtering: 'address-dependent' },
  'port-restr': base,
  /** Plain masquerade, as most home routers do it: 30 s until an answer has come. */
  linux: { ...base, ports: 'preserve', unansweredLifetimeMs: 30_000 },
  'symmetric-ip': { ...base, mapping: 'address-dependent' },
  'symmetric-seq': { ...base, mapping: 'address-and-port-dependent', ports: 'sequential' },
  symmetric: { ...base, mapping: 'address-and-port-dependent' },
  /** UDP dies in both directions; TCP passes outwards. */
  'udp-blocked': { ...base, ports: 'preserve', isUdpBlocked: true },
};

/** Ports that a sequential NAT counts through, as the laboratory's does. */
const SEQUENTIAL_FIRST = 40_000;
const SEQUENTIAL_COUNT = 4096;
const RANDOM_FIRST = 1024;
const RANDOM_COUNT = 65_536 - RANDOM_FIRST;
/** Draws before the free ports are searched in order. */
const RANDOM_TRIES = 32;
/** A full table drops the mapping that was unused for longest, as small routers do; a birthday burst of 256 sockets fits many times. */
const MAPPINGS_MAX = 16_384;
/** Flows through forwarded ports that are remembered; the longest unused goes first. */
const FORWARDED_FLOWS_MAX = 4096;
/** Remote ends remembered per mapping; the oldest goes first. */
const PERMITS_MAX = 4096;

interface Mapping {
  readonly key: string;
  readonly inner: Address;
  readonly external: Address;
  /** Remote ends that the inner endpoint has sent to, with the time. Keyed by what the filter looks at. */
  readonly permits: Map<string, number>;
  lastOutMs: number;
  isAnswered: boolean;
}

/** The part of an address that a rule of this dependence looks at. */
function dependOn(dependence: NatDependence, remote: Address): string {
  if (dependence === 'endpoint-independent') return '';
  return dependence === 'address-dependent' ? remote.host : formatAddress(remote);
}

const flowKey = (inner: Address, remote: Address): string => `${formatAddress(inner)} ${formatAddress(remote)}`;

/** The state of one NAT or firewall for one protocol. */
export class NatTable {
  readonly behaviour: NatBehaviour;
  readonly #random: Random;
  #outerHost: string;
  #mappings = new Map<string, Mapping>();
  #byExternal = new Map<string, Mapping>();
  #forwards = new Map<number, Address>();
  /** Flows that came in at a forwarded port, by inner and remote end: what answers them leaves from that port. */
  #forwardedFlows = new Map<string, { readonly external: Address; readonly lastMs: number }>();
  #nextSequential = 0;

  constructor(behaviour: NatBehaviour, random: Random, outerHost: string) {
    this.behaviour = behaviour;
    this.#random = random;
    this.#outerHost = outerHost;
  }

  /** Mappings that live at this time. */
  mappingCount(nowMs: number): number {
    return [...this.#mappings.values()].filter((mapping) => this.#isAlive(mapping, nowMs)).length;
  }

  /** A packet leaves `inner` towards `remote`: the source address that it carries outside. */
  outbound(inner: Address, remote: Address, nowMs: number): Address {
    const flow = flowKey(inner, remote);
    const forwarded = this.#forwardedFlows.get(flow);
    if (forwarded !== undefined && nowMs - forwarded.lastMs < this.behaviour.lifetimeMs) return forwarded.external;
    const key = `${formatAddress(inner)} ${dependOn(this.behaviour.mapping, remote)}`;
    let mapping = this.#mappings.get(key);
    if (mapping === undefined || !this.#isAlive(mapping, nowMs)) mapping = this.#open(key, inner, nowMs);
    mapping.lastOutMs = nowMs;
    // Taken out and put in again, so that both maps stay ordered by age.
    this.#mappings.delete(key);
    this.#mappings.set(key, mapping);
    const permit = dependOn(this.behaviour.filtering, remote);
    mapping.permits.delete(permit);
    mapping.permits.set(permit, nowMs);
    if (mapping.permits.size > PERMITS_MAX) mapping.permits.delete(mapping.permits.keys().next().value as string);
    return mapping.external;
  }

  /** A packet from `remote` arrives at `external`: the inner endpoint that gets it; undefined when it is dropped. */
  inbound(external: Address, remote: Address, nowMs: number): Address | undefined {
    const forwarded = this.#forwards.get(external.port);
    if (forwarded !== undefined) {
      this.#noteForwarded(flowKey(forwarded, remote), external, nowMs);
      return forwarded;
    }
    if (!this.behaviour.isTranslating && this.behaviour.filtering === 'endpoint-independent') return external;
    const mapping = this.#byExternal.get(formatAddress(external));
    if (mapping === undefined || !this.#isAlive(mapping, nowMs)) return undefined;
    const permittedMs = mapping.permits.get(dependOn(this.behaviour.filtering, remote));
    if (permittedMs === undefined || nowMs - permittedMs >= this.#lifetimeMs(mapping)) return undefined;
    mapping.isAnswered = true;
    return mapping.inner;
  }

  /** A fixed rule, as made by hand or by UPnP: whatever arrives at the external port goes to `inner`. */
  forward(externalPort: number, inner: Address): void {
    this.#forwards.set(externalPort, inner);
  }

  /** The router restarts or its provider gives it another address: every mapping is gone. */
  rebind(outerHost: string): void {
    this.#outerHost = outerHost;
    this.#mappings.clear();
    this.#byExternal.clear();
    this.#forwardedFlows.clear();
  }

  #noteForwarded(flow: string, external: Address, nowMs: number): void {
    this.#forwardedFlows.delete(flow);
    this.#forwardedFlows.set(flow, { external, lastMs: nowMs });
    if (this.#forwardedFlows.size > FORWARDED_FLOWS_MAX) this.#forwardedFlows.delete(this.#forwardedFlows.keys().next().value as string);
  }

  #lifetimeMs(mapping: Mapping): number {
    return mapping.isAnswered ? this.behaviour.lifetimeMs : this.behaviour.unansweredLifetimeMs;
  }

  #isAlive(mapping: Mapping, nowMs: number): boolean {
    return nowMs - mapping.lastOutMs < this.#lifetimeMs(mapping);
  }

  #open(key: string, inner: Address, nowMs: number): Mapping {
    this.#drop(this.#mappings.get(key));
    if (this.#mappings.size >= MAPPINGS_MAX) this.#drop(this.#mappings.values().next().value);
    const external = this.behaviour.isTranslating ? { host: this.#outerHost, port: this.#choosePort(inner.port, nowMs) } : inner;
    const mapping: Mapping = { key, inner, external, permits: new Map(), lastOutMs: nowMs, isAnswered: false };
    this.#mappings.set(key, mapping);
    this.#byExternal.set(formatAddress(external), mapping);
    return mapping;
  }

  #drop(mapping: Mapping | undefined): void {
    if (mapping === undefined) return;
    this.#mappings.delete(mapping.key);
    const name = formatAddress(mapping.external);
    if (this.#byExternal.get(name) === mapping) this.#byExternal.delete(name);
  }

  #isFree(port: number, nowMs: number): boolean {
    const mapping = this.#byExternal.get(formatAddress({ host: this.#outerHost, port }));
    return !this.#forwards.has(port) && (mapping === undefined || !this.#isAlive(mapping, nowMs));
  }

  #choosePort(innerPort: number, nowMs: number): number {
    if (this.behaviour.ports === 'preserve' && this.#isFree(innerPort, nowMs)) return innerPort;
    if (this.behaviour.ports === 'sequential') {
      for (let i = 0; i < SEQUENTIAL_COUNT; i++) {
        const port = SEQUENTIAL_FIRST + (this.#nextSequential++ % SEQUENTIAL_COUNT);
        if (this.#isFree(port, nowMs)) return port;
      }
    }
    for (let i = 0; i < RANDOM_TRIES; i++) {
      const port = RANDOM_FIRST + this.#random.below(RANDOM_COUNT);
      if (this.#isFree(port, nowMs)) return port;
    }
    for (let port = RANDOM_FIRST; port < 65_536; port++) if (this.#isFree(port, nowMs)) return port;
    return innerPort;
  }
}
