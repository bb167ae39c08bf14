// driven: networks of networks: who owns an address where, and what NATs make of a packet on its way.
import { assert } from '../core/assert.ts';
import type { Address } from '../net/address.ts';
import type { LinkModel } from './link-model.ts';
import type { NatTable } from './nat-model.ts';
import { SimHost, type SimProtocol } from './sim-host.ts';

/** NATs behind NATs; real ones stack two or three. */
const NESTING_MAX = 8;

/** A network in which addresses are unique: the Internet, or what lies behind one NAT. */
export class SimRealm {
  readonly name: string;
  readonly link: LinkModel;
  /** Members cannot talk to one another directly, as on guest Wi-Fi. */
  readonly isIsolated: boolean;
  /** The way out; undefined for the Internet. */
  readonly gateway: SimNat | undefined;
  readonly #members = new Map<string, SimHost | SimNat>();

  constructor(name: string, link: LinkModel, isIsolated: boolean, gateway: SimNat | undefined) {
    this.name = name;
    this.link = link;
    this.isIsolated = isIsolated;
    this.gateway = gateway;
  }

  join(address: string, member: SimHost | SimNat): void {
    assert(!this.#members.has(address), `${address} is taken in ${this.name}`);
    this.#members.set(address, member);
  }

  leave(address: string): void {
    this.#members.delete(address);
  }

  owner(address: string): SimHost | SimNat | undefined {
    return this.#members.get(address);
  }
}

export interface SimNatParts {
  readonly name: string;
  readonly index: number;
  readonly outer: SimRealm;
  readonly outerHost: string;
  readonly tables: Readonly<Record<SimProtocol, NatTable>>;
  readonly lanLink: LinkModel;
  readonly isIsolated: boolean;
}

/** A router with its own network behind it. Made by SimNetwork.addNat. */
export class SimNat {
  readonly name: string;
  readonly index: number;
  readonly outer: SimRealm;
  readonly lan: SimRealm;
  readonly tables: Readonly<Record<SimProtocol, NatTable>>;
  #outerHost: string;

  constructor(parts: SimNatParts) {
    this.name = parts.name;
    this.index = parts.index;
    this.outer = parts.outer;
    this.tables = parts.tables;
    this.#outerHost = parts.outerHost;
    this.lan = new SimRealm(`${parts.name} lan`, parts.lanLink, parts.isIsolated, this);
    this.outer.join(parts.outerHost, this);
  }

  get outerHost(): string {
    return this.#outerHost;
  }

  /** Another external address (or the same one), and every mapping forgotten. */
  rebind(outerHost: string = this.#outerHost): void {
    this.outer.leave(this.#outerHost);
    this.#outerHost = outerHost;
    this.outer.join(outerHost, this);
    for (const table of Object.values(this.tables)) table.rebind(outerHost);
  }

  /** A port opened by hand or by UPnP. */
  forward(protocol: SimProtocol, externalPort: number, inner: Address): void {
    this.tables[protocol].forward(externalPort, inner);
  }

  blocks(protocol: SimProtocol): boolean {
    return protocol === 'udp' && this.tables.udp.behaviour.isUdpBlocked;
  }
}

/** Where a packet is once it has left all NATs on the sender's side. */
export interface OutboundRoute {
  readonly realm: SimRealm;
  /** The source address as it is seen there. */
  readonly from: Address;
  /** Who owned the destination when the packet was sent; decides the latency. */
  readonly toward: SimHost | SimNat;
}

/** Sends a packet outwards, which opens mappings on the way; undefined when there is no route. */
export function routeOutbound(host: SimHost, from: Address, to: Address, protocol: SimProtocol, nowMs: number): OutboundRoute | undefined {
  host.firewall?.[protocol].outbound(from, to, nowMs);
  let realm = host.realm;
  let source = from;
  for (let i = 0; i < NESTING_MAX; i++) {
    const toward = realm.owner(to.host);
    if (toward !== undefined) return realm.isIsolated && toward !== host ? undefined : { realm, from: source, toward };
    const nat = realm.gateway;
    if (nat === undefined || nat.blocks(protocol)) return undefined;
    const { behaviour } = nat.tables[protocol];
    if (to.host === nat.outerHost && !behaviour.hasHairpin) return undefined;
    source = nat.tables[protocol].outbound(source, to, nowMs);
    realm = nat.outer;
  }
  return undefined;
}

export interface InboundRoute {
  readonly host: SimHost;
  /** The destination as the host sees it. */
  readonly to: Address;
}

/** Takes a packet from a realm inwards through NATs and firewalls; undefined when one of them drops it. */
export function routeInbound(start: SimRealm, from: Address, to: Address, protocol: SimProtocol, nowMs: number): InboundRoute | undefined {
  let realm = start;
  let target = to;
  for (let i = 0; i < NESTING_MAX; i++) {
    const owner = realm.owner(target.host);
    if (owner === undefined) return undefined;
    if (owner instanceof SimHost) {
      const isFiltered = owner.firewall !== undefined && owner.firewall[protocol].inbound(target, from, nowMs) === undefined;
      return isFiltered ? undefined : { host: owner, to: target };
    }
    const inner = owner.blocks(protocol) ? undefined : owner.tables[protocol].inbound(target, from, nowMs);
    if (inner === undefined) return undefined;
    target = inner;
    realm = owner.lan;
  }
  return undefined;
}
