// pure: limits of the storage side, each with its reason. T numbers are the threats that they answer.
import { day, GiB, hour, KiB, MiB, minute, second } from '@batchain/shared';

/** Sessions that others opened to us: buffers stay bounded whoever knocks (T14). */
export const INBOUND_CONNECTIONS_MAX = 256;
/**
 * Sockets that others opened to us: sessions, those that have not proved themselves yet, and those of sessions that gave way
 * and are being closed. More than sessions, so that a full host can hear who knocks and let an idle session go for it (T14).
 */
export const INBOUND_SOCKETS_MAX: number = 2 * INBOUND_CONNECTIONS_MAX;
/** Per IP, private and loopback ranges exempt, so that one machine cannot take all places (T14). */
export const INBOUND_CONNECTIONS_PER_IP_MAX = 8;
/** Before the peer has proved its key and said something: these cost a TLS handshake each; when all are taken, one gives way (T14). */
export const UNPROVED_CONNECTIONS_MAX = 64;
export const UNPROVED_CONNECTIONS_PER_IP_MAX = 4;
/** From the accepted TCP connection to the finished upgrade, and again to the peer's HELLO (T14). */
export const HANDSHAKE_TIMEOUT_MS: number = 5 * second;
/** All headers of the upgrade request; ours take 250 bytes. */
export const UPGRADE_HEADER_BYTES_MAX: number = 4 * KiB;
/** Pieces that an unfinished message may arrive in: an honest sender's TLS records give about 200, byte-wise ones 263,000 (T14). */
export const MESSAGE_PIECES_MAX = 2048;
/** A close handshake that the peer does not finish ends with the socket after this. */
export const CLOSE_TIMEOUT_MS: number = 2 * second;
/** Above this many unsent bytes a sender waits: four full messages keep the socket busy between two turns of the loop. */
export const SEND_BUFFER_HIGH_BYTES: number = 1 * MiB;
/** Below this it goes on. */
export const SEND_BUFFER_LOW_BYTES: number = 256 * KiB;
/** Above this the peer reads nothing of what is sent without waiting: pongs, credit, resets. */
export const SEND_BUFFER_MAX_BYTES: number = 4 * MiB;
/** A session without an open stream is closed after this (T14). */
export const SESSION_IDLE_MS: number = 1 * minute;

// Data channels (WebRTC).

/** Candidates in one description: the interfaces of an ordinary machine and one reflexive address fit, and a signal holds them (T8). */
export const ICE_CANDIDATES_MAX = 8;
/** Of those, to one IP: the library checks each 0, 0.5, 1.5 and 3.5 s after the beginning, so twice in a second (T8). */
export const ICE_CANDIDATES_PER_IP_MAX = 1;
/** Gathering asks one STUN server that has just answered; without an answer by then the call goes out with what there is. */
export const ICE_GATHER_MS: number = 1 * second;
/** A prepared attempt that nobody connects ends by itself: the whole ladder is over by then. */
export const CHANNEL_ATTEMPT_MS: number = 20 * second;
/** Attempts under way at a time: each holds a UDP socket and a certificate; as many as connections that proved nothing yet (T14). */
export const CHANNEL_ATTEMPTS_MAX = 64;
/** Data channels open at a time: as many as sockets that others opened to us (T14). */
export const CHANNELS_MAX = 512;
/** What one end may have sent over a data channel and the other not yet read: the library itself never stops receiving (T14). */
export const CHANNEL_WINDOW_BYTES: number = 4 * MiB;
/** SCTP buffers of the library: 1 MiB, its default, carries 2 MB/s at 100 ms of round trip, this 8 to 10. */
export const SCTP_BUFFER_BYTES: number = 8 * MiB;
/** Chunks that SCTP queues: the receive buffer in packets of 1,200 bytes, twice. */
export const SCTP_CHUNKS_MAX: number = 16 * KiB;

// Sessions and streams.

