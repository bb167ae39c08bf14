// driven: an audit of all files, some at a time, with progress per file.
import type { BatNodeApi, FileAudit, FileEntry } from '@batchain/bat-node';
import { type BatChainError, equalBytes, toBatChainError, toHex } from '@batchain/shared';
import { AUDITS_AT_ONCE_MAX } from '../limits.ts';
import type { JobContext } from './job-table.ts';

type Files = Pick<BatNodeApi, 'list' | 'audit'>;

/**
 * In the order of the list. Several at once: most of an audit is waiting for hosts that are away, and those are dialled
 * once for all files. A file that can not be audited is said, and costs no other its audit.
 */
export async function auditAll(
  files: Files,
  isFull: boolean,
  { signal, onProgress, onNote }: Pick<JobContext, 'signal' | 'onProgress' | 'onNote'>,
): Promise<readonly FileAudit[]> {
  const entries = await files.list();
  const audits: (FileAudit | undefined)[] = [];
  const away = new Map<string, string>();
  let next = 0;
  let done = 0;
  const tell = (): void =>
    onProgress({
      phase: 'transferring',
      doneBytes: 0,
      totalBytes: 0,
      resumedBytes: 0,
      hosts: [],
      files: { done, total: entries.length },
    });
  const auditOne = async (entry: FileEntry): Promise<FileAudit | undefined> => {
    try {
      return await files.audit(toHex(entry.fileId), { signal, onNote, isFull, away });
    } catch (error) {
      signal.throwIfAborted();
      const known = toBatChainError(error);
      if (known.code === 'BAT_E_INTERRUPTED') throw error;
      // Removed since the list was made.
      if (!(await files.list()).some(({ fileId }) => equalBytes(fileId, entry.fileId))) return undefined;
      onNote(`${known.what} (${known.why}): ${known.fix}`);
      return unauditable(entry, known);
    }
  };
  const auditNext = async (): Promise<void> => {
    for (let at = next++; at < entries.length; at = next++) {
      signal.throwIfAborted();
      audits[at] = await auditOne(entries[at] as FileEntry);
      done++;
      tell();
    }
  };
  tell();
  await Promise.all(Array.from({ length: AUDITS_AT_ONCE_MAX }, auditNext));
  return audits.filter((audit) => audit !== undefined);
}

function unauditable({ fileId, name, policy, shardsTotal }: FileEntry, { what, why }: BatChainError): FileAudit {
  return {
    fileId,
    name,
    verdict: 'unknown',
    policy,
    shardsHealthy: 0,
    shardsTotal,
    rows: [],
    challengedBytes: 0,
    reason: `${what}: ${why}`,
  };
}
