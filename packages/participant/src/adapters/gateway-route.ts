// driven: the router that a node is reached through, and the address that the router knows it by.
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { type Address, fail, isLoopbackHost, isPrivateHost, ok, type Result } from '@batchain/shared';
import { lanInterfaces } from './lan-interfaces.ts';
import { parseRouteTable } from './route-table.ts';

export interface GatewayRoute {
  /** IPv4 address of the router. */
  readonly gateway: string;
  /** Ours, on the interface towards it. */
  readonly ownHost: string;
}

export type NoGateway = 'no-route' | 'public-address' | 'loopback-only' | 'unknown-here';

/** Linux only: other systems have no such file, and are told apart as `unknown-here`. */
export async function findGateway(bound: Pick<Address, 'host'>): Promise<Result<GatewayRoute, NoGateway>> {
  if (isLoopbackHost(bound.host)) return fail('loopback-only');
  const table = await readFile('/proc/net/route', 'utf8').catch(() => undefined);
  if (table === undefined) return fail('unknown-here', 'the routing table of this system cannot be read');
  const route = parseRouteTable(table, endianness());
  if (route === undefined) return fail('no-route');
  const own = lanInterfaces(bound).find(({ name }) => name === route.interfaceName);
  if (own === undefined) return fail('no-route', `nothing is bound to ${route.interfaceName}`);
  // A public address needs no mapping; a router in front of it has nothing to translate.
  if (!isPrivateHost(own.host)) return fail('public-address');
  return ok({ gateway: route.gateway, ownHost: own.host });
}
