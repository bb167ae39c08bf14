// pure: limits of the local API and of the participant, each with its reason.
import { day, GiB, hour, KiB, MiB, minute, second } from '@batchain/shared';

/** A body names paths and a policy; 1 MiB is far more than any command needs (T13). */
export const API_BODY_BYTES_MAX: number = 1 * MiB;
/** Our bodies nest two levels. */
export const API_BODY_DEPTH_MAX = 8;
export const API_BODY_VALUES_MAX = 10_000;
export const API_HEADER_BYTES_MAX: number = 16 * KiB;
/** T14: whoever needs longer for a request of ours is no client of ours. */
export const API_HEADERS_TIMEOUT_MS: number = 5 * second;
export const API_REQUEST_TIMEOUT_MS: number = 10 * second;
export const API_SWEEP_INTERVAL_MS: number = 1 * second;
/** One per running command and the event streams. When all are taken, one without a request in work gives way (T14). */
export const API_CONNECTIONS_MAX = 128;
/** Beyond those, connections that are told that the daemon is busy; the system closes the rest without a word. */
export const API_CONNECTIONS_SPARE = 32;
/** Event streams never end by themselves: with all of these open, most places are left for commands (T14). */
export const EVENT_READERS_MAX = 32;
/** Uploads, downloads and audits at once; each may hold 96 MiB of segments. */
export const JOBS_RUNNING_MAX = 16;
/** Files that one audit of all asks about at once: hosts that are away cost seconds each, and nearly no work. */
export const AUDITS_AT_ONCE_MAX = 4;
/** Finished jobs that a client may still ask about. */
export const JOBS_KEPT_MAX = 64;
export const JOB_KEPT_MS: number = 5 * minute;
/** A screen is redrawn twice a second; more progress than that only costs. */
export const JOB_PROGRESS_INTERVAL_MS = 250;
/** Events kept for readers that come back with the id of the last one they saw. */
export const EVENTS_KEPT_MAX = 256;
/** A reader that lags this much behind loses its stream and may come back. */
export const EVENT_BACKLOG_BYTES_MAX: number = 256 * KiB;
/** What one line of an answer may have, so that a client need not buffer without end: an audit of 262,144 shards fits. */
export const API_LINE_BYTES_MAX: number = 128 * MiB;
/** How long a stopping daemon waits for cancelled jobs before it closes their connections. */
export const STOP_GRACE_MS: number = 5 * second;
/** Less than a leaf of room is none: the contact record then no longer says `stores`. */
export const STORE_ROOM_BYTES_MIN: number = 16 * KiB;
/** How often it is looked whether there is room; the record changes only when the answer does. */
export const ROOM_CHECK_INTERVAL_MS: number = 10 * second;
/** `ready` does not wait longer than this for `--join` addresses; joining goes on. */
export const JOIN_WAIT_MS: number = 8 * second;
/** Members through whom others can join, as `start` names them. */
export const JOIN_MEMBERS_SHOWN_MAX = 3;
/** A name of `--join` that could not be looked up is tried again this often: a laptop may start before its network. */
export const JOIN_LOOKUP_INTERVAL_MS: number = 30 * second;

// Looking at the network hash table, and looking for a network.

/** Lookups for random keys that meet everybody where there are fewer nodes than a k-bucket holds; of more the KadNode measures the size. */
export const COUNTING_LOOKUPS = 2;
/** Nodes of a traced lookup that are asked what they keep, four questions each: all of an honest one, which asks some 30. */
export const TRACE_ASKED_MAX = 64;
/** Of those, at the same time. */
export const TRACE_IN_FLIGHT_MAX = 8;
/** A search for participants ends with what it has after this, unless it is told otherwise. */
export const NETWORK_FIND_MS: number = 20 * second;
/** Private addresses asked at the same time: 1,024 ports where nobody is take 8 s at most, and 64 sessions fit many times. */
export const FIND_IN_FLIGHT_MAX = 64;
/** Known members that a search asks again whether they are there. */
export const FIND_KNOWN_MAX = 128;
/** Tries of a single address, and of each of many. */
export const FIND_TRIES = 3;
export const FIND_TRIES_OF_MANY = 1;
/** Answers to a search on the LAN come within 120 ms (RFC 6762 section 6). */
export const LAN_ANSWER_WAIT_MS = 500;
/** Addresses of one host name that are asked. */
export const HOST_ADDRESSES_MAX = 4;

