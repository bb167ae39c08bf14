// driven: tells every known host that the owner no longer wants a file kept.
import { equalBytes, fromHex, nodeIdFromPublicKey, parseNodeId, shortId, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { type Manifest, manifestName } from '../manifest/manifest.ts';
import { parseManifest } from '../manifest/manifest-codec.ts';
import type { OwnedFile } from '../storage/owner-store.ts';
import type { FileLibrary } from './file-library.ts';
import type { FlowDeps } from './flow-deps.ts';
import { notOwner } from './flow-errors.ts';
import type { FlowOptions, ReleaseResult } from './flow-types.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { ShardSources } from './shard-sources.ts';
import { joinSignals, withDeadline } from './signals.ts';

/** One lookup of the hosts that announced the file. */
const LOOKUP_TIMEOUT_MS = 10_000;

/** What is to be released; without a manifest, the hosts that signed for it are all that is known. */
export interface ReleaseTarget {
  readonly fileId: FileId;
  readonly manifest: Manifest | undefined;
  readonly owned: OwnedFile | undefined;
}

/** A file whose manifest is gone or damaged is released by its record. The errors of `FileLibrary.find` where there is none. */
export async function findReleaseTarget(library: FileLibrary, ref: string): Promise<ReleaseTarget> {
  try {
    const { manifest, owned } = await library.find(ref);
    return { fileId: manifest.roster.fileId, manifest, owned };
  } catch (error) {
    const owned = await library.findRecord(ref);
    if (owned === undefined) throw error;
    return { fileId: fromHex(owned.id) as FileId, manifest: undefined, owned };
  }
}

/** Throws BAT_E_NOT_OWNER for a file of somebody else. Hosts that can not be told now keep the shards until their leases end; they are named in the result. */
export async function releaseFile(deps: FlowDeps, tools: PeerTools, target: ReleaseTarget, options: FlowOptions): Promise<ReleaseResult> {
  const { fileId, manifest, owned } = target;
  const signal = joinSignals(options.signal);
  let released = 0;
  const unreached: string[] = [];
  await Promise.all(
    (await findPeers(deps, tools, target, signal)).map(async (peer) => {
      const answer = await peer.ask(signal, (client) => client.release(fileId, null, { signal }));
      if (answer.ok) released += answer.value;
      else if (answer.reason !== 'not-held') unreached.push(peer.key);
    }),
  );
  signal.throwIfAborted();
  if (owned !== undefined) {
    await deps.ownerStore.remove(owned.id);
    if (await isOwnManifest(deps, owned)) await deps.ownerStore.removeManifest(owned.manifestPath);
  }
  deps.runtime.log.info('bat.release.done', {
    file: toHex(fileId),
    released,
    unreached: unreached.length,
    hasManifest: manifest !== undefined,
  });
  return { fileId, released, unreached: unreached.map(parseNodeId).filter((id) => id !== undefined) };
}

/** Hosts that hold something of it, as far as is known; those that only signed for it are found through the DHT when dialled. */
async function findPeers(deps: FlowDeps, tools: PeerTools, target: ReleaseTarget, signal: AbortSignal): Promise<readonly HostPeer[]> {
  const { manifest, owned } = target;
  const leased = (owned?.leases ?? []).map((lease) => parseNodeId(lease.host)).filter((id) => id !== undefined);
  const known =
    manifest === undefined ? await findProviders(deps, tools, target.fileId, signal) : await findHolders(deps, tools, manifest, signal);
  const keys = new Set(known.map((peer) => peer.key));
  const others = leased.filter((nodeId) => !keys.has(toHex(nodeId)));
  return [...known, ...others.map((nodeId) => new HostPeer(deps.runtime, tools, { nodeId, record: undefined }))];
}

async function findHolders(deps: FlowDeps, tools: PeerTools, manifest: Manifest, signal: AbortSignal): Promise<readonly HostPeer[]> {
  const { ownerKey } = manifest.roster;
  if (!equalBytes(ownerKey, deps.signer.publicKey)) throw notOwner(manifestName(manifest), shortId(nodeIdFromPublicKey(ownerKey)));
  const sources = new ShardSources(deps, tools, manifest, signal);
  await sources.gatherAll(manifest.hints);
  // Copies beside those that are known are to go as well: a host that is leaving may have handed on what it still has.
  await sources.askDht();
  return sources.peers();
}

/** Without a manifest nobody can be asked what he holds: whoever announced himself is told. */
async function findProviders(deps: FlowDeps, tools: PeerTools, fileId: FileId, signal: AbortSignal): Promise<readonly HostPeer[]> {
  const look = (late: AbortSignal) => deps.locator.findProviders(fileId, late);
  const found = await withDeadline(deps.runtime.clock, LOOKUP_TIMEOUT_MS, signal, look).catch(() => []);
  const hints = found.filter(({ nodeId }) => !equalBytes(nodeId, deps.signer.nodeId) || deps.holdsFile(fileId));
  return hints.map((hint) => new HostPeer(deps.runtime, tools, hint));
}

/** False when something else lies where the manifest was by now: that is not ours to remove. */
async function isOwnManifest({ ownerStore, crypto }: FlowDeps, { id, manifestPath }: OwnedFile): Promise<boolean> {
  const bytes = await ownerStore.readManifest(manifestPath).catch(() => undefined);
  const parsed = bytes === undefined ? undefined : parseManifest(crypto.verifier, bytes);
  return parsed?.ok !== true || toHex(parsed.value.roster.fileId) === id;
}
