// driven: port mapping by PCP (RFC 6887).
import { createHmac } from 'node:crypto';
import { ok, plainBytes, type Result, type Runtime, second } from '@batchain/shared';
import type { GatewayRoute } from '../adapters/gateway-route.ts';
import { askGatewayPort, type OpenSocket } from './gateway-questions.ts';
import type { GrantedMapping, MappingFailure, MappingMethod, MappingRequest } from './mapping-method.ts';
import { decodePcpAnswer, encodePcpMap, PCP_NONCE_BYTES } from './pcp-codec.ts';

export interface PcpClientConfig {
  /** 5351, but for tests. */
  readonly port: number;
  /**
   * Secret bytes that are the same after a restart: the nonces of mappings follow from them. A router gives a mapping that lives to
   * nobody with another nonce (RFC 6887 section 11.3), so a participant that was killed would wait for its own to end.
   */
  readonly nonceKey: Uint8Array;
}

export class PcpClient implements MappingMethod {
  readonly name = 'pcp';
  readonly #runtime: Runtime;
  readonly #openSocket: OpenSocket;
  readonly #config: PcpClientConfig;

  constructor(runtime: Runtime, openSocket: OpenSocket, config: PcpClientConfig) {
    this.#runtime = runtime;
    this.#openSocket = openSocket;
    this.#config = config;
  }

  async map(route: GatewayRoute, request: MappingRequest, signal: AbortSignal): Promise<Result<GrantedMapping, MappingFailure>> {
    const answer = await this.#ask(route, request, Math.ceil(request.lifetimeMs / second), signal);
    return answer.ok ? ok({ external: answer.value.external, lifetimeMs: answer.value.lifetimeS * second }) : answer;
  }

  async unmap(route: GatewayRoute, request: MappingRequest, signal: AbortSignal): Promise<void> {
    await this.#ask(route, request, 0, signal);
  }

  #ask(route: GatewayRoute, { protocol, internalPort, externalPort }: MappingRequest, lifetimeS: number, signal: AbortSignal) {
    const nonce = this.#nonceFor(`${protocol} ${internalPort}`);
    const request = { ownHost: route.ownHost, nonce, protocol, internalPort, externalPort, lifetimeS };
    const decode = (bytes: Uint8Array) => decodePcpAnswer(bytes, request);
    const question = { route, port: this.#config.port, bytes: encodePcpMap(request), decode };
    return askGatewayPort(this.#runtime, this.#openSocket, question, signal);
  }

  #nonceFor(what: string): Uint8Array {
    const hash = createHmac('sha256', this.#config.nonceKey).update(`batchain/pcp-nonce/1 ${what}`).digest();
    return plainBytes(hash.subarray(0, PCP_NONCE_BYTES));
  }
}