// LAN discovery. Anybody on the same LAN may send us what he likes, so bytes, rates and memory are bounded.

/** Our own announcement takes some 600 bytes; the limit is that of RFC 6762 section 17, for machines with many addresses. */
export const LAN_PACKET_BYTES_MAX = 9000;
/** Packets that concern us and are decoded, of one host of the LAN: several participants may run there. */
export const LAN_PACKETS_PER_SOURCE_PER_S = 8;
export const LAN_PACKETS_PER_SOURCE_BURST = 32;
/** Of the whole LAN behind one interface: a decoder at work costs some 100 us each. */
export const LAN_PACKETS_PER_S = 40;
export const LAN_PACKETS_BURST = 160;
/** Hosts whose allowance is remembered; a LAN with more of them shares what the interface has. */
export const LAN_SOURCES_MAX = 256;
/** Answers that go out to the whole LAN, whoever asks (T6): one serves all who listen. RFC 6762 section 6 asks for 1/s per record. */
export const LAN_ANSWERS_PER_S = 1;
export const LAN_ANSWERS_BURST = 4;
/** Services that one search may show; a flood beyond it ends the search (T14), the next begins anew. */
export const LAN_SERVICES_MAX = 256;
/** Participants remembered as heard of. */
export const LAN_PEERS_MAX = 256;
/** A participant that is heard again is handed on again after this: the first ping may have been lost. */
export const LAN_REPEAT_MS: number = 1 * minute;
/** Participants handed on for one IP: each costs it a first packet or two, and at most 3 small ones a second may go there (T8). */
export const LAN_FOUND_PER_IP_PER_S = 1;
export const LAN_FOUND_PER_IP_BURST = 2;
/** And in all. */
export const LAN_FOUND_PER_S = 8;
export const LAN_FOUND_BURST = 32;
/** Interfaces that are joined: more are containers' and virtual machines', each with a socket of its own. */
export const LAN_INTERFACES_MAX = 16;
/** How often it is looked for interfaces that came or went. */
export const LAN_INTERFACES_INTERVAL_MS: number = 5 * second;
/** The second search comes after this, each later one after four times as long, up to the longest (RFC 6762 section 5.2). */
export const LAN_SEARCH_FIRST_MS: number = 2 * second;
export const LAN_SEARCH_LONGEST_MS: number = 5 * minute;
/** How long the goodbye may take when a participant stops. */
export const LAN_GOODBYE_MS: number = 1 * second;
// Port mapping on the router.

/** How long a mapping is asked for: short, so that one of a node that vanished does not stay (RFC 6887 section 15 leaves it to the client). */
export const PORT_MAPPING_LIFETIME_MS: number = 20 * minute;
/** A router that grants less is asked again this soon at the earliest, one that grants more is believed so far. */
export const PORT_MAPPING_LIFETIME_MIN_MS: number = 1 * minute;
export const PORT_MAPPING_LIFETIME_MAX_MS: number = 1 * day;
/** After a renewal that failed, half of what is left is waited, but no less than this. */
export const PORT_MAPPING_RETRY_MIN_MS: number = 15 * second;
/** A router that maps nothing may be told to by its owner: it is asked again after this. */
export const PORT_MAPPING_RETRY_MS: number = 10 * minute;
/** What a request waits for its answer, each time it is sent: routers are near (RFC 6886 section 3.1 begins with 250 ms as well). */
export const GATEWAY_WAITS_MS: readonly number[] = [250, 500, 1000, 1000];
/** One question to a router by UPnP: a search, a description and an order over HTTP. */
export const UPNP_TIMEOUT_MS: number = 8 * second;
/** How long taking mappings back may hold up a participant that stops. */
export const PORT_MAPPING_STOP_MS: number = 2 * second;
/** And taking back one that the router has not answered yet: where it never answers, nobody is to wait for it. */
export const PORT_MAPPING_STOP_UNANSWERED_MS = 500;
/** An answer to a search for the router: headers of HTTP. */
export const SSDP_ANSWER_BYTES_MAX: number = 4 * KiB;
/** RFC 6887 section 7. */
export const PCP_PACKET_BYTES_MAX = 1100;

