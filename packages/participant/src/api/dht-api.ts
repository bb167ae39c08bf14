// pure: the ports behind the routes of the network hash table and of joining: what a participant answers, as JSON shapes.
import type {
  DhtFindBody,
  DhtFindResult,
  DhtPingBody,
  DhtPingResult,
  DhtRoutesResult,
  DhtSizeResult,
  DhtTraceBody,
  DhtTraceResult,
} from './dht-schemas.ts';
import type { JoinBody, NetworkFindBody, NetworkFindResult, NetworkJoinResult } from './network-schemas.ts';

export interface DhtCallOptions {
  /** Rejects with its reason when it aborts. */
  readonly signal: AbortSignal;
}

/** Ids that are no whole id are looked for among the nodes known here: BAT_E_PEER_UNKNOWN when none, or more than one, begins so. */
export interface DhtApi {
  size(options: DhtCallOptions): Promise<DhtSizeResult>;
  find(body: DhtFindBody, options: DhtCallOptions): Promise<DhtFindResult>;
  /** Rejects with BAT_E_NO_ANSWER and the reason. */
  ping(body: DhtPingBody, options: DhtCallOptions): Promise<DhtPingResult>;
  routes(): DhtRoutesResult;
  trace(body: DhtTraceBody, options: DhtCallOptions): Promise<DhtTraceResult>;
}

export interface NetworkApi {
  /** Rejects with BAT_E_NO_ANSWER when nobody answers at any of the addresses (SH-08). */
  join(body: JoinBody, options: DhtCallOptions): Promise<NetworkJoinResult>;
  find(body: NetworkFindBody, options: DhtCallOptions): Promise<NetworkFindResult>;
}
