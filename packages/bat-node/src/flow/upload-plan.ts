// driven: the beginning of an upload: source, policy, keys; anew or from the journal of an interrupted attempt.
import { BatChainError, type ContactRecord, type Runtime, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { accessKeyOf } from '../manifest/access-proof.ts';
import { validateFileName } from '../manifest/entry-path.ts';
import { makeFileId } from '../manifest/manifest.ts';
import { FILE_KEY_BYTES } from '../pipeline/content-key.ts';
import { planSegments } from '../pipeline/segmenter.ts';
import { estimateHostCount } from '../placement/network-size.ts';
import { defaultPolicy } from '../placement/policy.ts';
import type { SourceFile } from '../storage/source-file.ts';
import type { JournalStart, JournalState, UploadJournal } from '../storage/upload-journal.ts';
import { type HostRefusal, notEnoughPeers, singleCopyRefused } from './flow-errors.ts';
import type { Policy, UploadOptions } from './flow-types.ts';

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

/** The earlier attempt's journal, when it is of this very file and nothing was asked for that differs. */
async function loadEarlier(journal: UploadJournal, source: SourceFile, options: UploadOptions): Promise<JournalState | undefined> {
  if (options.isFresh === true) return undefined;
  const state = await journal.load();
  if (state === undefined || state.start.bytes !== source.bytes || state.start.path !== source.path) return undefined;
  const { k, n } = state.start;
  const wanted = options.policy;
  if (wanted !== undefined && (wanted.k !== k || wanted.n !== n)) return undefined;
  const size = options.segmentSizeBytes;
  if (size !== undefined && planSize(source, { k, n }, size) !== state.start.segmentSizeBytes) return undefined;
  return state;
}

/** The segment size for the file. Throws BAT_E_FILE_TOO_LARGE or BAT_E_USAGE. */
function planSize(source: SourceFile, policy: Policy, wished: number | undefined): number {
  const plan = planSegments(source.bytes, { requiredShards: policy.k, totalShards: policy.n }, wished);
  if (plan.ok) return plan.value.segmentSizeBytes;
  throw new BatChainError(plan.reason, { what: `${source.path} can not be cut into segments`, why: plan.detail ?? plan.reason });
}

export interface PlanTools {
  readonly runtime: Runtime;
  readonly ownerKey: Uint8Array;
  readonly journal: UploadJournal;
  /** Hosts near a file id that offer room. */
  readonly findCandidates: (fileId: FileId) => Promise<readonly ContactRecord[]>;
}

/** Decides the plan, and finds the candidates on the way (the default policy depends on how many there are). */
export async function planUpload(
  tools: PlanTools,
  source: SourceFile,
  name: string,
  options: UploadOptions,
): Promise<{ readonly plan: UploadPlan; readonly candidates: readonly ContactRecord[] }> {
  const checked = validateFileName(name);
  if (!checked.ok)
    throw new BatChainError('BAT_E_USAGE', {
      what: `${JSON.stringify(name)} can not be the name of a file`,
      why: checked.detail ?? checked.reason,
      fix: 'batchain put FILE --name NAME',
    });
  const earlier = await loadEarlier(tools.journal, source, options);
  const fileNonce = earlier?.start.fileNonce ?? tools.runtime.entropy.bytes(NONCE_BYTES);
  const fileId = makeFileId(tools.ownerKey, fileNonce);
  const candidates = await tools.findCandidates(fileId);
  const hostIds = candidates.map((record) => record.nodeId);
  const policy = earlier?.start ?? options.policy ?? chooseDefault(name, estimateHostCount(fileId, hostIds));
  const start: JournalStart = earlier?.start ?? {
    version: 1,
    path: source.path,
    bytes: source.bytes,
    name,
    k: policy.k,
    n: policy.n,
    segmentSizeBytes: planSize(source, policy, options.segmentSizeBytes),
    fileNonce,
    fileKey: tools.runtime.entropy.bytes(FILE_KEY_BYTES),
    accessSeed: tools.runtime.entropy.bytes(FILE_KEY_BYTES),
  };
  tools.runtime.log.info('bat.upload.planned', {
    file: toHex(fileId),
    k: policy.k,
    n: policy.n,
    candidates: candidates.length,
    isResumed: earlier !== undefined,
  });
  return {
    candidates,
    plan: {
      start,
      fileId,
      accessKey: accessKeyOf(start.accessSeed),
      policy: { k: start.k, n: start.n },
      segmentCount: Math.max(1, Math.ceil(start.bytes / start.segmentSizeBytes)),
      earlier,
    },
  };
}

/** The policy for so many usable hosts. Throws BAT_E_NOT_ENOUGH_PEERS for none, and for one: a single copy needs the word. */
export function chooseDefault(name: string, usableHosts: number, refusals: readonly HostRefusal[] = []): Policy {
  const policy = defaultPolicy(usableHosts);
  if (policy === undefined) throw notEnoughPeers(name, 0, { k: 1, n: 2 }, refusals);
  if (policy.n === 1) throw singleCopyRefused(name);
  return policy;
}
