// pure: bodies and results of the local API about getting into a network: who is there, and joining through them.
import { z } from 'zod';
import { count, durationMs, id } from './schema-parts.ts';

export const JOIN_ADDRESSES_MAX = 64;
/** Ports of one search: a class-room's machine has hundreds, a search of all 65,535 is a scan (T6, T8). */
export const FIND_PORTS_MAX = 1024;

const port = z.number().int().min(1).max(65_535);

/** Kad addresses, HOST:PORT; names are looked up. */
export const joinBody = z.strictObject({ addresses: z.array(z.string().min(1).max(300)).min(1).max(JOIN_ADDRESSES_MAX) });
export type JoinBody = z.infer<typeof joinBody>;

export const networkJoinResult = z.object({
  joined: z.boolean(),
  /** In the routing table now. */
  contacts: count,
  /** One per address given: who answered there, or why nobody did. */
  addresses: z.array(z.object({ address: z.string(), nodeId: id.nullable(), rttMs: durationMs.nullable(), reason: z.string().nullable() })),
});
export type NetworkJoinResult = z.infer<typeof networkJoinResult>;

/**
 * With `host` or `ports` they are asked: of `host` port 4870, of `ports` this machine, unless said. With neither the members that are
 * known and those on the local network.
 */
export const networkFindBody = z.strictObject({
  host: z.string().min(1).max(253).optional(),
  ports: z
    .strictObject({ from: port, to: port })
    .refine(({ from, to }) => from <= to, 'the first port is above the last')
    .refine(({ from, to }) => to - from < FIND_PORTS_MAX, `at most ${FIND_PORTS_MAX} ports`)
    .optional(),
  /** Ends with what was found by then; 20 s by default. */
  withinMs: z.number().int().min(1).max(600_000).optional(),
});
export type NetworkFindBody = z.infer<typeof networkFindBody>;

export const foundParticipant = z.object({
  kad: z.string(),
  /** Null for a participant of another network: it does not say who it is. */
  nodeId: id.nullable(),
  isOurNetwork: z.boolean(),
  foundBy: z.enum(['host', 'ports', 'lan', 'known']),
  rttMs: durationMs.nullable(),
});
export type FoundParticipant = z.infer<typeof foundParticipant>;

export const networkFindResult = z.object({
  /** Each participant once; those of our network first, the quickest first. */
  found: z.array(foundParticipant),
  /** Addresses that were asked, and how many of them did not answer. */
  asked: count,
  silent: count,
  /** False when the time was up before all were asked. */
  isComplete: z.boolean(),
});
export type NetworkFindResult = z.infer<typeof networkFindResult>;