/** Peers in one answer; the routing table holds more only in very large networks. */
export const PEERS_SHOWN_MAX = 1024;
/** Contact records that are not at hand may be asked for so long, so many at once. */
export const PEER_RECORD_WAIT_MS: number = 1 * second;
export const PEER_RECORDS_ASKED_MAX = 32;
/** A dial made for another node to see whether it can be reached: it waits 5 s in all. */
export const DIAL_BACK_TIMEOUT_MS: number = 4 * second;
/** How often it is looked whether the interfaces have other addresses: a change is to be noticed within seconds. */
export const NETWORK_POLL_MS: number = 2 * second;
/** Addresses come one by one when a cable is plugged in: so long none may have changed before it is told, and so long it is waited at most. */
export const NETWORK_SETTLE_MS = 500;
export const NETWORK_SETTLE_MAX_MS: number = 5 * second;
/** The wall clock ahead by so much more than before: the machine slept, or its clock was set, which costs one needless look. */
export const SLEEP_NOTICED_MS: number = 30 * second;
/** The log begins anew beyond this; the one before is kept. */
export const LOG_BYTES_MAX: number = 8 * MiB;

// Reaching other nodes (docs/NAT.md).

/** The whole ladder, whatever it tries. */
export const LADDER_MS: number = 20 * second;
/** One dial of a public address: connects within a round trip or two, or hardly ever. */
export const DIAL_RUNG_MS: number = 5 * second;
/** How long each rung may take, and how long it waits for a cheaper one. */
export const LADDER_PLAN = {
  /** A neighbour answers within milliseconds; a packet for a stranger's private address vanishes. */
  lanMs: 2 * second,
  lanHeadStartMs: 300,
  /** A public address answers within two round trips; one behind a firewall never does. */
  callHeadStartMs: 300,
  /** The same after a call, before anything is punched. */
  dialHeadStartMs: 700,
  /** The answerer's dial, which begins when it has sent its answer. */
  reverseMs: 4 * second,
  /** A SYN that was too early is repeated after one second. */
  tcpPunchMs: 4 * second,
  /** Where TCP is likely it is let go first: it carries ten times as much. */
  channelHeadStartMs: 700,
  /** Slowest seen was 1.6 s; the library itself would wait for 40. */
  channelMs: 5 * second,
  /** ICE has had its time, and a suspicious router forgets what came before its host sent. */
  handPunchHeadStartMs: 2.5 * second,
  /** Most that ICE opens is open by then; where it rests on an unknown filter, nothing more is waited for. */
  doubtfulIceMs: 1 * second,
  /** Observers, two steps through brokers, the punch, and the channel on it. */
  handPunchMs: 14 * second,
  /** Bytes flow within a second, whatever comes of the rest: a relayed session is left again for a better one. */
  relayHeadStartMs: 500,
  relayMs: 6 * second,
} as const;
/** How often it is looked which peers are reached through a relay. */
export const IMPROVE_CHECK_MS: number = 5 * second;
/** Another way to them is looked for so long after the first race, and each time after three times as long, at last twice an hour. */
export const IMPROVE_FIRST_MS: number = 20 * second;
export const IMPROVE_AGAIN_FACTOR = 3;
export const IMPROVE_AGAIN_MAX_MS: number = 30 * minute;
/** A call is sent again through the brokers when no answer came for so long, so often in all. */
export const CALL_AGAIN_MS: number = 1.5 * second;
export const CALL_TRIES_MAX = 3;
export const CALL_TIMEOUT_MS: number = 6 * second;
/** A broker that was asked too often passes one more signal on after so long: ten in a minute to one node. */
export const SIGNAL_AGAIN_MS: number = 6 * second;
/** A call that comes again later than this is a replay: its caller has given it up, and its answer is soon forgotten. */
export const CALL_REPEATED_MS: number = 15 * second;
/** Callers whose sequence is remembered against replays. */
export const CALLERS_REMEMBERED_MAX = 4096;
/** Answers are kept for calls that are repeated. */
export const ANSWERED_CALL_KEPT_MS: number = 30 * second;
/** Calls that are followed at once; each may hold a TCP port and a UDP port. */
export const MEETINGS_MAX = 32;
/** Calls per second that may make us send to one public host (T8). */
export const NAMED_HOST_CALLS_PER_S = 1;
export const NAMED_HOSTS_REMEMBERED_MAX = 4096;
/**
 * Checks, knocks, HELLOs and probes for others to one public host that nobody vouches for, together: three in any second (T8). The
 * window is longer than that by what a packet may be late on a busy machine: ICE sends its checks at times of its own.
 */