/** Places for sessions that only we can take, by dialling: peers that keep all others busy do not shut us in (T14). */
export const OUTBOUND_SESSIONS_RESERVED = 64;
/** One session per peer; as many as inbound connections, and those that we dial. */
export const SESSIONS_MAX: number = INBOUND_CONNECTIONS_MAX + OUTBOUND_SESSIONS_RESERVED;
/** Sessions of one peer that were replaced and end in their own time: a peer that reconnects does not need more, one that collects them gets none (T14). */
export const RETIRED_SESSIONS_PER_PEER_MAX = 2;
/** The next address is tried beside one that has not answered for so long (RFC 8305: the connection attempt delay). */
export const DIAL_HEAD_START_MS = 300;
/** One address: three SYNs and a handshake on a slow path; the ladder as a whole ends within 20 s. */
export const DIAL_ADDRESS_TIMEOUT_MS: number = 8 * second;
/** SYNs of a simultaneous open are sent for so long: both ends start within a round trip of one another. */
export const TCP_PUNCH_MS: number = 4 * second;
/** After a refusal the next SYN waits so long, and up to the jitter longer: below 3 SYNs a second to an address that is vouched for (T8)... */
export const TCP_PUNCH_PAUSE_MS = 340;
export const TCP_PUNCH_PAUSE_JITTER_MS = 120;
/** ...and no more than this in all; the system's own repetitions (after 1 s, and then each second at most) fit below it in the time. */
export const TCP_PUNCH_DIALS_MAX = 10;
/** TLS and the upgrade over one punched connection: four round trips; a stranger that says nothing holds up the others no longer. */
export const TCP_PUNCH_HANDSHAKE_MS: number = 2 * second;
/** Hosts that one attempt dials: an external address, one mapped by a router, two of a shared network. */
export const TCP_PUNCH_ADDRESSES_MAX = 4;
/** Of two connections proved within this both ends opened one at once. */
export const SIMULTANEOUS_MS: number = 5 * second;
/** A session that another replaced ends when its streams have carried nothing for so long. */
export const SESSION_RETIRE_MS: number = 1 * minute;
/** Payload of one data frame: large enough for speed, small enough to share a connection (T14). */
export const DATA_BYTES_MAX: number = 256 * KiB;
/** A control frame, put together: the leaf hashes of the largest shard take 131,104 bytes. */
export const CONTROL_BYTES_MAX: number = 192 * KiB;
/** HELLO is the only thing that is read of a peer before it has shown to be of our network. */
export const HELLO_BYTES_MAX: number = 1 * KiB;
/** What a frame costs beside its bytes, so that empty and tiny ones use up credit as well. */
export const FRAME_COST_BYTES = 64;
/** Credit that every stream has when it is opened: most requests and answers fit. */
export const STREAM_CREDIT_INITIAL_BYTES: number = 16 * KiB;
/** What a session may have promised to buffer, by rate x RTT between these (T14). */
export const CONNECTION_WINDOW_MIN_BYTES: number = 1 * MiB;
export const CONNECTION_WINDOW_MAX_BYTES: number = 8 * MiB;
/** The same over all sessions (T14). */
export const CREDIT_TOTAL_BYTES: number = 64 * MiB;
/** Of that, kept back for each session, so that busy ones cannot shut out a new one: four streams. */
export const CREDIT_FLOOR_BYTES: number = 64 * KiB;
/** Streams that one side may have open; told in HELLO. */
export const STREAMS_PER_SIDE_MAX = 32;
/** How long openStream waits for one of them to end. */
export const STREAM_WAIT_MS: number = 10 * second;
/** Streams that wait for a place; beyond this openStream refuses at once. */
export const STREAMS_WAITING_MAX = 1024;
/** Data frames shorter than a kibibyte on one stream: a challenge of 256 leaves of tiny shards is honest, a drip is not. */
export const TINY_DATA_FRAMES_MAX = 1024;
/** Frames other than bulk data from one peer: at once, and per second; some 3 us of work each. */
export const SMALL_FRAMES_BURST = 10_000;
export const SMALL_FRAMES_PER_SECOND = 5_000;
/** Between two pings; keeps NAT mappings alive and measures the round trip (BN-30). */
export const PING_INTERVAL_MS: number = 2.5 * second;
/** Without any message for so long the peer is gone: three pings were not answered. */
export const SESSION_DEAD_MS: number = 8 * second;
/** A call that got no answer on a session silent for so long is made again over a new one: two pings were not answered. */
export const SESSION_DOUBT_MS: number = 2 * PING_INTERVAL_MS;

