// pure: limits of the shell, each with its reason.
import { KiB, minute, second } from '@batchain/shared';

/** Two paths of 4,096 bytes and a verb; longer is no command but a file sent by mistake. */
export const LINE_BYTES_MAX: number = 16 * KiB;
/** No verb takes more than three. */
export const WORDS_MAX = 16;
/** Of a word that is no verb, in answers. */
export const VERB_SHOWN_MAX = 32;
/** Lines that were typed or pasted ahead while a verb runs; a terminal holds no more. */
export const LINES_AHEAD_MAX = 256;
/** Lines of history; a screen of them is what anybody looks back on. */
export const HISTORY_LINES_MAX = 500;
/** Of one line in the history file. */
export const HISTORY_LINE_CHARS_MAX = 512;
/** Names of a folder that are looked at for completion: a person waits for it. */
export const NAMES_LISTED_MAX = 2000;
/** Ports of one `FN`: each is asked, and a home network has one or a few. */
export const PORTS_MAX = 256;
/** Addresses of one `JN`. */
export const JOINS_MAX = 8;
/** Of `TEST`: sixteen pieces of 256 bytes. */
export const TEST_BYTES: number = 4 * KiB;
/** They go through the local API in one body. */
export const TEST_BYTES_MAX: number = 512 * KiB;
/** What `R` shows of a value; all of it goes into a file. */
export const SHOWN_BYTES_MAX: number = 2 * KiB;
/** Keys that this shell wrote or read, for completion and for short forms. */
export const KEYS_KEPT_MAX = 256;
/** Fewer digits would fit too many keys by chance. */
export const PREFIX_DIGITS_MIN = 4;

/** A verb that takes longer is stuck: a lookup ends within 4 s, a write of 4,096 pieces within 30 s. */
export const VERB_TIMEOUT_MS: number = 1 * minute;
/** Each node of `MM` takes about a second to start. */
export const MULTI_TIMEOUT_MS: number = 2 * minute;
/** `LN` moves what the node holds, and lists what it could not move by then. */
export const LEAVE_WITHIN_MS: number = 9 * minute;
export const LEAVE_TIMEOUT_MS: number = 10 * minute;
/** Of the node that the shell has for itself; it joins for at most 8 s. */
export const OWN_NODE_START_MS: number = 30 * second;
/** Of connecting to a listener of this computer. */
export const LISTENER_CHECK_MS: number = 2 * second;
