// pure: limits and times of the kad node, each with its reason; docs/spec/kad-wire.md lists those that show on the wire.
import { DATAGRAM_BYTES_MAX, hour, KiB, MiB, minute, second, VALUE_BYTES_MAX } from '@batchain/shared';

// Wire: what one datagram may hold.

/** Sixteen IPv6 contacts are 832 bytes and fit in a WELCOME beside its signature; twenty would not. */
export const CONTACTS_PER_REPLY_MAX = 16;
/** The smallest signed record is above 100 bytes, so a datagram never holds more. */
export const RECORDS_PER_MESSAGE_MAX = 12;
/** Bounds what a single key can make an asker fetch: 1,024 pages of about 1 KB. */
export const PAGES_MAX = 1024;
/** An error's text is for people who debug; it must not be a channel for data. */
export const ERROR_DETAIL_LENGTH_MAX = 120;
/** A mutable value of 896 bytes with key, name, sequence and signature is 1,049; with its STORE and our proof it still fits. */
export const RECORD_BYTES_MAX: number = VALUE_BYTES_MAX + 176;
/** More versions than this are not alive at the same time. */
export const VERSIONS_MAX = 8;
/** A HELLO is as long as the longest datagram, so that no WELCOME can be longer (T6). */
export const HELLO_BYTES: number = DATAGRAM_BYTES_MAX;

// Sessions.

/** About 1 KB each: 4 MB. Larger than a full routing table with its replacement lists. */
export const SESSIONS_MAX = 4096;
/** Sessions whose asker has not yet shown that it gets our datagrams: the part that spoofed HELLOs can fill. */
export const HALF_OPEN_SESSIONS_MAX = 1024;
/** Simultaneous HELLOs leave one each way, a restart of the peer a third. */
export const SESSIONS_PER_ADDRESS_MAX = 3;
/** Longer than the 10 minutes between two refreshes, so that a table's contacts keep their sessions. */
export const SESSION_IDLE_MS: number = 15 * minute;
/** The asker lets go earlier than the answerer, which spares most NO_SESSION rounds. */
export const SESSION_IDLE_MARGIN_MS: number = 1 * minute;
/** New keys a few times a day cost nothing. */
export const SESSION_AGE_MAX_MS: number = 6 * hour;
/** One ephemeral key serves all first exchanges of this time: drawing one costs as much as four signatures. */
export const EPHEMERAL_KEY_MS: number = 1 * minute;
/** An expected id that differs from the session's is refused without a new HELLO when the peer was heard this lately. */
export const SESSION_FRESH_MS: number = 1 * minute;
/** First exchanges under way; each is there for a request that waits or waited. */
export const OPENINGS_MAX = 1024;
/** A forged WELCOME costs a signature check; the true one may still come. */
export const BAD_WELCOMES_MAX = 3;
/** One CHALLENGE is normal, a second one follows when the cookie's secret rotated meanwhile. */
export const CHALLENGES_PER_HELLO_MAX = 2;

// Requests.

/** Several lookups at concurrency 10 with publish rounds; each holds a timer and at most 1.2 KB. */
export const PENDING_REQUESTS_MAX = 1024;
/** Requests that wait for one and the same first exchange. */
export const WAITING_PER_HELLO_MAX = 64;
/** Answers to requests with effects, kept for retries that cross the answer. Small: outcomes only. */
export const REPLY_CACHE_MAX = 256;
/** Longer than the three tries of one request at 2 s. */
export const REPLY_CACHE_MS: number = 15 * second;

export const RPC_TRIES = 3;
export const RPC_TIMEOUT_MIN_MS = 200;
export const RPC_TIMEOUT_MAX_MS: number = 2 * second;
/** Before anything was measured; then the average of all contacts stands in for an unknown one. */
export const RPC_TIMEOUT_START_MS = 500;
export const RTT_ENTRIES_MAX = 4096;

// Floods (T6, T7).