/** Circuits of a relay, those that still wait for their other end included: each buffers 256 KiB a way beside its credit (T9). */
export const RELAY_CIRCUITS_MAX = 64;
/** Of that, with one node at either end, so that a few do not take all (T9). */
export const RELAY_CIRCUITS_PER_NODE_MAX = 8;
/** How long one end waits for the other: both were told of the circuit at once, and need a dial and a request for it. */
export const RELAY_WAIT_MS: number = 15 * second;
/** What one circuit may carry, both ways together: a large upload comes back for another (T9). */
export const RELAY_CIRCUIT_BYTES_MAX: number = 1 * GiB;
/** What all circuits carry within 24 hours unless configured otherwise: 2 Mbit/s all day (T9). */
export const RELAY_BYTES_PER_DAY: number = 20 * GiB;
/** How long a circuit lasts whatever it carries: what it may carry takes this at 75 kB/s (T9). */
export const RELAY_CIRCUIT_MS_MAX: number = 4 * hour;
/** A circuit that carries less than RELAY_IDLE_BYTES in so long is ended: a session over it would be as well. */
export const RELAY_IDLE_MS: number = 1 * minute;
/** A session's heartbeats through a circuit take 4 KiB a minute. */
export const RELAY_IDLE_BYTES: number = 16 * KiB;
/** A circuit that has carried less than RELAY_IDLE_BYTES for so long gives way to a new one when there is no other place. */
export const RELAY_QUIET_MS: number = 20 * second;
/** How often a relay looks at what its circuits carried. */
export const RELAY_WATCH_MS: number = 5 * second;

/** Shards of one segment: the field GF(2^8) has 256 elements, so a code has at most 256 rows. */
export const TOTAL_SHARDS_MAX = 256;
/** Shard lengths are multiples of this: one vector step of the coding kernel, and true lengths are blurred (T10). */
export const SHARD_ALIGN_BYTES = 64;
/** The unit of hashing and of audit: large enough that hashing runs at speed, small enough for one proof (ADR 0003). */
export const LEAF_BYTES: number = 16 * KiB;
/** Plaintext of one sealed piece, so that a range can be opened without the rest. */
export const PIECE_BYTES: number = 64 * KiB;
/** Below this, hashes and tags would outgrow the data. */
export const SEGMENT_BYTES_MIN: number = KiB;
export const SEGMENT_BYTES_DEFAULT: number = 16 * MiB;
/** A segment is coded in memory as a whole. */
export const SEGMENT_BYTES_MAX: number = 64 * MiB;
/** Bounds the salts and lengths in a manifest. */
export const SEGMENTS_MAX = 4096;
/** Bounds a roster: 32 bytes for each shard, 8 MiB in all (T11). */
export const SHARDS_MAX: number = 256 * KiB;
/** A sealed segment of the largest size, for k = 1: 64 MiB and a tag for each of its 1,024 pieces; a multiple of 64. */
export const SHARD_BYTES_MAX: number = SEGMENT_BYTES_MAX + (SEGMENT_BYTES_MAX / PIECE_BYTES) * 16;

/** Places filled on one host: bounds index, memory and inodes whatever the shards' size (T15). */
export const HOSTED_SHARDS_MAX = 1_000_000;
/** Files that may share one shard's bytes: its row in the index names them all. */
export const SHARD_SHARERS_MAX = 256;
/**
 * Places of one file filled on one host: one shard of each segment (SEGMENTS_MAX) is all that placement gives a host. Bounds a receipt and
 * the work of listing, renewing and releasing a file.
 */
export const SHARDS_PER_FILE_MAX = 4096;
/** Places looked up, or dropped, before others get a turn of the event loop: a few ms. */
export const PLACES_PER_TURN = 128;
/** Shards being written at one time: each holds a file descriptor and a reservation. */
export const STORES_UNDER_WAY_MAX = 256;
/**
 * What a store reserves is taken from others until it ends, and at the slowest pace of a transfer 64 MiB would end after 4.5 h.
 * So when another store finds no room, those give way that are slower, on average, than their whole shard within this...
 */
