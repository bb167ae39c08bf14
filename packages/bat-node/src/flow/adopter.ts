// driven: shards that a host handed over count for the owner once the new holder has proved them and signed a full lease (SH-04, BD-44).
import { equalBytes, fromHex, toHex } from '@batchain/shared';
import type { AuditRow } from '../audit/audit-types.ts';
import type { FileId } from '../ids.ts';
import { type Manifest, shardIdAt } from '../manifest/manifest.ts';
import type { OwnedFile, OwnedLease } from '../storage/owner-store.ts';
import type { FlowDeps } from './flow-deps.ts';
import { LEASE_MIN_MS } from './full-lease.ts';
import { packHeld, unpackHeld } from './held-list.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { writeHints } from './owned-manifest.ts';

interface Place {
  readonly segment: number;
  readonly index: number;
}

/** A host that signed for shards that others had signed for before. */
interface Adopted {
  readonly peer: HostPeer;
  readonly leaseUntilMs: number;
  readonly places: readonly Place[];
}

export const placeOfRow = ({ segment, index }: Place): string => `${segment}/${index}`;

/** Proved places that none of the hosts with a lease for them has proved, by the host that did; it must not answer for another of the segment. */
export function findOrphans(leases: readonly OwnedLease[], rows: readonly AuditRow[]): Map<string, Place[]> {
  const held = new Map(leases.map(({ host, shards }) => [host, new Map(unpackHeld(shards).map(({ segment, index }) => [segment, index]))]));
  const passed = rows.flatMap((row) => (row.outcome === 'passed' && row.host !== undefined ? [{ row, host: toHex(row.host) }] : []));
  const isLeased = ({ row, host }: (typeof passed)[number]): boolean => held.get(host)?.get(row.segment) === row.index;
  const safe = new Set(passed.filter(isLeased).map(({ row }) => placeOfRow(row)));
  const orphans = new Map<string, Place[]>();
  for (const { row, host } of passed) {
    const isFree = held.get(host)?.has(row.segment) !== true && orphans.get(host)?.some(({ segment }) => segment === row.segment) !== true;
    if (safe.has(placeOfRow(row)) || !isFree) continue;
    safe.add(placeOfRow(row));
    orphans.set(host, [...(orphans.get(host) ?? []), { segment: row.segment, index: row.index }]);
  }
  return orphans;
}

/** The places (`segment/index`) that have a host with a full lease again. */
export async function adoptHolders(
  deps: FlowDeps,
  tools: PeerTools,
  { manifest, owned }: { readonly manifest: Manifest; readonly owned: OwnedFile },
  rows: readonly AuditRow[],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const orphans = findOrphans(owned.leases, rows);
  const asked = await Promise.all(
    [...orphans].map(async ([host, places]) => {
      const nodeId = rows.find((row) => row.host !== undefined && toHex(row.host) === host)?.host;
      return nodeId === undefined
        ? undefined
        : askLease(deps, new HostPeer(deps.runtime, tools, { nodeId, record: undefined }), manifest, places, signal);
    }),
  );
  const adopted = asked.filter((one) => one !== undefined);
  if (adopted.length === 0) return new Set();
  const { gone, file } = await record(deps, owned.id, adopted, manifest.roster.segments.length);
  if (file !== undefined) {
    const hints = adopted.map(async ({ peer: { nodeId } }) => {
      const contact = await deps.locator.resolve(nodeId, signal).catch(() => undefined);
      return { nodeId, record: contact?.bytes };
    });
    await writeHints(deps, file, await Promise.all(hints), gone);
  }
  return new Set(adopted.flatMap(({ places }) => places.map(placeOfRow)));
}

/** Undefined unless the host signs for some of these shards as it would have after an upload. */
async function askLease(
  deps: FlowDeps,
  peer: HostPeer,
  { roster }: Manifest,
  wanted: readonly Place[],
  signal: AbortSignal,
): Promise<Adopted | undefined> {
  const receipt = await peer.ask(signal, (client) => client.renew(roster.fileId, { signal }));
  if (!receipt.ok) {
    deps.runtime.log.info('bat.adopt.refused', { host: peer.key, reason: receipt.reason });
    return undefined;
  }
  const { shards, leaseUntilMs, isCommitted } = receipt.value;
  if (!isCommitted || leaseUntilMs < deps.runtime.clock.nowMs() + LEASE_MIN_MS) return undefined;
  const places = wanted.filter(({ segment, index }) => {
    const named = roster.segments[segment];
    const signed = shards.find((shard) => shard.segment === segment && shard.index === index);
    return named !== undefined && signed?.isDamaged === false && equalBytes(signed.shardId, shardIdAt(named, index));
  });
  return places.length === 0 ? undefined : { peer, leaseUntilMs, places };
}

/** The record with the new leases, and the hosts that have none any more. */
async function record(
  deps: FlowDeps,
  id: string,
  adopted: readonly Adopted[],
  segmentCount: number,
): Promise<{ readonly file: OwnedFile | undefined; readonly gone: ReadonlySet<string> }> {
  const nowMs = deps.runtime.clock.nowMs();
  let gone = new Set<string>();
  const file = await deps.ownerStore.update(id, (current) => {
    const leases = withAdopted(current.leases, adopted, segmentCount, nowMs);
    gone = new Set(current.leases.map(({ host }) => host).filter((host) => !leases.some((lease) => lease.host === host)));
    return { ...current, leases };
  });
  for (const { peer, places } of adopted) deps.runtime.log.info('bat.adopt.done', { file: id, host: peer.key, shards: places.length });
  return { file, gone };
}

/** Each place is answered for by its new host alone; a lease without a place is none. */
export function withAdopted(
  leases: readonly OwnedLease[],
  adopted: readonly { readonly peer: { readonly key: string }; readonly leaseUntilMs: number; readonly places: readonly Place[] }[],
  segmentCount: number,
  nowMs: number,
): OwnedLease[] {
  const taken = new Set(adopted.flatMap(({ places }) => places.map(placeOfRow)));
  const kept = leases.flatMap((lease) => {
    const before = unpackHeld(lease.shards);
    const left = before.filter((place) => !taken.has(placeOfRow(place)));
    if (left.length === before.length) return [lease];
    return left.length === 0 ? [] : [{ ...lease, shards: packHeld(left, segmentCount) }];
  });
  const hosts = new Set(adopted.map(({ peer }) => peer.key));
  const fresh = adopted.map(({ peer, leaseUntilMs, places }): OwnedLease => {
    const before = kept.find(({ host }) => host === peer.key);
    const shards = packHeld([...(before === undefined ? [] : unpackHeld(before.shards)), ...places], segmentCount);
    return { host: peer.key, leaseUntilMs, renewedAtMs: nowMs, shards };
  });
  return [...kept.filter(({ host }) => !hosts.has(host)), ...fresh];
}

/** Whether the new holders of a file may be sought: a known one has it no more, or somebody else says that he has. */
export async function mayHaveMoved(deps: FlowDeps, file: OwnedFile, signal: AbortSignal): Promise<boolean> {
  const known = new Set([...file.leases.map(({ host }) => host), toHex(deps.signer.nodeId)]);
  const providers = await deps.locator.findProviders(fromHex(file.id) as FileId, signal).catch(() => []);
  return providers.some(({ nodeId }) => !known.has(toHex(nodeId)));
}