/** Datagrams per second and IP address outside sessions; private and loopback ranges are exempt. */
export const SOURCE_PACKETS_PER_S = 20;
export const SOURCE_PACKETS_BURST = 50;
/** Datagrams per second inside one session. */
export const SESSION_PACKETS_PER_S = 200;
export const SESSION_PACKETS_BURST = 400;
/** Sources remembered by the limiter; the longest silent one is forgotten first. */
export const SOURCES_MAX = 4096;
/** Signature checks per second on behalf of others: about a third of one core. */
export const SIGNATURES_PER_S = 2000;
/** What answering a HELLO and checking a proof count: a signature with a key agreement, and one check. */
export const WELCOME_SIGNATURES = 2;
export const PROOF_SIGNATURES = 1;
/** The part of them that only askers with a valid cookie may use. */
export const SIGNATURES_RESERVED = 500;
/** HELLOs read per second, whoever sends: checking and challenging one takes 50 us, so a flood takes half a core at most. */
export const HELLOS_PER_S = 8000;
/** NO_SESSIONs per second and address, and in all. */
export const NO_SESSION_PER_S = 1;
export const NO_SESSIONS_PER_S = 1000;
export const NO_SESSION_SOURCES_MAX = 1024;
/** HELLOs to an address that has not answered one: the tries of one request, then one every 2 s, so never more than 3 in a second. */
export const FIRST_PACKETS_BURST = 3;
export const FIRST_PACKETS_PER_S = 0.5;
/** All addresses of one IP off private ranges (IPv6: /64) at which nobody has answered: no more than one of them, and 3 in any second (T8). */
export const FIRST_PACKETS_PER_STRANGE_IP_BURST = 3;
export const FIRST_PACKETS_PER_STRANGE_IP_PER_S = 1;
/** Once somebody has: 8 nodes there are met at once. */
export const FIRST_PACKETS_PER_IP_BURST = 24;
export const FIRST_PACKETS_PER_IP_PER_S = 3;
/** How long that counts: as long as a session rests. The IP may be somebody else's later. */
export const IP_PROVED_MS: number = 15 * minute;
/** Addresses, and IPs, that are remembered as not having answered. */
export const FIRST_PACKET_TARGETS_MAX = 4096;

/** Cookies are checked with the secret of this and of the previous period: valid for 5 to 10 minutes (T6). */
export const TOKEN_PERIOD_MS: number = 5 * minute;

// What nodes tell one another about their reach (T6, T8).

/** Dial-backs for one asker: the three kinds and a forwarded port at once, then one in 10 s. */
export const DIAL_BACKS_PER_ASKER_BURST = 4;
export const DIAL_BACKS_PER_ASKER_PER_S = 0.1;
/** Under way at the same time, each with a socket or a dial. */
export const DIAL_BACKS_RUNNING_MAX = 8;
/** Probe datagrams of 10 bytes to one IP: never more than 3 in any second, whoever asks for them. */
export const PROBES_PER_IP_BURST = 3;
export const PROBES_PER_IP_PER_S = 1;
/** Dials to one IP. */
export const DIALS_PER_IP_PER_S = 1;
/** Probes sent because one node asks, and to one IP because other nodes ask: they alone vouch for that address. */
export const PROBES_PER_REQUESTER_PER_S = 1;
export const PROBES_FOR_OTHERS_PER_IP_PER_S = 0.1;
/** Askers and IPs whose allowance is remembered. */
export const DIAL_BACK_PARTIES_MAX = 1024;
/** A probe is sent again after this time: one lost datagram must not look like a filter. */
export const PROBE_REPEAT_MS = 250;
/** How long the socket that probes came from takes an answer. */
export const PROBE_SOCKET_MS: number = 4 * second;
/** How long a dial to a bat port may take: within what its asker waits. */
export const DIAL_BACK_MS: number = 4 * second;
/** Nodes that are asked one after the other to play the stranger. */
export const PROBE_HELPERS_MAX = 2;
/** Peers that one check asks; the most of them decide, so one liar decides nothing. */
export const CHECK_PEERS_MAX = 3;
/** One check in all. */
export const CHECK_DEADLINE_MS: number = 5 * second;
/** What was sent and has not come after this time does not get through. */
export const PROBE_GRACE_MS: number = 1 * second;

