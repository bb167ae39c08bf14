// driven: public surface of @batchain/participant.

// What the surface of a participant is made of, for programs: types only.
export type {
  AuditOptions,
  AuditOutcome,
  AuditRow,
  BatNodeApi,
  DownloadOptions,
  DownloadResult,
  FileAudit,
  FileEntry,
  FileId,
  FileInfo,
  FileRef,
  FlowOptions,
  FlowProgress,
  Health,
  Policy,
  Rejection,
  ReleaseResult as FileRelease,
  ShardId,
  StoreUsage,
  UploadOptions,
  UploadResult,
} from '@batchain/bat-node';
export type {
  FindContactsOptions,
  FoundMutable,
  FoundProviders,
  KadEventMap,
  KadNode,
  KadStats,
  LookupOptions,
  LookupResult,
  PingResult,
  PublishResult,
  RoutesView,
  SizeEstimate,
} from '@batchain/kad-node';
export * from './adapters/home-library.ts';
export * from './adapters/participant-wire.ts';
export * from './api/dht-api.ts';
export * from './api/json-schemas.ts';
export * from './api/local-api-server.ts';
export * from './api/membership-api.ts';
export * from './client.ts';
export * from './create-participant.ts';
export * from './daemon.ts';
export * from './gateway/gateways.ts';
export type { GatewayNode } from './gateway/http-gateway.ts';
export * from './local-node.ts';
export * from './participant.ts';
export * from './participant-config.ts';
export type { ParticipantEventMap } from './participant-events.ts';
export * from './reach/stranger-pace.ts';
export * from './reach/switching-socket.ts';
export * from './values/value-files.ts';
export * from './values/values-api.ts';
