// pure: what the local API serves: a participant seen from this machine.
import type { BatNodeApi } from '@batchain/bat-node';
import type { NodeId } from '@batchain/shared';
import type { DoctorResult, PeerView, StatusResult, WhyResult } from './api/api-schemas.ts';
import type { DhtApi, NetworkApi } from './api/dht-api.ts';
import type { ValuesApi } from './values/values-api.ts';

/** One thing that happened, for `GET /v1/events` and for programs; names are flat and stable. */
export interface NodeEvent {
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LocalNode {
  readonly nodeId: NodeId;
  readonly files: BatNodeApi;
  readonly dht: DhtApi;
  readonly network: NetworkApi;
  readonly values: ValuesApi;
  status(): Promise<Omit<StatusResult, 'jobs'>>;
  peers(): Promise<readonly PeerView[]>;
  /** What was tried to reach a peer, by its id or a unique prefix. Throws BAT_E_PEER_UNKNOWN. */
  why(id: string): WhyResult;
  /** How this node stands, each finding with what helps. */
  diagnose(): Promise<DoctorResult['findings']>;
  onEvent(listener: (event: NodeEvent) => void): () => void;
}
