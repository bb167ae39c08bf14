// driven: gives back what an interrupted upload stored that will never be finished.
import { openContactRecord, type Runtime, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { makeFileId } from '../manifest/manifest.ts';
import type { JournalState } from '../storage/upload-journal.ts';
import type { FlowDeps } from './flow-deps.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { withDeadline } from './signals.ts';

const RELEASE_TIMEOUT_MS = 10_000;
/** At the end of an upload its caller waits for this. */
const UNSIGNED_TIMEOUT_MS = 2_000;

/** The hosts that an attempt used, with the lease ids agreed with them. */
export function journalPeers({ runtime, crypto }: FlowDeps, tools: PeerTools, state: JournalState): HostPeer[] {
  return state.hosts.flatMap((host) => {
    const record = openContactRecord(crypto.verifier, host.record);
    return record.ok ? [new HostPeer(runtime, tools, { nodeId: record.value.nodeId, record: record.value }, host.leaseId)] : [];
  });
}

/** Never rejects; what can not be given back lapses by itself. An attempt that may have come to a manifest is left alone. */
export async function releaseAttempt(deps: FlowDeps, tools: PeerTools, state: JournalState, signal?: AbortSignal): Promise<void> {
  const { runtime, signer, ownerStore } = deps;
  const fileId = makeFileId(signer.publicKey, state.start.fileNonce);
  try {
    if (state.isFinishing || (await ownerStore.get(toHex(fileId))) !== undefined) return;
    await withDeadline(runtime.clock, RELEASE_TIMEOUT_MS, signal, async (inTime) => {
      await Promise.all(
        journalPeers(deps, tools, state).map((peer) => peer.ask(inTime, (client) => client.release(fileId, null, { signal: inTime }))),
      );
    });
  } catch (error) {
    runtime.log.warn('bat.upload.release-failed', { file: toHex(fileId), error: String(error) });
  }
}

/**
 * Hosts of a finished upload that are not in its manifest, such as one whose disk became full half way: what they had stored
 * until then is of no use to anybody. Never rejects; a host that does not answer lets it go when the lease is over.
 */
export async function releaseUnsigned(runtime: Runtime, fileId: FileId, peers: readonly HostPeer[], signal: AbortSignal): Promise<void> {
  await withDeadline(runtime.clock, UNSIGNED_TIMEOUT_MS, signal, async (inTime) => {
    const releases = peers.map(async (peer) => {
      const client = await peer.client(inTime);
      if (client.ok) await client.value.release(fileId, null, { signal: inTime });
    });
    await Promise.allSettled(releases);
  });
}
