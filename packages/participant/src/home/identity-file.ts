// driven: the identity file: the seed of the participant's key pair, readable by its owner alone.
import { readFileSync } from 'node:fs';
import {
  BatChainError,
  equalBytes,
  fromHex,
  type KeyPair,
  keyPairFromSeed,
  type Random,
  SEED_BYTES,
  sha256,
  systemReason,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import { createFile, isReadableByOthers } from './private-files.ts';

const HEADER = 'batchain-identity-1';
/** Enough to notice a cut or mistyped line. */
const CHECK_BYTES = 4;

const checkOf = (seed: Uint8Array): Uint8Array => sha256(utf8Bytes(HEADER), seed).slice(0, CHECK_BYTES);

/** Draws a new identity and writes it; throws BAT_E_HOME_EXISTS when there is one. */
export function createIdentityFile(path: string, entropy: Random): KeyPair {
  const seed = entropy.bytes(SEED_BYTES);
  const line = `${HEADER} ${toHex(seed)} ${toHex(checkOf(seed))}\n`;
  if (!createFile(path, utf8Bytes(line), entropy)) throw new BatChainError('BAT_E_HOME_EXISTS', { what: `${path} exists already` });
  return keyPairFromSeed(seed);
}

function parseSeed(text: string): Uint8Array | undefined {
  const [header, seedHex = '', checkHex = '', ...rest] = text.trim().split(' ');
  const seed = fromHex(seedHex, SEED_BYTES);
  const check = fromHex(checkHex, CHECK_BYTES);
  if (header !== HEADER || rest.length > 0 || seed === undefined || check === undefined) return undefined;
  return equalBytes(check, checkOf(seed)) ? seed : undefined;
}

/**
 * The identity of this home; undefined when there is none. Throws BAT_E_IDENTITY_EXPOSED when others may read the file
 * and BAT_E_IDENTITY_DAMAGED when it is cut or altered: both say how to repair it, neither repairs by itself.
 */
export function loadIdentityFile(path: string): KeyPair | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new BatChainError('BAT_E_HOME_UNUSABLE', { what: `${path} can not be read`, why: systemReason(error), cause: error });
  }
  if (isReadableByOthers(path)) {
    throw new BatChainError('BAT_E_IDENTITY_EXPOSED', { what: `${path} can be read by other users`, fix: `chmod 600 ${path}` });
  }
  const seed = parseSeed(text);
  if (seed === undefined) {
    throw new BatChainError('BAT_E_IDENTITY_DAMAGED', {
      what: `${path} is damaged (${text.length} bytes)`,
      fix: `put back a copy of ${path}, or move it away and run: batchain init`,
    });
  }
  return keyPairFromSeed(seed);
}
