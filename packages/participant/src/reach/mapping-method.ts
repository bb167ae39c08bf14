// pure: what the ways to have a router map a port have in common.
import type { Address, Result } from '@batchain/shared';
import type { GatewayRoute } from '../adapters/gateway-route.ts';

export type MappedProtocol = 'udp' | 'tcp';
export type MappingMethodName = 'pcp' | 'nat-pmp' | 'upnp';

export interface MappingRequest {
  readonly protocol: MappedProtocol;
  readonly internalPort: number;
  /** The port outside that is asked for: the one that we had before, or the same as inside. The router may give another. */
  readonly externalPort: number;
  readonly lifetimeMs: number;
}

export interface GrantedMapping {
  readonly external: Address;
  /** As the router says; not more than was asked for where it does not say. */
  readonly lifetimeMs: number;
}

/**
 * `no-answer`: nobody speaks this protocol there, or it is lost; `unsupported`: it says that it does not; `refused`: it says no;
 * `malformed`: it says what nobody can understand; `failed`: nothing could be sent, or time is up.
 */
export type MappingFailure = 'no-answer' | 'unsupported' | 'refused' | 'malformed' | 'failed';

/** One protocol. Neither call throws; both end soon after the signal. */
export interface MappingMethod {
  readonly name: MappingMethodName;
  /** Makes a mapping, or renews the one that is there. */
  map(route: GatewayRoute, request: MappingRequest, signal: AbortSignal): Promise<Result<GrantedMapping, MappingFailure>>;
  /** Takes it back. Whether that worked is not told: it ends with its lifetime in any case. */
  unmap(route: GatewayRoute, request: MappingRequest, signal: AbortSignal): Promise<void>;
}
