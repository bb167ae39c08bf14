// driven: HOME/hosted/format: which version of the layout this is, and which store.
import { BatChainError, fromHex, type Random, toHex, utf8Bytes, utf8Text } from '@batchain/shared';
import { atomicWriteFile, readWhole } from './atomic-write.ts';
import { type FileSystem, isMissing } from './file-system.ts';

export const STORE_VERSION = 1;
const FORMAT_BYTES_MAX = 256;
const FORMAT_PATTERN = /^batchain-store ([1-9][0-9]{0,8})(?: ([0-9a-f]{64}))?\s/;

/**
 * The id of the store; undefined when there is none yet. Throws BAT_E_STORE_TOO_NEW for a later layout, which nothing
 * here may touch, and BAT_E_STORE_DAMAGED when the file says nothing that can be read.
 */
export async function readStoreFormat(fs: FileSystem, path: string): Promise<Uint8Array | undefined> {
  let text: string | undefined;
  try {
    const bytes = await readWhole(fs, path, FORMAT_BYTES_MAX);
    text = bytes.ok ? utf8Text(bytes.value) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const match = FORMAT_PATTERN.exec(text ?? '');
  const version = Number(match?.[1] ?? 0);
  if (version > STORE_VERSION) {
    throw new BatChainError('BAT_E_STORE_TOO_NEW', {
      what: `the hosted shards have layout ${version}`,
      why: `this version of BatChain knows layouts up to ${STORE_VERSION}`,
    });
  }
  const storeId = fromHex(match?.[2] ?? '', 32);
  if (storeId === undefined) throw new BatChainError('BAT_E_STORE_DAMAGED', { what: `${path} can not be understood` });
  return storeId;
}

/** Draws the id of a new store and writes it, durable when it resolves. */
export async function writeStoreFormat(fs: FileSystem, names: Random, path: string): Promise<Uint8Array> {
  const storeId = names.bytes(32);
  const text = `batchain-store ${STORE_VERSION} ${toHex(storeId)}\n`;
  await atomicWriteFile(fs, names, path, utf8Bytes(text), { existing: 'replace' });
  return storeId;
}
