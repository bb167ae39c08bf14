// pure: the words of the ladder: what a side of a meeting knows of itself, its rungs, and the ports of what makes connections.
import type { IceDescription } from '@batchain/bat-node';
import type { NatFiltering } from '@batchain/kad-node';
import type { Address, Connection, DialFailure, NatMapping, NodeId, PeerIdentity, Result } from '@batchain/shared';

/** Who called and who answered; both ends of a meeting agree on it. */
export type MeetingRole = 'caller' | 'called';

/** What a NAT lets in, in the words of RFC 4787 section 5; the numbers of the wire are the places in this list. */
export const NAT_FILTERINGS = [
  'unknown',
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
] as const satisfies readonly NatFiltering[];

/** A participant that carries connections of others, and where this side reaches it. */
export interface RelayHint {
  readonly nodeId: NodeId;
  readonly bat: Address;
}

/** How this node stands in its network, as far as it knows. */
export interface SelfFacts {
  /** Where others may dial it over TCP now, LAN included. */
  readonly batAddresses: readonly Address[];
  /** True when somebody dialled it from outside, or all that it talks to is on its own network. */
  readonly isBatReachable: boolean;
  /** Its UDP socket as KadNodes see it. */
  readonly external: Address | undefined;
  readonly mapping: NatMapping;
  readonly filtering: NatFiltering;
  /** The NAT keeps source ports where it can: then TCP by simultaneous open is promising. */
  readonly keepsPorts: boolean;
  readonly hasUdp: boolean;
  readonly relays: readonly RelayHint[];
}

/** The facts of one side for one meeting: with what it opened for this meeting alone. */
export interface MeetingFacts extends SelfFacts {
  /** Local TCP port that waits for the other's SYN; 0 = none. */
  readonly tcpPort: number;
  readonly ice: IceDescription | undefined;
}

export const RUNGS = ['lan', 'direct', 'reverse', 'tcp-punch', 'data-channel', 'hand-punch', 'relay'] as const;
export type RungName = (typeof RUNGS)[number];

export interface RungOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** True once a connection is there by another way. */
  readonly isDecided?: () => boolean;
}

/** One attempt at TCP simultaneous open, its local port taken. */
export interface TcpAttempt {
  readonly localPort: number;
  open(remotes: readonly Address[], peer: NodeId, role: MeetingRole, options: TcpRungOptions): Promise<Result<Connection, DialFailure>>;
  close(): void;
}

export interface TcpRungOptions extends RungOptions {
  /** Waits before each SYN until it may go to the host; false when that is not in time. */
  readonly beforeSyn?: (host: string) => Promise<boolean>;
}

export interface TcpPunching {
  prepare(): Promise<TcpAttempt>;
}

export interface MeetingNonces {
  readonly caller: Uint8Array;
  readonly called: Uint8Array;
}

/** One attempt at a data channel, its candidates gathered. */
export interface ChannelAttempt {
  readonly local: IceDescription;
  connect(remote: IceDescription, peer: PeerIdentity, nonces: MeetingNonces): Promise<Result<Connection, DialFailure>>;
  close(): void;
}

/** `timeoutMs` counts from `connect`; the attempt is over when `signal` aborts. */
export interface ChannelOptions extends RungOptions {
  /** A STUN server that has answered lately. */
  readonly stun?: Address;
  /** On a path that is open already: the local UDP port, and the peer's address there. */
  readonly bindPort?: number;
  readonly onlyRemote?: Address;
}

export interface DataChannels {
  prepareCall(options: ChannelOptions): Promise<Result<ChannelAttempt, DialFailure>>;
  prepareAnswer(remote: IceDescription, options: ChannelOptions): Promise<Result<ChannelAttempt, DialFailure>>;
  /** Ends all attempts. */
  close(): void;
}

/** Meets the peer at a relay; `circuit` is known to both ends only. */
export type JoinRelay = (
  relay: RelayHint,
  circuit: Uint8Array,
  peer: NodeId,
  role: MeetingRole,
  options: RungOptions,
) => Promise<Result<Connection, DialFailure>>;