// Transport.

/** Receive and send buffer of the UDP socket: no loss on loopback at 70,000 datagrams per second. */
export const UDP_BUFFER_BYTES: number = 4 * MiB;

/** Bytes per second by which all STUN answers together may exceed their requests (ADR 0004). */
export const STUN_EXCESS_BYTES_PER_S = 1200;

// Records that we keep for others (T15).

/** Record bytes and RECORD_OVERHEAD_BYTES each, in all. */
export const RECORD_STORE_BYTES_MAX: number = 64 * MiB;
/** What a stored record costs in memory beside its bytes: map entries, key text, object. */
export const RECORD_OVERHEAD_BYTES = 256;
/** Above this part of RECORD_STORE_BYTES_MAX no publisher may hold more than RECORD_PUBLISHER_SHARE_MAX of it. */
export const RECORD_STORE_HIGH_WATER = 0.8;
export const RECORD_PUBLISHER_SHARE_MAX: number = 1 / 8;
/** Twice the largest n of an erasure code (256): a file's hosts, and as many that were replaced. */
export const RECORDS_PER_KEY_MAX = 512;
/** How many stored records a granted one looks at for one without a grant to replace. */
export const RECORD_EVICTION_SCAN_MAX = 64;
/** Contact records of hosts that a find-hosts answer chooses from: it looks at all of them. Those nearest to us stay. */
export const HOST_RECORDS_MAX = 4096;
/** Of those, stored from one network off private ranges: as many as a routing table takes (T4). */
export const HOSTS_PER_GROUP_MAX = 10;
/** Longest lifetime of a record, and how long a withdrawal is kept: as long as any older copy can live. */
export const RECORD_LIFETIME_MAX_MS: number = 48 * hour;
/** Shorter lives are not worth the datagrams: a value is published again twice within its life. */
export const VALUE_LIFETIME_MIN_MS: number = 1 * hour;
/** A record whose sequence is a wall-clock time further back than this is refused: lifetime and 48 h of clock error (T19). */
export const RECORD_SEQUENCE_AGE_MAX_MS: number = 96 * hour;
/** A version of a value, its deletion too, is kept until older ones are refused for their sequence, so as long: who kept one can give it any age (T19). */
export const MUTABLE_KEPT_MS: number = 96 * hour;
/** Six provider records with grants fit one STORE. */
export const PROVIDER_RECORD_BYTES_MAX = 320;
export const GRANT_BYTES_MAX = 144;
export const VALUE_NAME_BYTES_MAX = 32;

// Records that we hand on.

/** The nearest nodes that hand a record to a newcomer: one may be dead and one a liar. */
export const HANDOVER_GIVERS = 3;
/** Nodes that came, and that went, between two hand-overs; what is beyond them is left to replication. */
export const HANDOVER_CHANGES_MAX = 64;
/** Records for one node in one hand-over; the rest is left to replication. */
export const HANDOVER_RECORDS_MAX = 4096;
/** Nodes that are handed records at the same time. */
export const HANDOVERS_IN_FLIGHT_MAX = 4;
/** All that we hand over or store again, in bytes: a flood of newcomers gets no more of our uplink than this (T7). */
export const HANDOVER_BYTES_PER_S: number = 128 * KiB;
export const HANDOVER_BYTES_BURST: number = 1 * MiB;
/** What one newcomer (off private ranges: one IP) gets at once, and per second after that: 8 MiB an hour, for one that keeps coming and going. */
export const HANDOVER_PARTY_BYTES_BURST: number = 8 * MiB;
export const HANDOVER_PARTY_BYTES_PER_S: number = (8 * MiB) / 3600;
export const HANDOVER_PARTIES_MAX = 1024;
/** Kept records that are looked at in one go, 2 to 5 ms, before others have their turn. */
export const RECORDS_LOOKED_AT_ONCE = 500;

