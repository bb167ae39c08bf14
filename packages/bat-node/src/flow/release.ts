// driven: tells every known host that the owner no longer wants a file kept.
import { equalBytes, nodeIdFromPublicKey, parseNodeId, shortId, toHex } from '@batchain/shared';
import { manifestName } from '../manifest/manifest.ts';
import type { FoundFile } from './file-library.ts';
import type { FlowDeps } from './flow-deps.ts';
import { notOwner } from './flow-errors.ts';
import type { FlowOptions, ReleaseResult } from './flow-types.ts';
import type { PeerTools } from './host-peer.ts';
import { ShardSources } from './shard-sources.ts';
import { joinSignals } from './signals.ts';

/** Throws BAT_E_NOT_OWNER for a file of somebody else. Hosts that can not be told now keep the shards until their leases end; they are named in the result. */
export async function releaseFile(deps: FlowDeps, tools: PeerTools, found: FoundFile, options: FlowOptions): Promise<ReleaseResult> {
  const { ownerKey } = found.manifest.roster;
  if (!equalBytes(ownerKey, deps.signer.publicKey)) throw notOwner(manifestName(found.manifest), shortId(nodeIdFromPublicKey(ownerKey)));
  const signal = joinSignals(options.signal);
  const sources = new ShardSources(deps, tools, found.manifest, signal);
  await sources.gatherAll(found.manifest.hints);
  const { fileId } = found.manifest.roster;
  const leased = (found.owned?.leases ?? []).map((lease) => lease.host);
  const keys = new Set([...sources.peers().map((peer) => peer.key), ...leased]);
  let released = 0;
  const unreached: string[] = [];
  await Promise.all(
    [...keys].map(async (key) => {
      const peer = sources.peer(key) ?? sources.addPeer(key);
      const answer = await peer?.ask(signal, (client) => client.release(fileId, null, { signal }));
      if (answer?.ok === true) released += answer.value;
      else if (answer?.reason !== 'not-held') unreached.push(key);
    }),
  );
  signal.throwIfAborted();
  if (found.owned !== undefined) {
    await deps.ownerStore.remove(found.owned.id);
    await deps.ownerStore.removeManifest(found.owned.manifestPath);
  }
  deps.runtime.log.info('bat.release.done', { file: toHex(fileId), released, unreached: unreached.length });
  return { fileId, released, unreached: unreached.map(parseNodeId).filter((id) => id !== undefined) };
}
