// pure: limits that both wires share, each with its reason.
import { KiB } from './units.ts';

/** A UDP payload that crosses any path of 1,280-byte MTU (IPv6 minimum) whole. */
export const DATAGRAM_BYTES_MAX = 1200;
/** 256 KiB of payload plus a frame header; large enough for speed, small enough to share a connection (T14). */
export const CONNECTION_MESSAGE_BYTES_MAX: number = 257 * KiB;
/** Deepest nesting of any CBOR message or record; ours use at most 6. */
export const CODEC_DEPTH_MAX = 8;
/** Contact record on the wire, so that two fit beside a signature in a datagram. */
export const CONTACT_RECORD_BYTES_MAX = 512;
/** Values stored in the DHT; larger ones go through BatNodes. */
export const VALUE_BYTES_MAX = 896;
