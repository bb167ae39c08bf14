// driven: the simulated network: hosts, NATs, faults, and the delivery of datagrams between them.
import { assert, present } from '../core/assert.ts';
import { BatChainError } from '../core/errors.ts';
import { type Address, makeAddress } from '../net/address.ts';
import type { Random } from '../runtime/random.ts';
import { CALM_LINK, LAN_LINK, type LinkModel } from './link-model.ts';
import { NAT_KINDS, type NatBehaviour, type NatKind, NatTable } from './nat-model.ts';
import { PathFaults } from './path-faults.ts';
import { SimDatagrams } from './sim-datagrams.ts';
import { SimHost, type SimProtocol } from './sim-host.ts';
import { SimNat, SimRealm } from './sim-routing.ts';
import type { Simulation } from './sim-runtime.ts';

/** A host to itself, one way. */
const LOOPBACK_MS = 0.05;

export interface SimNetworkOptions {
  /** The Internet's link; calm by default. */
  readonly link?: Partial<LinkModel>;
}

export interface SimHostOptions {
  /** For logs and messages; the address by default. */
  readonly name?: string;
  /** One IP literal or several; a public one in a /24 of its own by default. */
  readonly address?: string | readonly string[];
  /** The network it is in: behind this NAT; the Internet by default. */
  readonly behind?: SimNat;
  /**
   * A NAT of its own, with `address` outside and a private address for the host, or a firewall in front of `address`.
   * `open` is the default.
   */
  readonly nat?: NatKind;
  /** Replaces parts of the realm's link for what this host sends. */
  readonly link?: Partial<LinkModel>;
}

export interface SimNatOptions {
  readonly name?: string;
  readonly kind: NatKind;
  /** Replaces parts of the kind's behaviour, such as hasHairpin or lifetimeMs. */
  readonly behaviour?: Partial<NatBehaviour>;
  readonly address?: string;
  /** Behind another NAT (a carrier's); the Internet by default. */
  readonly behind?: SimNat;
  readonly isIsolated?: boolean;
  readonly lanLink?: Partial<LinkModel>;
}

export type DropReason = 'too-large' | 'no-route' | 'lost' | 'filtered' | 'cut' | 'host-down' | 'unbound';

/** Something that a host sent or got, as that host sees it. */
export interface TrafficEvent {
  readonly stage: 'sent' | 'delivered' | 'dropped';
  readonly protocol: SimProtocol;
  /** Set when dropped. */
  readonly reason?: DropReason;
  readonly atMs: number;
  /** The sender for `sent` and `dropped` (undefined when forged), the receiver for `delivered`. */
  readonly host: SimHost | undefined;
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

export interface PartitionOptions {
  /** Only what goes from the first group to the second is lost. */
  readonly isOneWay?: boolean;
}

type HostGroup = SimHost | readonly SimHost[];
const membersOf = (group: HostGroup): readonly SimHost[] => (group instanceof SimHost ? [group] : group);

/** 32 bits that depend on all bits of the three (MurmurHash3's finaliser, Austin Appleby). */
function mix(seed: number, a: number, b: number): number {
  let hash = seed ^ Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Delivers between hosts in simulated time. Everything that is left to chance follows from the simulation's seed. */
export class SimNetwork {
  readonly simulation: Simulation;
  readonly internet: SimRealm;
  readonly #latencySeed: number;
  readonly #bindings: Random;
  readonly #faults = new PathFaults<SimHost>();
  readonly #datagrams: SimDatagrams;
  readonly #taps = new Set<(event: TrafficEvent) => void>();
  readonly #hosts: SimHost[] = [];
  readonly #dropCounts = new Map<DropReason, number>();
  #nextIndex = 0;

  constructor(simulation: Simulation, options: SimNetworkOptions = {}) {
    this.simulation = simulation;
    this.#datagrams = new SimDatagrams(this);
    this.internet = new SimRealm('internet', { ...CALM_LINK, ...options.link }, false, undefined);
    this.#bindings = simulation.runtime.entropy.fork('bindings');
    this.#latencySeed = simulation.runtime.random.fork('latency').u32();
  }

  get hosts(): readonly SimHost[] {
    return this.#hosts;
  }

  /** How many datagrams were dropped, by reason. */
  get dropCounts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropCounts);
  }

