// driven: `batchain hash FILE` (`-s FILE`): the SHA-256 of a file's content.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BatChainError, hour, MiB } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { printable } from '../output/printable.ts';
import { shellWord } from '../output/shell-word.ts';

/** Large reads cost a quarter of small ones. */
const READ_BYTES: number = 1 * MiB;

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    // A pipe would keep us waiting for bytes that may never come.
    const stats = await stat(path);
    if (!stats.isFile())
      throw new BatChainError('BAT_E_NOT_A_FILE', { what: `${path} is ${stats.isDirectory() ? 'a folder' : 'no regular file'}` });
    for await (const part of createReadStream(path, { highWaterMark: READ_BYTES, signal })) hash.update(part as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BatChainError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new BatChainError('BAT_E_FILE_NOT_FOUND', { what: `no such file: ${path}`, fix: `ls -l ${shellWord(path)}` });
    throw new BatChainError('BAT_E_FILE_UNREADABLE', { what: `${path} can not be read`, why: message, cause: error });
  }
  return hash.digest('hex');
}

async function runHash({ words, io, signal, output }: CommandContext): Promise<CommandOutcome> {
  const path = resolve(io.cwd, words[0] ?? '');
  const sha256 = await hashFile(path, signal);
  return { json: { sha256, path }, text: [`${sha256}  ${printable(words[0] ?? '', output.out.isAscii)}`] };
}

export const hashCommand = defineCommand({
  name: 'hash',
  summary: 'the SHA-256 of a file, as in its manifest; needs no daemon',
  positionals: [{ name: 'FILE', isRequired: true }],
  options: {},
  examples: [
    ['batchain hash holiday.mp4', ''],
    ['batchain -s holiday.mp4', 'the same, shorter'],
  ],
  timeoutMs: 1 * hour,
  run: runHash,
});
