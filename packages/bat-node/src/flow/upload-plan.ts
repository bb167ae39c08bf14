// driven: the beginning of an upload: source, policy, keys; anew or from the journal of an interrupted attempt.
import { BatChainError, type ContactRecord, equalBytes, type Runtime, toHex, type Verifier } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { accessKeyOf } from '../manifest/access-proof.ts';
import { validateFileName } from '../manifest/entry-path.ts';
import { makeFileId } from '../manifest/manifest.ts';
import { parseManifest } from '../manifest/manifest-codec.ts';
import { FILE_KEY_BYTES } from '../pipeline/content-key.ts';
import { estimateHostCount } from '../placement/network-size.ts';
import { defaultPolicy } from '../placement/policy.ts';
import type { OwnerStore, SaveManifestOptions } from '../storage/owner-store.ts';
import type { SourceFile } from '../storage/source-file.ts';
import type { JournalStart, JournalState, UploadJournal } from '../storage/upload-journal.ts';
import { type HostRefusal, notEnoughPeers, singleCopyRefused } from './flow-errors.ts';
import type { Policy, UploadOptions } from './flow-types.ts';
import { planSegmentSize } from './segment-size.ts';

const NONCE_BYTES = 32;

/** What stays the same from the first attempt to the manifest. */
export interface UploadPlan {
  readonly start: JournalStart;
  readonly fileId: FileId;
  readonly accessKey: Uint8Array;
  readonly policy: Policy;
  readonly segmentCount: number;
  /** Of an earlier attempt; undefined when this is the first. */
  readonly earlier: JournalState | undefined;
}

/** True when the journal is of this very file and nothing was asked for that differs. */
function isContinued(state: JournalState, source: SourceFile, options: UploadOptions): boolean {
  const { start } = state;
  if (options.isFresh === true || start.bytes !== source.bytes || start.path !== source.path) return false;
  const wanted = options.policy;
  if (wanted !== undefined && (wanted.k !== start.k || wanted.n !== start.n)) return false;
  const size = options.segmentSizeBytes;
  return size === undefined || planSize(source, start, size) === start.segmentSizeBytes;
}

/** The segment size for the file. Throws BAT_E_FILE_TOO_LARGE or BAT_E_USAGE. */
function planSize(source: SourceFile, policy: Policy, wished: number | undefined): number {
  const plan = planSegmentSize(source.bytes, policy, wished);
  if (plan.ok) return plan.value;
  throw new BatChainError(plan.reason, { what: `${source.path} can not be cut into segments`, why: plan.detail ?? plan.reason });
}

export interface PlanTools {
  readonly runtime: Runtime;
  readonly ownerKey: Uint8Array;
  readonly journal: UploadJournal;
  readonly verifier: Verifier;
  readonly ownerStore: OwnerStore;
  /** Hosts near a file id that offer room. */
  readonly findCandidates: (fileId: FileId) => Promise<readonly ContactRecord[]>;
}

export interface PlannedUpload {
  readonly plan: UploadPlan;
  readonly candidates: readonly ContactRecord[];
  /** An earlier attempt that is not continued. */
  readonly stale: JournalState | undefined;
  /** Where the manifest goes. */
  readonly manifest: SaveManifestOptions;
}

