// driven: the manifest of a file of ours where the record says it lies: read, and its hints brought up to date.
import { equalBytes, toHex } from '@batchain/shared';
import type { HostHint, Manifest } from '../manifest/manifest.ts';
import { encodeManifest, parseManifest } from '../manifest/manifest-codec.ts';
import type { OwnedFile } from '../storage/owner-store.ts';
import type { FlowDeps } from './flow-deps.ts';

/** The manifest of the file, if it is still where it was written. */
export async function readOwnManifest({ ownerStore, crypto }: FlowDeps, file: OwnedFile): Promise<Manifest | undefined> {
  const bytes = await ownerStore.readManifest(file.manifestPath).catch(() => undefined);
  const parsed = bytes === undefined ? undefined : parseManifest(crypto.verifier, bytes);
  return parsed?.ok === true && toHex(parsed.value.roster.fileId) === file.id ? parsed.value : undefined;
}

/**
 * The manifest names these hosts, and those no more that keep nothing of the file. What it opens is the same, so one that can not be written
 * is no failure.
 */
export async function writeHints(deps: FlowDeps, file: OwnedFile, fresh: readonly HostHint[], gone: ReadonlySet<string>): Promise<void> {
  const manifest = await readOwnManifest(deps, file);
  if (manifest === undefined) return;
  const isNamed = (hint: HostHint): boolean => gone.has(toHex(hint.nodeId)) || fresh.some(({ nodeId }) => equalBytes(nodeId, hint.nodeId));
  const bytes = encodeManifest({ ...manifest, hints: [...manifest.hints.filter((hint) => !isNamed(hint)), ...fresh] });
  try {
    await deps.ownerStore.saveManifest(file.name, bytes, { path: file.manifestPath, isForced: true });
  } catch (error) {
    deps.runtime.log.warn('bat.hints.not-written', { file: file.id, error: String(error) });
  }
}
