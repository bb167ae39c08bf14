// driven: gives the signed roster to the hosts of an upload and collects the receipts that count.
import { equalBytes, type Runtime } from '@batchain/shared';
import { type SignedRoster, shardIdAt } from '../manifest/manifest.ts';
import type { HeldShard, StorageReceipt } from '../wire/frames.ts';
import { LEASE_MIN_MS } from './full-lease.ts';
import type { HostPeer } from './host-peer.ts';

/** Before a host whose answer broke off is asked again. */
const RETRY_PAUSE_MS = 700;

/** Which host was given which shard of a segment, by index. */
export interface AssignedSegment {
  /** Hex; undefined where nobody took the shard. */
  readonly hosts: readonly (string | undefined)[];
}

/** A host with a full lease, and the shards that it was given and signed for. */
export interface CommittedHost {
  readonly peer: HostPeer;
  readonly leaseUntilMs: number;
  readonly shards: readonly HeldShard[];
}

export interface CommittedUpload {
  readonly hosts: readonly CommittedHost[];
  /** Indexes of a segment that somebody signed for. */
  readonly held: readonly ReadonlySet<number>[];
  /** Fewest shards, each on a host of its own, over all segments. */
  readonly worst: number;
}

/**
 * Asks all hosts at once. What counts is what a host was given and signed for: shards that it claims beside those count for
 * nothing and are released; one that leaves out what it had confirmed before is given up.
 */
export async function commitRoster(
  runtime: Runtime,
  peers: ReadonlyMap<string, HostPeer>,
  segments: readonly AssignedSegment[],
  signed: SignedRoster,
  signal: AbortSignal,
): Promise<CommittedUpload> {
  const given = new Map<string, Set<string>>();
  for (const [segment, { hosts }] of segments.entries()) {
    for (const [index, host] of hosts.entries()) {
      if (host !== undefined) given.set(host, (given.get(host) ?? new Set()).add(`${segment}/${index}`));
    }
  }
  const committed = await Promise.all(
    [...given].map(async ([key, places]) => {
      const peer = peers.get(key);
      return peer === undefined ? undefined : commitAt(runtime, peer, places, signed, signal);
    }),
  );
  signal.throwIfAborted();
  const hosts = committed.filter((host) => host !== undefined);
  const held = segments.map(() => new Set<number>());
  for (const { shards } of hosts) for (const { segment, index } of shards) held[segment]?.add(index);
  return { hosts, held, worst: Math.min(...held.map((indexes) => indexes.size)) };
}

async function commitAt(
  runtime: Runtime,
  peer: HostPeer,
  places: ReadonlySet<string>,
  signed: SignedRoster,
  signal: AbortSignal,
): Promise<CommittedHost | undefined> {
  const receipt = await askReceipt(runtime, peer, signed, signal);
  if (receipt === undefined) return undefined;
  const right = receipt.shards.filter((shard) => isOfRoster(signed, shard));
  const shards = right.filter(({ segment, index }) => places.has(`${segment}/${index}`));
  const strays = right.filter((shard) => !shards.includes(shard));
  if (strays.length > 0) {
    const refs = strays.map(({ segment, index }) => [segment, index] as const);
    await peer.ask(signal, (client) => client.release(signed.roster.fileId, refs, { signal }));
  }
  if (shards.length < places.size) peer.failed('confirmed shards that it does not hold', true);
  return { peer, leaseUntilMs: receipt.leaseUntilMs, shards };
}

/** Undefined when the host gives none that counts, however often it is asked. */
async function askReceipt(
  runtime: Runtime,
  peer: HostPeer,
  signed: SignedRoster,
  signal: AbortSignal,
): Promise<StorageReceipt | undefined> {
  while (peer.isUsable && !signal.aborted) {
    const receipt = await peer.ask(signal, (client) => client.commit(signed, { signal }));
    if (receipt.ok) {
      if (isLongEnough(runtime, receipt.value, signed)) return receipt.value;
      peer.failed('promises too short a lease', true);
    } else if (!signal.aborted) {
      runtime.log.info('bat.upload.commit-failed', { host: peer.key, reason: receipt.reason });
      if (peer.isReached) peer.failed(receipt.reason, !PASSING.has(receipt.reason));
      await runtime.clock.sleep(RETRY_PAUSE_MS, signal).catch(() => undefined);
    }
  }
  return undefined;
}

/** Failures that the next attempt may not meet. */
const PASSING: ReadonlySet<string> = new Set(['timeout', 'closed', 'busy', 'io-error', 'incomplete']);

function isOfRoster({ roster }: SignedRoster, { segment, index, shardId, isDamaged }: HeldShard): boolean {
  const named = roster.segments[segment];
  return named !== undefined && index < roster.scheme.totalShards && !isDamaged && equalBytes(shardIdAt(named, index), shardId);
}

function isLongEnough({ clock }: Runtime, receipt: StorageReceipt, { roster }: SignedRoster): boolean {
  const wantedMs = clock.nowMs() + LEASE_MIN_MS;
  return receipt.leaseUntilMs >= (roster.keepUntilMs > 0 ? Math.min(wantedMs, roster.keepUntilMs) : wantedMs);
}