export const STORE_PACE_MS: number = 20 * minute;
/**
 * ...or, for long shards, than this. An uplink of 1 Mbit/s that feeds all n hosts of a 16 MiB segment at once keeps to it up
 * to n = 8 k; who fills a host by dripping has to send as much as an eighth of what an audit allows for.
 */
export const STORE_PACE_SLOWEST_BYTES_PER_SECOND: number = 16 * KiB;
/** The first that is asked of a pace: a handshake and a slow start are over then. */
export const STORE_PACE_GRACE_MS: number = 30 * second;
/** Changes made durable by one round of syncs; the rest waits for the next round. */
export const COMMIT_BATCH_MAX = 128;
/**
 * Rosters take room of the offer. When there is none left, what the host holds can still be committed: rosters may go
 * beyond the offer by the larger of these two (T15).
 */
export const ROSTERS_BYTES_MIN: number = 64 * MiB;
export const ROSTERS_OFFER_SHARE: number = 1 / 16;
/** Of that, all rosters of one owner; one of the largest at least. */
export const ROSTERS_OWNER_SHARE: number = 1 / 4;
/** Interrupted stores that may be resumed: as long as a provisional lease lives, and few enough to be swept quickly. */
export const PART_AGE_MS_MAX: number = 24 * hour;
export const PART_COUNT_MAX = 1024;
export const PART_BYTES_MAX: number = 512 * MiB;
/** Free space is asked of the system at most this often; in between our own writes are counted. */
export const DISK_SPACE_AGE_MS_MAX: number = 1 * second;
/** Bytes read and hashed in one go: 16 leaves take 0.2 ms. */
export const SCAN_BYTES: number = 16 * LEAF_BYTES;
/** Shards that a scrub could not read, remembered until it comes by again; beyond this the disk as a whole is the trouble. */
export const UNREADABLE_SHARDS_MAX = 10_000;
/** What must be free before the index is opened anew after a full disk: it writes its log (1 MiB) as a table then. */
export const INDEX_REOPEN_FREE_BYTES: number = 4 * MiB;
/**
 * What the shortest file takes of a disk (ext4, XFS, NTFS and APFS by default); files count towards the offer in these. A
 * journal is written anew when it is longer than one and three times as long as what it says: renewals do not grow it (T15).
 */
export const DISK_BLOCK_BYTES: number = 4 * KiB;
/** The longest journal read: 262,144 places in 60 bytes each, three times. */
export const JOURNAL_BYTES_MAX: number = 64 * MiB;
/** How much of the cautious clock's progress a crash may forget; the wall clock gives it back. */
export const CLOCK_SAVE_MS: number = 10 * minute;

/** A manifest file (T11). */
export const MANIFEST_BYTES_MAX: number = 16 * MiB;
/** Nesting of the manifest's JSON; ours uses 4 levels (T11). */
export const MANIFEST_DEPTH_MAX = 8;
/** Files in one manifest: what one signature and one download should hold; bounds what the parser builds (T11, T13). */
export const ENTRIES_MAX = 20_000;
/** A roster: 8 MiB of shard ids and what stands around them; every host of a file keeps one. */
export const ROSTER_BYTES_MAX: number = 12 * MiB;
/** Hosts named in a manifest: several times the widest code. */
export const HINTS_MAX = 1024;
/** One name on the file systems that we write to (T12). */
export const NAME_BYTES_MAX = 255;
/** A path in a manifest, as Linux limits it. */
export const PATH_BYTES_MAX = 4096;

