// driven: gives back what an interrupted upload stored that will never be finished.
import { openContactRecord, toHex } from '@batchain/shared';
import { makeFileId } from '../manifest/manifest.ts';
import type { JournalState } from '../storage/upload-journal.ts';
import type { FlowDeps } from './flow-deps.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { withDeadline } from './signals.ts';

const RELEASE_TIMEOUT_MS = 10_000;

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
