// driven: the calls of the local API about getting into a network (BD-13, BD-14, BD-16, SH-07, SH-08).
import type { ApiCalls, CallOptions } from './api-calls.ts';
import {
  type NetworkFindBody,
  type NetworkFindResult,
  type NetworkJoinResult,
  networkFindResult,
  networkJoinResult,
} from './network-schemas.ts';

export class NetworkClient {
  readonly #calls: ApiCalls;

  constructor(calls: ApiCalls) {
    this.#calls = calls;
  }

  /** Joins through members at these kad addresses, HOST:PORT. Rejects with BAT_E_NO_ANSWER when nobody answers at any. */
  join(addresses: readonly string[], options: CallOptions = {}): Promise<NetworkJoinResult> {
    return this.#calls.job({ method: 'POST', path: '/v1/join', body: { addresses } }, networkJoinResult, options);
  }

  /** Participants at a host, in a range of ports, or, with neither, those known and those on the local network. */
  find(where: NetworkFindBody = {}, options: CallOptions = {}): Promise<NetworkFindResult> {
    return this.#calls.job({ method: 'POST', path: '/v1/network/find', body: where }, networkFindResult, options);
  }
}
