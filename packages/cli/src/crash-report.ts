// driven: what is written down when something happens that should not, for a person to send along.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDir, VERSION } from '@batchain/participant/client';
import type { BatChainError } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';

/** Writes the report below `logDir` and returns its path; undefined when even that fails. No arguments and no file names: only where it broke. */
export function writeCrashReport(logDir: string, error: BatChainError, command: string, nowMs: number): string | undefined {
  const at = isoTime(nowMs);
  const path = join(logDir, `crash-${at.replace(/[:.]/g, '-')}.txt`);
  const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause ?? '');
  const lines = [
    `batchain ${VERSION}  node ${process.version}  ${process.platform} ${process.arch}`,
    at,
    `command ${command}`,
    error.stack ?? '',
    cause,
  ];
  try {
    ensurePrivateDir(logDir);
    writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
    return path;
  } catch {
    return undefined;
  }
}