export const NAMED_HOST_DATAGRAMS_MAX = 3;
export const NAMED_HOST_DATAGRAM_WINDOW_MS: number = 1.5 * second;
/** When the library checks its one candidate at a host, after the beginning: it doubles its waits. Measured on the wire; the channel's budget ends it. */
export const ICE_CHECK_TIMES_MS: readonly number[] = [0, 500, 1500, 3500];
/** What `peers --why` can tell: the latest attempts at so many peers. */
export const CLIMBS_PER_PEER_MAX = 3;
export const CLIMB_PEERS_MAX = 256;
/** Relays that are named in a signal. */
export const RELAYS_KEPT_MAX = 2;
/** How long a relay whose circuit failed is not named while there is another; then it may have been mended. How many are remembered. */
export const RELAY_FAULT_KEPT_MS: number = 30 * minute;
export const RELAY_FAULTS_MAX = 64;
/** A circuit that ended sooner is no sign that its relay serves well, whatever word it ended with. */
export const RELAY_STEADY_MS: number = 50 * second;
/** Public nodes that are asked whether they relay, in one look. */
export const RELAY_CANDIDATES_MAX = 16;
/** How often it is looked whether they still do; a tenth of it while none is known. */
export const RELAY_CHECK_INTERVAL_MS: number = 5 * minute;
export const RELAY_CHECK_SOON_MS = 200;

/** KadNodes that are asked whether they answer STUN: some stand behind firewalls. */
export const STUN_CANDIDATES_MAX = 6;
/** Asked in the first rounds, waited for in the last as well: 900 ms, less than ICE would lose with a silent one. */
export const STUN_CHECK_ROUNDS = 3;
export const STUN_CHECK_AGAIN_MS = 300;
/** Those that answered are believed to for so long. */
export const STUN_KNOWN_MS: number = 2 * minute;

// Hand punch (docs/spec/punch.md); measured in the NAT laboratory.

/** Until an observer has answered; asked three times. Two round trips on a slow path. */
export const OBSERVE_TIMEOUT_MS: number = 1.5 * second;
export const OBSERVE_AGAIN_MS = 400;
/** Observers asked: two tell a lasting port from a moving one and show the step. */
export const OBSERVERS_MAX = 2;
/** The whole of a hand punch: 2,048 probes take 4.1 s, and two round trips. */
export const HAND_PUNCH_TIMEOUT_MS: number = 6 * second;
/** To an address that nobody vouches for: packets in all, and between two of them (below 3 a second; T8). */
export const HAND_PUNCH_PACKETS_MAX = 10;
export const HAND_PUNCH_PACE_MS = 350;
/** In a burst: 500 packets a second. */
export const HAND_PUNCH_BURST_GAP_MS = 2;
/** Random probes against 256 sockets: 2,048 hit with a probability of 0.9997. */
export const HAND_PUNCH_PROBES_MAX = 2_048;
/** Sockets of a birthday burst, and mappings that it makes on the own router. */
export const HAND_PUNCH_SOCKETS = 256;
/** Next ports tried at a counting router; 10 sufficed, a busy home uses up some meanwhile. */
export const HAND_PUNCH_PREDICTED_MAX = 64;
/** A larger step between two mappings is chance, not counting. */
export const HAND_PUNCH_PORT_STEP_MAX = 16;
/** How long the second in `ordered` waits: above the way of a signal through a broker. */
export const HAND_PUNCH_ORDER_MS = 400;
/** When `ordered` goes over to the second socket, in the other order. */
export const HAND_PUNCH_SECOND_LANE_MS = 1_600;
/** Sockets that are open before the plan is known: two orders. */
export const HAND_PUNCH_LANES = 2;
/** Paths that are kept apart; a hit makes one. */
export const HAND_PUNCH_PATHS_MAX = 16;
/** Answers of one end, to what the peer authenticated; a few per path. */
export const HAND_PUNCH_REPLIES_MAX = 200;
/** What got no answer is said again after this. */
export const HAND_PUNCH_REPEAT_MS = 150;
/** A path that was heard gets so long to open before blind packets go on. */
export const HAND_PUNCH_HOLD_MS: number = 1 * second;
/** The caller goes with its path after so many unanswered `take`: packets came through both ways before. */
export const HAND_PUNCH_TAKES_MAX = 4;
/** How long the called one still answers a repeated `take` before it closes its sockets; a short gap keeps the mapping. */
export const HAND_PUNCH_LINGER_MS = 200;

