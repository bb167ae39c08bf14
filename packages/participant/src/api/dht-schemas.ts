// pure: bodies and results of the local API about the network hash table: its size, nodes near an id, a ping, the routing table, a lookup's hops.
import { z } from 'zod';
import { count, durationMs, id, isoTime } from './schema-parts.ts';

/** An id whole, or the beginning of the id of a node known here; in either case. */
export const ID_TEXT: RegExp = /^[0-9a-fA-F]{1,64}$/;
const idText = z.string().regex(ID_TEXT, 'expected up to 64 hex digits');

export const DHT_FIND_COUNT_MAX = 64;

export const dhtFindBody = z.strictObject({ id: idText, count: z.number().int().min(1).max(DHT_FIND_COUNT_MAX).optional() });
export type DhtFindBody = z.infer<typeof dhtFindBody>;

/** `to`: HOST:PORT, or an id of a node. */
export const dhtPingBody = z.strictObject({ to: z.string().min(1).max(300) });
export type DhtPingBody = z.infer<typeof dhtPingBody>;

export const dhtTraceBody = z.strictObject({ id: idText });
export type DhtTraceBody = z.infer<typeof dhtTraceBody>;

/** XOR distance: leading bits that both ids share, and the power of two at or below it; null when both are the same. */
export const distanceView = z.object({ sharedBits: z.number().int().min(0).max(256), log2: z.number().int().min(0).max(255).nullable() });
export type DistanceView = z.infer<typeof distanceView>;

const rttMs = durationMs.nullable();

export const dhtSizeResult = z.object({
  /** Nodes, this one included. */
  estimate: count,
  /** One standard deviation, in nodes; 0 when all are counted. */
  error: count,
  /** `alone`: nobody else is known. `counted`: so few that all are known. `density`: judged from how densely ids lie. */
  basis: z.enum(['alone', 'counted', 'density']),
  /** In the routing table. */
  contacts: count,
  /** Messages sent for this answer. */
  requests: count,
  durationMs,
});
export type DhtSizeResult = z.infer<typeof dhtSizeResult>;

export const dhtContact = z.object({ nodeId: id, kad: z.string(), distance: distanceView, rttMs });
export type DhtContact = z.infer<typeof dhtContact>;

export const dhtFindResult = z.object({
  target: id,
  /** Nearest first; the own node is not among them. */
  contacts: z.array(dhtContact),
  /** How far this node itself is from the target. */
  own: z.object({ nodeId: id, distance: distanceView }),
  requests: count,
  durationMs,
  /** False when the time was up before the nearest had answered. */
  isComplete: z.boolean(),
});
export type DhtFindResult = z.infer<typeof dhtFindResult>;

export const dhtPingResult = z.object({
  nodeId: id,
  kad: z.string(),
  rttMs: durationMs,
  /** Our address as that node sees it. */
  observed: z.string(),
});
export type DhtPingResult = z.infer<typeof dhtPingResult>;

export const dhtTableContact = dhtContact.extend({
  /** The k-bucket that it is in: how many leading bits its id shares with ours. */
  bucket: count,
  lastSeen: isoTime,
  /** Unanswered requests since its last answer. */
  failures: count,
});
export type DhtTableContact = z.infer<typeof dhtTableContact>;

export const dhtRoutesResult = z.object({
  nodeId: id,
  bucketSize: count,
  /** Those that are not empty. */
  buckets: z.array(z.object({ index: count, contacts: count, replacements: count, lastLookup: isoTime })),
  /** By bucket, in each the longest known first. */
  contacts: z.array(dhtTableContact),
  /** The next ids in the order of ids, which is a ring; null when nobody is known. */
  above: dhtTableContact.nullable(),
  below: dhtTableContact.nullable(),
});
export type DhtRoutesResult = z.infer<typeof dhtRoutesResult>;

/** What a node keeps under a key: `provider` for the file of that id, `contact` for the node, else a value. */
export const HELD_KINDS = ['immutable', 'mutable', 'provider', 'contact'] as const;
const held = z.array(z.enum(HELD_KINDS));

export const dhtHop = z.object({
  /** From 1, in the order of answers. */
  hop: count,
  nodeId: id,
  kad: z.string(),
  /** Steps from our own routing table. */
  depth: count,
  distance: distanceView,
  /** When its answer was there, or was given up, after the start. */
  atMs: durationMs,
  rttMs,
  /** `ok`, or why there was no answer. */
  outcome: z.string(),
  /** Nodes that it named, and how many of them are nearer to the target than itself. */
  named: count,
  nearer: count,
  /** Checked; null when it was not asked or did not answer. */
  holds: held.nullable(),
  /** Among the nearest at the end: where a value of this key belongs. */
  isResponsible: z.boolean(),
});
export type DhtHop = z.infer<typeof dhtHop>;

export const dhtTraceResult = z.object({
  target: id,
  hops: z.array(dhtHop),
  /** The nodes that a value of this key belongs to, nearest first; this one too when it is one of them. */
  responsible: z.array(dhtContact),
  own: z.object({ nodeId: id, distance: distanceView, holds: held, isResponsible: z.boolean() }),
  requests: count,
  durationMs,
  isComplete: z.boolean(),
});
export type DhtTraceResult = z.infer<typeof dhtTraceResult>;