/** Decides the plan, and finds the candidates on the way (the default policy depends on how many there are). */
export async function planUpload(tools: PlanTools, source: SourceFile, name: string, options: UploadOptions): Promise<PlannedUpload> {
  const checked = validateFileName(name);
  if (!checked.ok)
    throw new BatChainError('BAT_E_USAGE', {
      what: `${JSON.stringify(name)} can not be the name of a file`,
      why: checked.detail ?? checked.reason,
      fix: 'batchain put FILE --name NAME',
    });
  const journaled = await tools.journal.load();
  const earlier = journaled !== undefined && isContinued(journaled, source, options) ? journaled : undefined;
  const fileNonce = earlier?.start.fileNonce ?? tools.runtime.entropy.bytes(NONCE_BYTES);
  const fileId = makeFileId(tools.ownerKey, fileNonce);
  const manifest = await planManifest(tools, fileId, name, options);
  const candidates = await tools.findCandidates(fileId);
  const hostIds = candidates.map((record) => record.nodeId);
  const policy = earlier?.start ?? options.policy ?? chooseDefault(name, estimateHostCount(fileId, hostIds));
  const start: JournalStart = {
    version: 1,
    path: source.path,
    bytes: source.bytes,
    // Only the manifest has the name, so it may be another one this time.
    name,
    k: policy.k,
    n: policy.n,
    segmentSizeBytes: earlier?.start.segmentSizeBytes ?? planSize(source, policy, options.segmentSizeBytes),
    fileNonce,
    fileKey: earlier?.start.fileKey ?? tools.runtime.entropy.bytes(FILE_KEY_BYTES),
    accessSeed: earlier?.start.accessSeed ?? tools.runtime.entropy.bytes(FILE_KEY_BYTES),
  };
  tools.runtime.log.info('bat.upload.planned', {
    file: toHex(fileId),
    k: policy.k,
    n: policy.n,
    candidates: candidates.length,
    isResumed: earlier !== undefined,
  });
  const stale = earlier === undefined ? journaled : undefined;
  return { candidates, stale, manifest, plan: { ...factsOf(start), fileId, accessKey: accessKeyOf(start.accessSeed), earlier } };
}

/** Before the first byte goes out: whether the manifest can be written. One that an interrupted attempt wrote is written again. */
async function planManifest(tools: PlanTools, fileId: FileId, name: string, options: UploadOptions): Promise<SaveManifestOptions> {
  const { manifestPath: path, isForced } = options;
  const wish = { ...(path === undefined ? {} : { path }), ...(isForced === undefined ? {} : { isForced }) };
  try {
    const planned = await tools.ownerStore.planManifest(name, wish);
    return planned === undefined ? {} : { ...wish, path: planned };
  } catch (error) {
    const taken = error instanceof BatChainError && error.code === 'BAT_E_TARGET_EXISTS' ? error.details.path : undefined;
    if (typeof taken !== 'string' || !(await isManifestOf(tools, taken, fileId))) throw error;
    return { path: taken, isForced: true };
  }
}

async function isManifestOf({ ownerStore, verifier }: PlanTools, path: string, fileId: FileId): Promise<boolean> {
  const bytes = await ownerStore.readManifest(path).catch(() => undefined);
  const parsed = bytes === undefined ? undefined : parseManifest(verifier, bytes);
  return parsed?.ok === true && equalBytes(parsed.value.roster.fileId, fileId);
}

/** The same new file under another policy. */
export function withPolicy(plan: UploadPlan, { k, n }: Policy, source: SourceFile, options: UploadOptions): UploadPlan {
  const segmentSizeBytes = planSize(source, { k, n }, options.segmentSizeBytes);
  return { ...plan, ...factsOf({ ...plan.start, k, n, segmentSizeBytes }) };
}

function factsOf(start: JournalStart): Pick<UploadPlan, 'start' | 'policy' | 'segmentCount'> {
  const { k, n, bytes, segmentSizeBytes } = start;
  return { start, policy: { k, n }, segmentCount: Math.max(1, Math.ceil(bytes / segmentSizeBytes)) };
}

/** The policy for so many usable hosts. Throws BAT_E_NOT_ENOUGH_PEERS for none, and for one: a single copy needs the word. */
export function chooseDefault(name: string, usableHosts: number, refusals: readonly HostRefusal[] = []): Policy {
  const policy = defaultPolicy(usableHosts);
  if (policy === undefined) throw notEnoughPeers(name, 0, { k: 1, n: 2 }, refusals);
  if (policy.n === 1) throw singleCopyRefused(name);
  return policy;
}