// Without UDP.

/** Ports on which a participant that carries Kad datagrams may listen: the usual one, and those that closed networks let out. */
export const TUNNEL_PORTS: readonly number[] = [4880, 443, 80];
/** One address: a TLS handshake, HELLO and the tunnel's answer. */
export const ATTACH_TIMEOUT_MS: number = 6 * second;
/** The next address is tried beside one that has not answered for so long. */
export const ATTACH_HEAD_START_MS = 300;
/** Hosts in one round; the next ones in the next round. */
export const ATTACH_HOSTS_MAX = 3;
/** Join addresses that are remembered for it. */
export const ATTACH_JOINS_MAX = 16;
/** Pause after a round without success, doubled each time. */
export const ATTACH_PAUSE_MIN_MS: number = 2 * second;
export const ATTACH_PAUSE_MAX_MS: number = 2 * minute;
/** A tunnel that ended sooner is no sign that its host serves well: it comes last in the next round. */
export const ATTACH_STEADY_MS: number = 1 * minute;
/** A STUN answer by UDP comes within a round trip; sent three times within it, never more than three in a second (T8). */
export const UDP_PROBE_MS: number = 1.2 * second;
export const UDP_PROBE_TARGETS_MAX = 4;
/** How often it is looked whether UDP works again; twice in a row it must. */
export const UDP_CHECK_INTERVAL_MS: number = 1 * minute;
/** An address that was heard by UDP is answered by UDP for so long, though there is a tunnel: a neighbour in our own network. */
export const UDP_HEARD_MS: number = 1 * minute;
export const UDP_HEARD_MAX = 256;
/** How often others are asked how they see and reach this node, beside whenever something changed. */
export const SELF_CHECK_INTERVAL_MS: number = 10 * minute;
/** After a change, so that several at once are one check. */
export const SELF_CHECK_SOON_MS = 300;
/** After a check during which something changed; what the check itself found out is such a change. */
export const SELF_CHECK_AGAIN_MS: number = 10 * second;
/** Peers whose clock `doctor` compares with ours. */
export const CLOCKS_ASKED_MAX = 8;
/** A join address that has not answered by UDP for so long is tried over WebSockets. */
export const UDP_SILENT_AFTER_MS: number = 3 * second;
/** How long two brokers' words about a peer's address count, of how many peers, and how many words of each are kept (T8). */
export const VOUCHED_FOR_MS: number = 1 * minute;
export const VOUCHED_PEERS_MAX = 1024;
export const VOUCHES_PER_PEER_MAX = 8;
/** Steps of a hand punch that came before anybody waited for them. */
export const EARLY_STEPS_MAX = 256;
export const EARLY_STEPS_PER_PEER_MAX = 2;
export const EARLY_STEP_KEPT_MS: number = 10 * second;
/** For the other side's step of a hand punch: its sockets ask two observers first. */
export const HAND_PUNCH_STEP_MS: number = 4 * second;
/** For the data channel on a path that is open already. */
export const HAND_OVER_MS: number = 4 * second;
/** One burst per pair and hour: it makes 256 mappings on a router (T8). */
export const BURST_INTERVAL_MS: number = 1 * hour;
/** Bursts to one host, where several nodes may be behind one router: a burst lasts 5 s. */
export const BURST_HOST_INTERVAL_MS: number = 1 * minute;
export const BURST_PEERS_MAX = 1024;
/** How long the called end waits for the other way that the caller may have chosen: above a round trip. */
export const RACE_LINGER_MS: number = 1 * second;
/** Between two dials of one host at which nobody has answered: a second, and what a busy machine is late with a SYN (T8); how long an answer counts; hosts that are remembered. */
export const DIAL_PACE_MS: number = 1.2 * second;
export const DIAL_PROVED_MS: number = 10 * minute;
export const DIAL_HOSTS_REMEMBERED_MAX = 4096;

