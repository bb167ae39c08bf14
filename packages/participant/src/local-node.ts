// pure: what the local API serves: a participant seen from this machine.
import type { BatNodeApi } from '@batchain/bat-node';
import type { NodeId } from '@batchain/shared';
import type { PeerView, StatusResult } from './api/api-schemas.ts';

/** One thing that happened, for `GET /v1/events` and for programs; names are flat and stable. */
export interface NodeEvent {
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LocalNode {
  readonly nodeId: NodeId;
  readonly files: BatNodeApi;
  status(): Promise<Omit<StatusResult, 'jobs'>>;
  peers(): Promise<readonly PeerView[]>;
  onEvent(listener: (event: NodeEvent) => void): () => void;
}
