// pure: what the shell needs of the local API; a `LocalApiClient` is one, and tests bring their own (BD-30).
import type {
  CallOptions,
  DhtClient,
  MembershipClient,
  NetworkClient,
  PeersResult,
  StatusResult,
  ValuesClient,
} from '@batchain/participant/client';

export interface ShellApi {
  isRunning(options?: CallOptions): Promise<boolean>;
  status(options?: CallOptions): Promise<StatusResult>;
  peers(options?: CallOptions): Promise<PeersResult>;
  readonly dht: Pick<DhtClient, 'size' | 'routes' | 'trace'>;
  readonly network: Pick<NetworkClient, 'find' | 'join'>;
  readonly membership: Pick<MembershipClient, 'leave'>;
  readonly values: Pick<ValuesClient, 'put' | 'putByHash' | 'get' | 'save' | 'remove' | 'list'>;
}