// Leaving the network.

/** When nobody says how long it may take: 100 GiB at 4 MB/s. */
export const LEAVE_WITHIN_MS: number = 8 * hour;
/** A leave that has not ended after a month is none. */
export const LEAVE_WITHIN_MS_MAX: number = 30 * day;
/** How often a leave that goes on after a restart offers what nobody took, and the pause between: the table of a new node fills within seconds. */
export const LEAVE_RESUMES_MAX = 6;
export const LEAVE_RESUME_PAUSE_MS: number = 5 * second;
/** Of the time that there is, kept for the records and for telling the neighbours: they are small, and many. */
export const LEAVE_RECORDS_SHARE = 0.2;
// Values by key (docs/spec/values.md).

/** UTF-8 bytes of a key: long enough for a path or a URL; it goes through command lines and lists. */
export const VALUE_KEY_BYTES_MAX = 1024;
/** A longer key stands in the envelope as its hash, so that half of the record is left for the value. */
export const VALUE_KEY_TEXT_BYTES_MAX = 128;
/** Shorter pieces would be more names than content: a hash alone has 32 bytes. */
export const VALUE_PIECE_BYTES_MIN = 64;
/** Longest value that is kept as pieces in the hash table; each piece costs its publisher a lookup and 20 stores a day. */
export const VALUE_PIECES_BYTES_MAX: number = 64 * KiB;
/** Pieces of one value: 64 KiB in pieces of 64 bytes. Bounds what a hostile record can make a reader fetch. */
export const VALUE_PIECES_MAX = 1024;
/** Pieces that are stored, or fetched, at one time. */
export const VALUE_PIECES_AT_ONCE = 8;
/** A value that is kept as a file: 256 segments of 16 MiB. What names its shards must fit in pieces itself. */
export const VALUE_FILE_BYTES_MAX: number = 4 * GiB;
/** What names 256 segments on 50 hosts each, with keys and salts, has 420 KiB. */
export const VALUE_CAPABILITY_BYTES_MAX: number = 512 * KiB;
/** What `get` hands out in one go, and may hold in memory; longer ones are streamed. */
export const VALUE_WHOLE_BYTES_MAX: number = 16 * MiB;
/** JSON values nest no deeper, and have no more parts: parsing one from a stranger takes less than a second. */
export const VALUE_JSON_DEPTH_MAX = 64;
export const VALUE_JSON_VALUES_MAX = 1_000_000;
/** A time to live: less than a second is over before the value is stored, ten years are for ever. */
export const VALUE_TTL_MIN_MS: number = 1 * second;
export const VALUE_TTL_MAX_MS: number = 3650 * day;
/** Values that one participant keeps in the network, and pieces of them: each is published again every 22 h, 500 in a round of 5 minutes. */
export const VALUES_MAX = 8192;
export const VALUE_PIECES_KEPT_MAX = 32_768;
/** Values of the local store, and their bytes: a table for programs, not a second file system. */
export const LOCAL_VALUES_MAX = 65_536;
export const LOCAL_VALUES_BYTES_MAX: number = 16 * GiB;
/** A longer local value lies in a file of its own, so that the table stays quick. */
export const LOCAL_VALUE_ROW_BYTES_MAX: number = 64 * KiB;
/** A deleted key is remembered for as long as any copy of its value can live, 48 h at each of two storers. */
export const VALUE_TOMBSTONE_KEPT_MS: number = 96 * hour;
/** What was let go is let go once more after a crash within this: the KadNode saves its state every 5 minutes. */
export const VALUE_RELEASE_KEPT_MS: number = 1 * hour;
/** How long reading one value by its record may take, its bytes not counted; a lookup ends within 20 s. */
export const VALUE_RECORD_WAIT_MS: number = 45 * second;
/** One piece: two lookups, for a network that has just changed. */
export const VALUE_PIECE_WAIT_MS: number = 45 * second;
/** Publishing one record or piece: a lookup and its stores. */
export const VALUE_PUBLISH_WAIT_MS: number = 60 * second;
/** Records that a start finds missing in the KadNode are published again in runs, so that a start stays light. */
export const VALUE_RESTORE_PAUSE_MS = 20;
/** Work of before a crash that could not be finished, and expiries that failed, are tried again after this. */
export const VALUE_KEEPER_AGAIN_MS: number = 30 * second;
/** A timer may not be longer than 24 days in Node; expiries are looked for at least so often. */
export const VALUE_KEEPER_WAIT_MAX_MS: number = 1 * hour;
/** Chunks in which values from files are read and streamed. */
export const VALUE_CHUNK_BYTES: number = 64 * KiB;

