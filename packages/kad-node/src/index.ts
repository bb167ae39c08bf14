// driven: public surface of @batchain/kad-node.

export type { BrokerState } from './broker/broker-keeper.ts';
export type { DialBack } from './broker/dial-back-service.ts';
export type { ObservedAddress } from './broker/observed-addresses.ts';
export type { NatFiltering, SelfView } from './broker/self-view.ts';
export type { ReceivedSignal, SignalHandler } from './broker/signal-broker.ts';
export type { SignalFailure, SignalResult } from './broker/signal-sender.ts';
export type { SignalTarget } from './broker/signal-ways.ts';
export type { UdpState } from './broker/udp-verdict.ts';
export type { KadNodeParts } from './kad-assembly.ts';
export { KAD_DEFAULTS, KAD_PROFILES, type KadConfig, makeKadConfig } from './kad-config.ts';
export type { ContactEvent, KadEventMap } from './kad-events.ts';
export {
  type CountOptions,
  type FindContactsOptions,
  KadNode,
  type KadStats,
  type PingResult,
  type RoutesView,
  type WhoIsAtOptions,
} from './kad-node.ts';
export type { JoinResult } from './lookup/bootstrap.ts';
export type { LookupDoubt, LookupKind, LookupOptions, LookupResult, LookupStats, LookupStep } from './lookup/lookup-types.ts';
export type { ContactSettings } from './lookup/own-contact.ts';
export type { Announcement } from './lookup/own-publishing.ts';
export type { PublishResult } from './lookup/publisher.ts';
export type { FindProvidersOptions, FoundMutable, FoundProviders, GetContactOptions } from './lookup/record-finder.ts';
export type { KadStateStore, SavedPeer } from './records/kad-state.ts';
export { MemoryKadStateStore } from './records/memory-kad-state-store.ts';
export { immutableKey, mutableKey } from './records/mutable-value.ts';
export { isOwnerGrant, signOwnerGrant } from './records/owner-grant.ts';
export { RECORD_KINDS, type RecordKind } from './records/record-kind.ts';
export { compareDistance, sharedPrefixBits } from './routing/distance.ts';
export type { Neighbours } from './routing/neighbours.ts';
export type { BucketView } from './routing/routing-table.ts';
export type { SizeEstimate } from './routing/size-estimate.ts';
export type { TableContact } from './routing/table-contact.ts';
export { BoundedMap } from './rpc/bounded-map.ts';
export type { StrangerBudget } from './rpc/first-packets.ts';
export type { KadRpc, ProvedPeer, RpcFailure, RpcHandler, RpcOptions, RpcReply, RpcRequest } from './rpc/kad-rpc.ts';
export type { RateLimits } from './rpc/rate-limiter.ts';
export type { RpcStats } from './rpc/rpc-stats.ts';
export { SessionRpc, type SessionRpcConfig } from './rpc/session-rpc.ts';
export type { SessionTableLimits } from './rpc/session-table.ts';
export { TokenBucket } from './rpc/token-bucket.ts';
export { DatagramDemux } from './transport/datagram-demux.ts';
export { type BindingRequestOptions, decodeBindingResponse, encodeBindingRequest } from './transport/stun.ts';
export { UdpSocket, type UdpSocketOptions } from './transport/udp-socket.ts';
export type { AgedRecord, CompactContact, KadRequest, KadResponse, StoreOutcome, ValueKind } from './wire/messages.ts';
export { DEFAULT_NETWORK, type NetworkConfig, networkKey } from './wire/network.ts';