  addHost(options: SimHostOptions = {}): SimHost {
    const kind = options.nat ?? 'open';
    const behaviour = NAT_KINDS[kind];
    if (behaviour.isTranslating) {
      const { address, nat: _, ...rest } = options;
      assert(address === undefined || typeof address === 'string', 'a NAT has one external address');
      const nat = this.addNat({
        kind,
        ...(address === undefined ? {} : { address }),
        ...(options.behind === undefined ? {} : { behind: options.behind }),
        ...(options.name === undefined ? {} : { name: `${options.name}'s router` }),
      });
      return this.addHost({ ...rest, behind: nat });
    }
    const index = this.#nextIndex++;
    const realm = options.behind?.lan ?? this.internet;
    const addresses = options.address === undefined ? [this.#freeAddress(realm, index)] : [options.address].flat().map(canonicalHost);
    const name = options.name ?? (addresses[0] as string);
    const random = this.simulation.runtime.random.fork(`host ${index} ${name}`);
    const host = new SimHost({
      network: this,
      name,
      index,
      realm,
      addresses,
      random,
      link: options.link === undefined ? undefined : { ...realm.link, ...options.link },
      firewall: kind === 'open' ? undefined : tablesOf(behaviour, random, addresses[0] as string),
    });
    for (const address of addresses) realm.join(address, host);
    this.#hosts.push(host);
    return host;
  }

  /** A router; add hosts with `behind`. */
  addNat(options: SimNatOptions): SimNat {
    const behaviour = { ...NAT_KINDS[options.kind], ...options.behaviour };
    assert(behaviour.isTranslating, `${options.kind} is not a NAT with a network behind it`);
    const index = this.#nextIndex++;
    const outer = options.behind?.lan ?? this.internet;
    const outerHost = options.address === undefined ? this.#freeAddress(outer, index) : canonicalHost(options.address);
    const name = options.name ?? outerHost;
    const random = this.simulation.runtime.random.fork(`nat ${index} ${name}`);
    return new SimNat({
      name,
      index,
      outer,
      outerHost,
      tables: tablesOf(behaviour, random, outerHost),
      lanLink: { ...LAN_LINK, ...options.lanLink },
      isIsolated: options.isIsolated ?? false,
    });
  }

  /** Shows every datagram and message sent, delivered and dropped. Returns what ends it. */
  tap(see: (event: TrafficEvent) => void): () => void {
    this.#taps.add(see);
    return () => void this.#taps.delete(see);
  }

  /** Nothing passes between the two groups (or from the first to the second). Returns what heals it. */
  partition(first: HostGroup, second: HostGroup, options: PartitionOptions = {}): () => void {
    const there = this.#faults.cut(membersOf(first), membersOf(second));
    const back = options.isOneWay === true ? undefined : this.#faults.cut(membersOf(second), membersOf(first));
    return () => {
      there();
      back?.();
    };
  }

  /** Nothing passes between the group and everybody else: the cable is out, nobody is told. Returns what heals it. */
  isolate(group: HostGroup): () => void {
    const there = this.#faults.cut(membersOf(group), undefined);
    const back = this.#faults.cut(undefined, membersOf(group));
    return () => {
      there();
      back();
    };
  }

  /** What the first group sends to the second waits this long and then comes at once. */
  clog(first: HostGroup, second: HostGroup, durationMs: number): void {
    this.#faults.clog(membersOf(first), membersOf(second), this.simulation.clock.elapsedMs + durationMs);
  }

  /** Ends all partitions and clogs; killed hosts stay down. */
  heal(): void {
    this.#faults.heal();
    this.#datagrams.heal();
  }

  /** The host's process dies: sockets vanish without a word, open connections are reset by its operating system. */
  kill(host: SimHost): void {
    host.setUp(false);
  }

  /** The host can bind ports again. */
  revive(host: SimHost): void {
    host.setUp(true);
  }

  /** Whether a packet gets through now; and if it is held up on the way, until when (elapsed milliseconds). */
  pathState(from: SimHost, to: SimHost): { readonly isCut: boolean; readonly freeAtMs: number } {
    const nowMs = this.simulation.clock.elapsedMs;
    return { isCut: this.#faults.isCut(from, to), freeAtMs: this.#faults.freeAtMs(from, to, nowMs) };
  }

  /** The fixed one-way latency between two members of one realm. */
  baseLatencyMs(link: LinkModel, from: SimHost | SimNat, to: SimHost | SimNat): number {
    if (from === to) return LOOPBACK_MS;
    const [low, high] = link.latencyMs;
    const share = mix(this.#latencySeed, Math.min(from.index, to.index), Math.max(from.index, to.index)) / 2 ** 32;
    return low + (high - low) * share;
  }

  /** Sends a datagram from an address of this host. The bytes are copied. */
  sendDatagram(host: SimHost, from: Address, to: Address, bytes: Uint8Array): void {
    this.#datagrams.send(host, from, to, bytes);
  }

  /** A datagram with a forged source, as an attacker on the Internet would send it. Arrives without fault, after 1 ms. */
  inject(from: Address, to: Address, bytes: Uint8Array): void {
    this.#datagrams.inject(from, to, bytes);
  }

  /** 32 bytes that the two ends of a new connection share. */
  drawBinding(): Uint8Array {
    return this.#bindings.bytes(32);
  }

  /** Shows something to the taps and counts what is dropped; called by what carries traffic. */
  report(
    stage: TrafficEvent['stage'],
    protocol: SimProtocol,
    host: SimHost | undefined,
    from: Address,
    to: Address,
    bytes: Uint8Array,
    reason?: DropReason,
  ): void {
    if (reason !== undefined) this.#dropCounts.set(reason, (this.#dropCounts.get(reason) ?? 0) + 1);
    if (this.#taps.size === 0) return;
    const atMs = this.simulation.clock.elapsedMs;
    for (const see of this.#taps) see({ stage, protocol, atMs, host, from, to, bytes, ...(reason === undefined ? {} : { reason }) });
  }

  /** Public: a /24 for each, so that limits per network group see different networks. Private: one after the other. */
  #freeAddress(realm: SimRealm, index: number): string {
    if (realm === this.internet) return `${11 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.1`;
    for (let last = 10; last < 255; last++) if (realm.owner(`192.168.1.${last}`) === undefined) return `192.168.1.${last}`;
    throw new BatChainError('BAT_E_INTERNAL', { what: `${realm.name} has no free address` });
  }
}

function canonicalHost(host: string): string {
  return present(makeAddress(host, 0), `${host} is an IP literal`).host;
}

function tablesOf(behaviour: NatBehaviour, random: Random, outerHost: string): Record<SimProtocol, NatTable> {
  const table = (protocol: SimProtocol): NatTable => new NatTable(behaviour, random.fork(protocol), outerHost);
  return { udp: table('udp'), tcp: table('tcp') };
}
