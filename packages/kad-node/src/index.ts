// driven: public surface of @batchain/kad-node.
export type { KadRpc, ProvedPeer, RpcFailure, RpcHandler, RpcOptions, RpcReply, RpcRequest } from './rpc/kad-rpc.ts';
export type { RateLimits } from './rpc/rate-limiter.ts';
export type { RpcStats } from './rpc/rpc-stats.ts';
export { SessionRpc, type SessionRpcConfig } from './rpc/session-rpc.ts';
export type { SessionTableLimits } from './rpc/session-table.ts';
export { DatagramDemux } from './transport/datagram-demux.ts';
export { type BindingRequestOptions, decodeBindingResponse, encodeBindingRequest } from './transport/stun.ts';
export { UdpSocket, type UdpSocketOptions } from './transport/udp-socket.ts';
export type { AgedRecord, CompactContact, KadRequest, KadResponse, StoreOutcome, ValueKind } from './wire/messages.ts';
export { DEFAULT_NETWORK, type NetworkConfig } from './wire/network.ts';
