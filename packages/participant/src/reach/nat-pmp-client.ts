// driven: port mapping by NAT-PMP (RFC 6886), the predecessor of PCP on the same port of the router.
import { fail, makeAddress, ok, type Result, type Runtime, second } from '@batchain/shared';
import type { GatewayRoute } from '../adapters/gateway-route.ts';
import { askGatewayPort, type OpenSocket, type PortQuestion } from './gateway-questions.ts';
import type { GrantedMapping, MappingFailure, MappingMethod, MappingRequest } from './mapping-method.ts';
import { decodeNatPmpAddress, decodeNatPmpMap, encodeNatPmpMap, NAT_PMP_ADDRESS_REQUEST } from './nat-pmp-codec.ts';

/**
 * Written here, as the library that does UPnP waits for ever when one packet is lost, has its answers' errors end the process, and does
 * not tell what lifetime was granted.
 */
export class NatPmpClient implements MappingMethod {
  readonly name = 'nat-pmp';
  readonly #runtime: Runtime;
  readonly #openSocket: OpenSocket;
  readonly #port: number;

  /** `port` is 5351, but for tests. */
  constructor(runtime: Runtime, openSocket: OpenSocket, { port }: { readonly port: number }) {
    this.#runtime = runtime;
    this.#openSocket = openSocket;
    this.#port = port;
  }

  async map(route: GatewayRoute, request: MappingRequest, signal: AbortSignal): Promise<Result<GrantedMapping, MappingFailure>> {
    const outside = await this.#ask(route, NAT_PMP_ADDRESS_REQUEST, decodeNatPmpAddress, signal);
    if (!outside.ok) return outside;
    const mapped = await this.#map(route, request, Math.ceil(request.lifetimeMs / second), signal);
    if (!mapped.ok) return mapped;
    const external = makeAddress(outside.value, mapped.value.externalPort);
    return external === undefined ? fail('malformed') : ok({ external, lifetimeMs: mapped.value.lifetimeS * second });
  }

  async unmap(route: GatewayRoute, request: MappingRequest, signal: AbortSignal): Promise<void> {
    await this.#map(route, request, 0, signal);
  }

  #map(route: GatewayRoute, { protocol, internalPort, externalPort }: MappingRequest, lifetimeS: number, signal: AbortSignal) {
    const request = { protocol, internalPort, externalPort, lifetimeS };
    return this.#ask(route, encodeNatPmpMap(request), (bytes) => decodeNatPmpMap(bytes, request), signal);
  }

  #ask<T>(
    route: GatewayRoute,
    bytes: Uint8Array,
    decode: PortQuestion<T>['decode'],
    signal: AbortSignal,
  ): Promise<Result<T, MappingFailure>> {
    return askGatewayPort(this.#runtime, this.#openSocket, { route, port: this.#port, bytes, decode }, signal);
  }
}
