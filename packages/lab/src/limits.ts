// pure: every limit of the laboratory, each with its reason.
import { KiB, MiB, minute, second } from '@batchain/shared';

/** `net_size` of BitDrizzle (BD-12, BD-32). */
export const LAB_NODES_DEFAULT = 2;
/** A process takes about 90 MB and a tenth of a second of processor time a minute; more belong into the simulation. */
export const LAB_PROCESSES_MAX = 64;
/** About 1 MB each, and one processor for all of them. */
export const LAB_SIMULATED_MAX = 1000;
/** A start is a second of processor time: more at once would only wait for one another and miss their deadlines. */
export const STARTS_IN_FLIGHT_MAX = 4;
/** Who is asked while a node joins: one would be a single point of failure, all of them would be a crowd. */
export const JOIN_THROUGH_MAX = 3;
/** Joining takes 8 s when an address is silent; the rest is for a busy machine. */
export const NODE_READY_TIMEOUT_MS: number = 1 * minute;
/** Ports are free when they are chosen, and may be taken a moment later. */
export const START_TRIES_MAX = 3;
/** Who starts last is known to all within this time. */
export const MEET_TIMEOUT_MS: number = 15 * second;
/** That many peers known is joined. */
export const MEET_PEERS_MIN = 3;
/** Small: a laboratory is for behaviour, not for bytes. */
export const LAB_OFFER_BYTES: number = 256 * MiB;
/** A node that ends in good order takes a second; then it is killed. */
export const NODE_STOP_TIMEOUT_MS: number = 10 * second;
/** Of one question to a node: the control socket answers at once. */
export const NODE_ANSWER_TIMEOUT_MS: number = 5 * second;
/** Questions to nodes at the same time. */
export const QUESTIONS_IN_FLIGHT_MAX = 16;
/** How often a node looks whether `lab.json` is new: a fault takes hold before a person has read that it does. */
export const FOLLOW_INTERVAL_MS = 100;
/** All nodes have looked by then, on a busy machine too. */
export const FOLLOW_TIMEOUT_MS: number = 10 * second;
/** How often it is looked whether something has come about. */
export const POLL_MS = 50;
/** 64 nodes take a third of it. */
export const LAB_FILE_BYTES_MAX: number = 64 * KiB;
/** More than any path that is worth a lesson. */
export const DELAY_MS_MAX: number = 10 * second;
/** Above it nothing is found any more. */
export const LOSS_PERCENT_MAX = 90;
/** Groups of one partition. */
export const GROUPS_MAX = 16;
/** Datagrams that wait for their time on a delayed path: what 64 nodes send in ten seconds; more are dropped. */
export const DATAGRAMS_HELD_MAX = 4096;
/** A connection's bytes that wait for their time; who sends waits above it. */
export const HELD_HIGH_BYTES: number = 1 * MiB;
export const HELD_LOW_BYTES: number = 256 * KiB;
/** TCP sends a lost segment again after this time at least (RFC 6298: the clock granularity of Linux). */
export const RETRANSMIT_MS = 200;
/** Each waits twice as long as the one before: half a minute in all. */
export const RETRANSMISSIONS_MAX = 6;
/** Handshakes of TCP and TLS 1.3 before the first byte: that many round trips. */
export const HANDSHAKE_ROUND_TRIPS = 2;
/** Nothing of a laboratory of processes leaves it. */
export const LOOPBACK = '127.0.0.1';