// Leaving.

/** How long handing over may take when the caller does not say: a thousand records take seconds. */
export const LEAVE_DEADLINE_MS: number = 10 * minute;
/** Telling the neighbours, when there is no time for more: the three tries of one request. */
export const LEAVE_EMERGENCY_MS: number = 4 * second;
/** Contacts that are told, nearest first; a table has seldom more. The others notice by themselves. */
export const LEAVE_TOLD_MAX = 256;
export const LEAVE_TELLS_IN_FLIGHT_MAX = 32;
/** Records handed over between two reports of progress, and nodes that they go to at the same time. */
export const LEAVE_BATCH = 200;
export const LEAVE_HANDOVERS_IN_FLIGHT_MAX = 16;
/** Nodes that are given each: the two that are nearest, which see to the others, and the one that steps up for us. */
export const LEAVE_RECEIVERS = 3;
/** How often it is tried, each time with those who are known then. */
export const LEAVE_TRIES = 2;
/** Records that a result names one by one; of the others it tells how many there are. */
export const LEFT_LISTED_MAX = 1000;

// State on disk.

/** Rows per part: 256 of the longest rows (1.1 KB) are below STATE_PART_BYTES_MAX, and cost a few milliseconds at most. */
export const STATE_ROWS_MAX = 256;
export const STATE_PART_BYTES_MAX: number = 512 * KiB;
/** New contacts are saved this long after the first of them, so that those of one join are one write. */
export const SAVE_SOON_MS: number = 2 * second;

// Lookups.

