// driven: a value into a file of the user: written beside its place under a name of its own, and only whole given its name.
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BatChainError, type Random, toHex } from '@batchain/shared';

/** Throws BAT_E_TARGET_EXISTS and BAT_E_TARGET_UNWRITABLE; nothing is left then, and what lay there was not touched. */
export async function saveContent(
  random: Random,
  target: { readonly path: string; readonly isForced: boolean },
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { path, isForced } = target;
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${toHex(random.bytes(8))}.part`);
  const file = await open(temporary, 'wx', 0o600).catch((error: unknown) => {
    throw unwritable(path, error);
  });
  try {
    await writeAll(file, content, path);
    if (isForced) await rename(temporary, path);
    else await claim(temporary, path);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === undefined || error instanceof BatChainError ? error : unwritable(path, error);
  } finally {
    await file.close();
    await rm(temporary, { force: true });
  }
}

/** BAT_E_TARGET_EXISTS when something lies there; for a look before the bytes are fetched. */
export async function checkFree(path: string): Promise<void> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unwritable(path, error);
  });
  await file?.close();
  if (file !== undefined) throw taken(path);
}

async function writeAll(file: FileHandle, content: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  for await (const part of content) {
    for (let at = 0; at < part.length; ) {
      const written = await file.write(part, at).catch((error: unknown) => {
        throw unwritable(path, error);
      });
      at += written.bytesWritten;
    }
  }
  await file.sync();
}

async function claim(temporary: string, path: string): Promise<void> {
  await link(temporary, path).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? taken(path) : unwritable(path, error);
  });
}

function taken(path: string): BatChainError {
  return new BatChainError('BAT_E_TARGET_EXISTS', {
    what: `${path} is there already`,
    why: 'what lies there was not touched',
    fix: 'choose another path, or allow replacing it with --force',
  });
}

function unwritable(path: string, cause: unknown): BatChainError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BatChainError('BAT_E_TARGET_UNWRITABLE', { what: `can not write ${path}`, why, cause });
}
