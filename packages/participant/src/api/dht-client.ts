// driven: the calls of the local API about the network hash table (BD-04, BD-05, BD-15, BD-18, BD-19).
import type { ApiCalls, CallOptions } from './api-calls.ts';
import {
  type DhtFindBody,
  type DhtFindResult,
  type DhtPingResult,
  type DhtRoutesResult,
  type DhtSizeResult,
  type DhtTraceResult,
  dhtFindResult,
  dhtPingResult,
  dhtRoutesResult,
  dhtSizeResult,
  dhtTraceResult,
} from './dht-schemas.ts';

export class DhtClient {
  readonly #calls: ApiCalls;

  constructor(calls: ApiCalls) {
    this.#calls = calls;
  }

  /** How many nodes the network has: few are counted, of many it is measured how densely they lie. */
  size(options: CallOptions = {}): Promise<DhtSizeResult> {
    return this.#calls.job({ method: 'POST', path: '/v1/dht/size', body: {} }, dhtSizeResult, options);
  }

  /** The nodes nearest to an id: 64 hex digits, or the beginning of a known node's. */
  find(id: string, options: CallOptions & Omit<DhtFindBody, 'id'> = {}): Promise<DhtFindResult> {
    const { count, ...call } = options;
    const body = { id, ...(count === undefined ? {} : { count }) };
    return this.#calls.job({ method: 'POST', path: '/v1/dht/find', body }, dhtFindResult, call);
  }

  /** `to`: HOST:PORT, or an id of a node. Rejects with BAT_E_NO_ANSWER. */
  ping(to: string, options: CallOptions = {}): Promise<DhtPingResult> {
    return this.#calls.job({ method: 'POST', path: '/v1/dht/ping', body: { to } }, dhtPingResult, options);
  }

  /** The routing table as it is now; nobody is asked. */
  routes(options: CallOptions = {}): Promise<DhtRoutesResult> {
    return this.#calls.json({ method: 'GET', path: '/v1/dht/routes' }, dhtRoutesResult, options);
  }

  /** Every hop of a lookup towards an id, who holds something under it, and who is responsible for it. */
  trace(id: string, options: CallOptions = {}): Promise<DhtTraceResult> {
    return this.#calls.job({ method: 'POST', path: '/v1/dht/trace', body: { id } }, dhtTraceResult, options);
  }
}
