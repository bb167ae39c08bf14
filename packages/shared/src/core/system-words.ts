// pure: what the operating system says with a code, in words.

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission is missing',
  EADDRINUSE: 'somebody else has the port',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  EIO: 'the disk reports an error',
  EISDIR: 'it is a folder',
  ELOOP: 'the links lead in a circle',
  EMFILE: 'the process has too many files open',
  ENAMETOOLONG: 'the name is too long for the file system',
  ENFILE: 'too many files are open on this machine',
  ENOENT: 'nothing is at that path',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is no folder',
  EPERM: 'permission is missing',
  EROFS: 'the file system is read-only',
};

/** The words for a code such as `ENOENT`; undefined for one that is not known. */
export function systemWords(code: string): string | undefined {
  return Object.hasOwn(WORDS, code) ? WORDS[code] : undefined;
}

/** Why a call of the system failed: in words where its code is known, else as it says itself. */
export function systemReason(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return systemWords(String(code)) ?? String(message ?? error);
}
