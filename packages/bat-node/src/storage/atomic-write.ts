// driven: writes a whole file so that a reader sees the old one, the new one, or none: never a part.
import { dirname, join } from 'node:path';
import { fail, ok, type Random, type Result } from '@batchain/shared';
import { synced } from './disk-fault.ts';
import { temporaryName } from './file-names.ts';
import { errnoOf, type FileSystem, isMissing, type OpenFile } from './file-system.ts';

const TEMPORARY_PATTERN = /^\.batchain-[0-9a-f]{16}\.tmp$/;
/** What file systems without hard links answer (exFAT, some network shares). */
const NO_LINK_CODES: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

export interface AtomicWriteOptions {
  /** `replace` puts the file in the place of an older one; `refuse` answers `taken` and leaves that one alone. */
  readonly existing: 'replace' | 'refuse';
}

/** True for names of half-written files that a crash left behind. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY_PATTERN.test(name);
}

/** Writes all bytes from `position` on, whatever the system takes at a time. */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const written = await file.write(bytes.subarray(done), position + done);
    if (written === 0) throw Object.assign(new Error('the disk took no byte'), { code: 'ENOSPC' });
    done += written;
  }
}

/** The whole file, unless it is longer than `bytesMax`. */
export async function readWhole(fs: FileSystem, path: string, bytesMax: number): Promise<Result<Uint8Array, 'too-long'>> {
  const file = await fs.open(path, 'read');
  try {
    const size = await file.size();
    if (size > bytesMax) return fail('too-long', `${size} bytes, at most ${bytesMax}`);
    const bytes = new Uint8Array(size);
    return ok(bytes.subarray(0, await file.read(bytes, 0)));
  } finally {
    await file.close();
  }
}

/** Removes a file; no error when it is gone already. */
export async function removeIfThere(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.remove(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function writeTemporary(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.open(path, 'create');
  try {
    await writeAll(file, bytes, 0);
    await synced(file.datasync());
  } finally {
    await file.close();
  }
}

/** Gives the temporary file its name where nothing has that name; never replaces anything. */
async function claimName(fs: FileSystem, temporary: string, path: string): Promise<Result<void, 'taken'>> {
  try {
    await fs.link(temporary, path);
    await fs.remove(temporary);
    return ok(undefined);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return fail('taken');
    if (!NO_LINK_CODES.includes(errnoOf(error))) throw error;
  }
  try {
    // The empty file is ours alone, so replacing it by rename harms nobody.
    await (await fs.open(path, 'create')).close();
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return fail('taken');
    throw error;
  }
  await fs.rename(temporary, path);
  return ok(undefined);
}

/**
 * Writes a file of mode 0600: a fresh temporary name in the same folder (exclusive, no links followed), bytes synced,
 * then the final name, then the folder synced. Durable when it resolves; the temporary file is gone however it ends.
 * Rejects with what the disk says; `names` draws the temporary name.
 */
export async function atomicWriteFile(
  fs: FileSystem,
  names: Random,
  path: string,
  bytes: Uint8Array,
  options: AtomicWriteOptions,
): Promise<Result<void, 'taken'>> {
  const temporary = join(dirname(path), temporaryName(names));
  let isNamed = false;
  try {
    await writeTemporary(fs, temporary, bytes);
    const named = options.existing === 'replace' ? ok(await fs.rename(temporary, path)) : await claimName(fs, temporary, path);
    isNamed = named.ok;
    if (!named.ok) await removeIfThere(fs, temporary);
    else await synced(fs.syncFolder(dirname(path)));
    return named;
  } catch (error) {
    await removeIfThere(fs, temporary).catch(() => undefined);
    // What was not there before is not there after a failure either: whoever tries again finds the name free.
    if (isNamed && options.existing === 'refuse') await removeIfThere(fs, path).catch(() => undefined);
    throw error;
  }
}