/** Candidates one lookup keeps: a dozen answers' worth of unasked ones, or four times what is wanted when that is more. */
export const CANDIDATES_MAX = 192;
export const CANDIDATES_PER_WANTED = 4;
/** Addresses tried for one id when nodes differ about where it is. */
export const CANDIDATE_ADDRESSES_MAX = 3;
/** Nodes that are remembered as having named one candidate: enough that hardly ever all are liars. */
export const CANDIDATE_SOURCES_MAX = 8;
/** A node that named so many dead ids, and more dead than living ones, is not believed any more. */
export const DISCREDITED_AFTER_FAILURES = 4;
/** Lookups that wait for their turn; beyond that they are refused. */
export const LOOKUPS_WAITING_MAX = 10_000;
/** Names that one node gives to one address: a restart under a new key leaves two for a while, more are made up (T3). */
export const NAMES_PER_ADDRESS_MAX = 3;
/** Addresses of one public IP that a lookup waits for or has found silent: it tries no others there that were only named (T6). */
export const SILENT_PER_IP_MAX = 4;
/** Nearest nodes that an answer can name over all its pages: what a search for hosts asks for. */
export const CLOSEST_MAX = 64;
/** Pages that an honest answer can have: contacts alone; */
export const CONTACT_PAGES_MAX: number = CLOSEST_MAX / CONTACTS_PER_REPLY_MAX;
/** with the longest contact records of as many hosts and the answerer's own, two a page behind the contacts; */
export const HOST_PAGES_MAX: number = CONTACT_PAGES_MAX + Math.ceil((CLOSEST_MAX + 1) / 2);
/** with the longest provider records, each beside its host's contact record; */
export const PROVIDER_PAGES_MAX: number = 1 + RECORDS_PER_KEY_MAX;
/** with one record that does not fit beside contacts. */
export const VALUE_PAGES_MAX = 2;
/** Mutable values of which the newest sequence seen is remembered. */
export const NEWEST_VERSIONS_MAX = 4096;
/** Nodes whose further pages one lookup reads at the same time, and in all while they give something new. */
export const PAGE_SOURCES_MAX = 3;
/** A key's region is where twice as many nodes are expected as keep a record: room for the error of the estimate (T5). */
export const REGION_WIDENING = 2;
/** Nodes that lie this many standard deviations denser or sparser than expected are suspicious: by chance that is one lookup in a hundred or two. */
export const DENSITY_DEVIATIONS_MAX = 3;
/** Answers of which more than this part leave out or invent neighbours contradict one another; a newcomer's does by ignorance. */
export const DISSENT_RATIO_MAX = 0.25;
/** Nodes that an answer must have had to name before what it left out is held against it. */
export const DISSENT_DUE_MIN = 4;
/** Records that fewer of the nearest nodes than this part hold were lost, or are being hidden. */
export const HOLDERS_RATIO_MIN = 0.25;
/** Table contacts dealt to one disjoint path to begin with. */
export const PATH_SEEDS_MAX = 20;
/** Requests that one path has in flight: all four together twice as many as a lookup without. */
export const PATH_IN_FLIGHT_MAX = 5;
/** Records of one lookup whose signature is checked; honest ones are one per host. */
export const LOOKUP_RECORDS_MAX = 1024;
/** Full buckets whose silent contact is being pinged to make room. */
export const QUESTIONABLE_PINGS_MAX = 16;
/** Density samples of finished lookups behind the size estimate, one per key; older ones tell of another network. */
export const DENSITY_SAMPLES_MAX = 64;
export const DENSITY_SAMPLE_AGE_MS: number = 1 * hour;
/** Lookups that measure the network's size: with 20 nodes each the error is 6 %. */
export const SIZE_LOOKUPS = 16;
/** Peers whose view of our address counts. */
export const ADDRESS_VOTES_MAX = 64;
/** Addresses whose word on our external address is kept, to judge the NAT by: more than half a dozen add nothing. */
export const MAPPING_SAMPLES_MAX = 64;
/** Contacts are heard from every 5 minutes; a word not repeated within two of these may be about a mapping that is gone. */
export const MAPPING_SAMPLE_AGE_MS: number = 10 * minute;
/** The system is asked for our interfaces' addresses this often at most. */
export const OWN_HOSTS_KEPT_MS: number = 1 * second;
/** External ports further apart than this were not counted through: other hosts' connections lie between, but not hundreds. */
export const PORT_DELTA_MAX = 64;
/** UDP is called blocked after so many unanswered requests and so long without an answer: one dead peer is no blocked network. */
export const UDP_BLOCKED_AFTER_SILENCES = 2;
export const UDP_BLOCKED_AFTER_MS: number = 10 * second;
/** Bootstrap addresses kept for joining again. */
export const BOOTSTRAP_ADDRESSES_MAX = 64;

// Introductions (T8).