/** Leaf hashes of the largest shard: 64 MiB of plaintext in one shard, its tags and padding. */
export const LEAVES_MAX: number = Math.ceil(SHARD_BYTES_MAX / LEAF_BYTES);
/** Leaves in one challenge: 1 MiB of answer, so that a deadline stays short (T1). */
export const CHALLENGE_LEAVES_MAX = 64;
/** Rows in one answer to HAVE: below the size of a control frame. */
export const HELD_PAGE_MAX = 2_000;
/** A receipt for one shard of each of 4,096 segments takes 190 KiB. */
export const RECEIPT_BYTES_MAX: number = 256 * KiB;
/** An answer without data must come within this, and more when the round trip is long (T1). */
export const ANSWER_TIMEOUT_MS: number = 5 * second;
/** Data slower than this over SLOW_WINDOW_MS ends a transfer (T14). */
export const TRANSFER_BYTES_PER_SECOND_MIN: number = 4 * KiB;
/** A transfer in which nothing moves for so long is given up (T14). */
export const SLOW_WINDOW_MS: number = 30 * second;
/** The rate that the deadline of an audit answer allows for (T1). */
export const AUDIT_BYTES_PER_SECOND: number = 128 * KiB;
/** Requests that one peer may have in work at a host at one time, over all of its sessions; fewer when places are scarce (T14). */
export const REQUESTS_PER_PEER_MAX = 32;
/** Requests in work at a host over all peers: each may hold 256 KiB that were read and are not sent yet. */
export const REQUESTS_MAX = 256;
/** Rosters that are being received at one time: four of the largest. */
export const ROSTERS_IN_WORK_BYTES_MAX: number = 4 * ROSTER_BYTES_MAX;

/** When the owner's daemon goes on placing what an upload could not. */
export interface PlacingTimes {
  /** Before the first try; each that places nothing doubles the pause. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** Given up after this. */
  readonly forMs: number;
}

/** When a question that a host did not answer is asked again. */
export interface ContainmentTimes {
  /** After the first time; then the shard counts as lost. */
  readonly againMs: readonly number[];
}

/** What the owner's daemon does by itself and when. */
export interface OwnerTimes {
  readonly placing: PlacingTimes;
  readonly containment: ContainmentTimes;
}

/**
 * A try costs a lookup and a question to each host that is left; a quarter of an hour finds a machine that is on in the evenings, a week
 * one that is on at weekends. `demo`: what takes days shows within a minute.
 */
export const OWNER_TIMES: Readonly<Record<'normal' | 'demo', OwnerTimes>> = {
  normal: {
    placing: { firstMs: 1 * minute, longestMs: 15 * minute, forMs: 7 * day },
    containment: { againMs: [1 * hour, 6 * hour, 24 * hour] },
  },
  demo: {
    placing: { firstMs: 1 * second, longestMs: 4 * second, forMs: 5 * minute },
    containment: { againMs: [2 * second, 6 * second, 12 * second] },
  },
};
/** Between two segments that are placed later it rests as long as the one before took, at most so long: uploads and downloads go first. */
export const PLACING_REST_MAX_MS: number = 30 * second;
/** Unanswered questions kept for one file, 40 bytes each: a host of 4,096 segments that falls silent, four times. */
export const CONTAINED_QUESTIONS_MAX: number = 16 * 1024;
/** Hosts with such questions, times that they were first asked at: a record of the owner has room for 4,096 values. */
export const CONTAINED_HOSTS_MAX = 256;
/** Of that, per peer: one of the largest. */
export const ROSTERS_PER_PEER_BYTES_MAX: number = ROSTERS_IN_WORK_BYTES_MAX / 4;
/** A reader of a stream that takes no piece (1 MiB) for so long holds no buffers: others may need them. It costs it a segment to go on. */
export const STREAM_STALL_MS: number = 30 * second;

// Tunnels: Kad datagrams of nodes without UDP, inside a session.

/** Tunnels that a node serves; each holds a UDP socket. */
export const TUNNELS_MAX = 32;
/** Of that, per IP, private and loopback ranges exempt: one, and the one that it replaces after a change of network. */
export const TUNNELS_PER_IP_MAX = 2;
/** From the request to the answer of whoever is to serve it. */
export const TUNNEL_OPEN_TIMEOUT_MS: number = 5 * second;
/** A tunnel whose user sends nothing for so long ends; a KadNode pings its brokers every 20 to 25 s. */
export const TUNNEL_IDLE_MS: number = 2 * minute;
/** Datagrams through a tunnel, each way: a busy KadNode sends a tenth of it. */
export const TUNNEL_PACKETS_PER_S = 200;
/** Bytes through a tunnel, each way: 200 of the longest datagrams take nearly so many. */
export const TUNNEL_BYTES_PER_S: number = 256 * KiB;
/** Datagrams that wait for the stream; those beyond are lost, as they would be in a router (T14). */
export const TUNNEL_WAITING_MAX = 64;
/**
 * To one IP that has not answered, from all tunnels together: so many in FIRST_WINDOW_MS, whoever asks for it (T6, T8). Private ones are
 * counted for each address.
 */
