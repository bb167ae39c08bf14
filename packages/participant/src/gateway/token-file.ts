// driven: the token of the gateway: read from a file that only its owner may read, or drawn once and kept in the home (T17, T18).
import { readFileSync } from 'node:fs';
import { BatChainError, type Random, systemReason, utf8Bytes } from '@batchain/shared';
import { createFile, isReadableByOthers } from '../home/private-files.ts';
import { GATEWAY_TOKEN_CHARS_MAX, GATEWAY_TOKEN_CHARS_MIN } from '../limits.ts';

const TOKEN_BYTES = 32;
/** What a bearer token may hold (RFC 6750). */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** The only line of the file. Throws BAT_E_CONFIG. */
export function readTokenFile(path: string): string {
  const wrong = (why: string, fix: string, cause?: unknown): BatChainError =>
    new BatChainError('BAT_E_CONFIG', { what: `the token file ${path} can not be used`, why, fix, cause });
  let text: string;
  try {
    if (isReadableByOthers(path)) throw wrong('other users of this computer can read it', `chmod 600 ${path}`);
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw error instanceof BatChainError ? error : wrong(systemReason(error), `ls -l ${path}`, error);
  }
  if (text.length >= GATEWAY_TOKEN_CHARS_MIN && text.length <= GATEWAY_TOKEN_CHARS_MAX && TOKEN.test(text)) return text;
  throw wrong(
    `a token is one line of ${GATEWAY_TOKEN_CHARS_MIN} to ${GATEWAY_TOKEN_CHARS_MAX} letters, digits and . _ ~ + / -`,
    `openssl rand -hex 32 > ${path}`,
  );
}

/** The token in the file; a new one when there is no file yet. */
export function ensureTokenFile(path: string, entropy: Random): string {
  try {
    createFile(path, utf8Bytes(`${Buffer.from(entropy.bytes(TOKEN_BYTES)).toString('base64url')}\n`), entropy);
  } catch (error) {
    throw new BatChainError('BAT_E_HOME_UNUSABLE', { what: `can not write ${path}`, why: systemReason(error), cause: error });
  }
  return readTokenFile(path);
}