/** A signed signal with 8 candidates is about 600 bytes; with an id, and the room for a proof, 900 fit in one datagram. */
export const SIGNAL_BYTES_MAX = 900;
/** INTRODUCEs per requester: 1/s; at once as many as one upload calls hosts at the same time through one broker. */
export const INTRODUCES_PER_S = 1;
export const INTRODUCES_BURST = 8;
/** Signals to one target: a host that many call at once gets these through each of its brokers. */
export const SIGNALS_PER_TARGET_PER_S: number = 10 / 60;
export const SIGNALS_PER_TARGET_BURST = 10;
/** Datagrams that carry signals to one target in any second, repeated ones included. */
export const SIGNAL_DATAGRAMS_PER_S = 3;
/** Signals that wait for their SIGNAL_TAKEN: 64 of 1 KB with a timer each. */
export const SIGNALS_IN_FLIGHT_MAX = 64;
/** Requesters and targets whose allowances are remembered. */
export const SIGNAL_PEERS_MAX = 1024;
/** A target is here when it was heard from so lately: three of its keep-alives. A mapping that was silent for longer is gone. */
export const SIGNAL_TARGET_HEARD_MS: number = 80 * second;
/** Signals that we take of one sender through one broker: what a lying broker sends in its name leaves the other brokers alone. */
export const SIGNALS_TAKEN_PER_SENDER_PER_S = 1;
export const SIGNALS_TAKEN_PER_SENDER_BURST = 8;
/** Through one broker (its IP), whomever it names: an honest one passes on ten at once; several may share a private address. */
export const SIGNALS_TAKEN_PER_BROKER_PER_S = 5;
export const SIGNALS_TAKEN_PER_BROKER_BURST = 20;
/** In all: brokers can make senders up, and each signal costs the ladder a signature check. */
export const SIGNALS_TAKEN_PER_S = 20;
export const SIGNALS_TAKEN_BURST = 40;
/** Brokers, addresses of the target and others that one signal is tried through. */
export const SIGNAL_WAYS_MAX = 10;
/** Of those at one public IP: with three tries each, a way every 700 ms, it gets 3 datagrams a second at most. */
export const SIGNAL_WAYS_PER_IP_MAX = 2;
/** The next way is tried when one has not answered for this long: twice a slow round trip. */
export const SIGNAL_WAY_WAIT_MS = 700;
/** The lookup of the target's record when no known way is left, and all of it: half of what a whole connection may take. */
export const SIGNAL_LOOKUP_MS: number = 4 * second;
export const SIGNAL_DEADLINE_MS: number = 10 * second;

/** As many as a contact record names. */
export const BROKERS_KEPT_MAX = 3;
/** From ping to ping, 20 to 25 s: a Linux router forgets after 30 s what nobody answered. */
export const BROKER_PING_MS: number = 22.5 * second;
export const BROKER_PING_JITTER: number = 1 / 9;
/** Servers are looked at this long after the first new one came, and again when none would serve. */
export const BROKER_SOON_MS: number = 1 * second;
/** Rounds of asking servers whether they would serve, up to 3 in each, per ping round. */
export const BROKER_SEARCH_ROUNDS_MAX = 3;
/** A server that did not serve as a broker is not asked again for this long. */
export const BROKER_ASIDE_MS: number = 1 * minute;
export const BROKERS_ASIDE_MAX = 256;

// Our own records.

/** Files that one host announces and values it keeps alive; choosing which are due looks at all of them, in 20 ms. */
export const OWN_RECORDS_MAX = 100_000;
/** Storers remembered as having our contact record, so that it is not sent with every announcement. */
export const CONTACT_STORERS_MAX = 4096;
/** A storer's publishing reuses a lookup for keys beside its own only when so many of the nodes near both are known. */
export const SHARED_LOOKUP_NODES_MIN = 8;
/** Contacts on the first page of an answer that has records too, so that some records fit beside them. */
export const CONTACTS_BESIDE_RECORDS_MAX = 8;
/** Signature checks per second for records that others store here, apart from those for sessions: a sixth of one core (T7). */
export const STORE_SIGNATURES_PER_S = 1000;
/** Long answers: records looked at per second to lay them out, in all (a tenth of one core) and for one peer (T7). */
export const HEAVY_WORK_PER_S = 40_000;
export const HEAVY_WORK_PER_PEER_PER_S = 10_000;
export const HEAVY_WORK_PEERS_MAX = 1024;
/** Answers of so much work are always given: a file's hosts are seldom more. */
export const LIGHT_WORK_MAX = 32;
/** So many hosts to choose from cost what one record in an answer does. */
export const HOSTS_PER_WORK = 16;
/** Long answers of each kind kept as they were laid out: 64 of 512 records are 4 MB at most. They are laid out anew when their records change. */
export const LAID_ANSWERS_MAX = 64;
/** Contacts in them, and holders' contact records, may be so old. */
export const LAID_ANSWER_MS: number = 2 * second;