export const TUNNEL_FIRST_PACKETS = 3;
/** A little more than a second, so that three a second hold also where a path squeezes arrivals together. */
export const TUNNEL_FIRST_WINDOW_MS = 1_100;
/** To all addresses that have not answered, from one tunnel. */
export const TUNNEL_FIRST_PACKETS_PER_S = 20;
/** IPs that are remembered as not having answered. */
export const TUNNEL_FIRST_TARGETS_MAX = 4096;
/** A datagram that came from an address allows for so many to it: an answer, and the tries of the next request. */
export const TUNNEL_PACKETS_PER_HEARD = 4;
/** What is saved up of that, so that nobody is flooded who has fallen silent. */
export const TUNNEL_HEARD_BURST = 32;
/** Addresses per tunnel that are remembered as heard of: a routing table and the lookups of a few minutes. */
export const TUNNEL_HEARD_MAX = 1024;

// Handing over: a host that leaves gives its shards to others.

/** Hosts that one file's shards were handed to, as the leaver remembers them: a segment has no more shards. */
export const MOVED_HOSTS_MAX = 256;
/** Files of which a host remembers where their shards went; those whose leases end first are forgotten for others. 64 MiB at 1 KiB each. */
export const MOVED_FILES_MAX: number = 64 * KiB;
/** Hosts named by one that handed shards over that a reader goes on to: a leaver picks few, and a liar sends nobody far. */
export const MOVED_FOLLOWED_MAX = 8;
/** The same for one file and reader, from all of them. */
export const MOVED_FOLLOWED_TOTAL_MAX = 64;
/** How often a shard is followed from host to host: who gets it may leave as well. */
export const MOVED_HOPS_MAX = 3;
/** Shards of which a host remembers who handed them over, so that he may see them proved; 200 bytes each. */
export const HANDED_MAX = 4096;
/** How long it does: the proof is asked for at once, or after a restart of the leaver. */
export const HANDED_MS: number = 1 * hour;
/** Shards on their way from a host that leaves: enough to fill an uplink while others are proved, and the disk has one reader each. */
export const LEAVE_TRANSFERS_MAX = 4;
/** Hosts that are offered one shard before it is left: those that refused for all shards are not asked again. */
export const LEAVE_TRIES_MAX = 16;
/** Shards that could not be moved, listed one by one; beyond this they are counted. */
export const LEAVE_LEFT_MAX = 1000;
/** Lookups at one time while files are put in order. */
export const LEAVE_LOOKUPS_MAX = 8;
/** One lookup for a file, of hosts or of providers. */
export const LEAVE_LOOKUP_MS: number = 10 * second;
/** How long the record of a file that went elsewhere is kept up for its new hosts to be found: an announcement takes some seconds. */
export const LEAVE_SETTLE_MS: number = 15 * second;
/** How long withdrawing the rest may take when the time is over: it goes on by itself. */
export const LEAVE_LAST_WORD_MS: number = 2 * second;
/** Files are put in order for at most this part of the time that there is, and so long: moving them counts for more. */
export const LEAVE_ORDER_SHARE = 0.1;
export const LEAVE_ORDER_MS_MAX: number = 1 * minute;
/** When nobody says how long it may take: 100 GiB at 4 MB/s. */
export const LEAVE_DEADLINE_MS: number = 8 * hour;
/** Bytes of a shard that are hashed for somebody before others get a turn: a digest is work like a challenge. */
export const DIGEST_STEP_BYTES: number = 16 * LEAF_BYTES;

/** A read capability as bytes: rosters of 256 segments on 50 hosts with salts take 420 KiB. */
export const CAPABILITY_BYTES_MAX: number = 512 * KiB;
/** Hosts that it names: enough to begin with, and in a small network it still fits in one record. */
export const CAPABILITY_HINTS_MAX = 8;