// Storage over HTTP (docs/spec/http-gateway.md).

/** Of one daemon, each with connections of its own. */
export const GATEWAYS_MAX = 4;
/** Those without a request in work give way when all are taken (T14). */
export const GATEWAY_CONNECTIONS_MAX = 256;
/** Beyond those, connections that are told that the gateway is busy. */
export const GATEWAY_CONNECTIONS_SPARE = 32;
/** Of one host outside private ranges: a client uses a few at once (T14). */
export const GATEWAY_CONNECTIONS_PER_HOST_MAX = 8;
/** A key has at most 3 KiB in percent signs, and a token 4. */
export const GATEWAY_HEADER_BYTES_MAX: number = 16 * KiB;
export const GATEWAY_HEADERS_TIMEOUT_MS: number = 5 * second;
export const GATEWAY_SWEEP_INTERVAL_MS: number = 1 * second;
/** A connection on which nothing is asked: the next command of a script comes sooner. */
export const GATEWAY_KEEP_ALIVE_MS: number = 5 * second;
/** A body that comes more slowly is given up: over 30 s of waiting, below 4 KiB/s (T14). */
export const GATEWAY_PACE_WINDOW_MS: number = 30 * second;
export const GATEWAY_PACE_BYTES_PER_S: number = 4 * KiB;
/** A reader that has not taken 64 KiB for so long is gone. A player that paused asks on with a range. */
export const GATEWAY_READER_STALL_MS: number = 60 * second;
/** Requests in work at once, of all connections. */
export const GATEWAY_REQUESTS_MAX = 64;
/** Files that are stored or read at once: each may hold 96 MiB of segments and its size on the disk. */
export const GATEWAY_TRANSFERS_MAX = 8;
/** What a manifest can describe: 4,096 segments of 64 MiB. The disk usually says no before. */
export const GATEWAY_FILE_BYTES_MAX: number = 256 * GiB;
/** Bodies that are held in memory: JSON values, and values by their hash (T13). 64 requests may hold as many. */
export const GATEWAY_WHOLE_BYTES_MAX: number = 1 * MiB;
/** What is still taken of a body that was refused, so that the client reads why instead of a reset connection. */
export const GATEWAY_LINGER_MS: number = 1 * second;
export const GATEWAY_LINGER_BYTES_MAX: number = 1 * MiB;
/** Values in one answer to a list; the next ones with `after`. */
export const GATEWAY_LIST_MAX = 1000;
/** 128 bits at 6 bits a character, and what still fits a header line. */
export const GATEWAY_TOKEN_CHARS_MIN = 22;
export const GATEWAY_TOKEN_CHARS_MAX = 4096;
