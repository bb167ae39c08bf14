// driven: the verbs about values: write, read and delete, in the local store or on the network (BD-06, BD-20 to BD-23).
import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { formatSize, type ValueFoundView } from '@batchain/participant/client';
import { BatChainError, utf8Bytes, utf8Text } from '@batchain/shared';
import { countText } from '../../output/health-text.ts';
import { SHOWN_BYTES_MAX } from '../shell-limits.ts';
import type { RequestOf } from '../shell-request.ts';
import { makeReference, readReference } from '../value-reference.ts';
import type { VerbAnswer, VerbTools } from '../verb-tools.ts';
import { formText } from './form-text.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const hasCode = (error: unknown, code: string): boolean => error instanceof BatChainError && error.code === code;

/** The default file is a name like any other: nobody's file is made for them. */
function noTestFile(path: string, cause: unknown): BatChainError {
  return new BatChainError('BAT_E_FILE_NOT_FOUND', {
    what: `there is no ${path} here`,
    why: 'W without a file takes the test file of the settings',
    fix: `W FILE; or make one: echo hello > ${path}`,
    cause,
  });
}

/** On the network bytes lie under their hash, with a reference under the key, so that both read them; locally under the key alone. */
export async function answerWrite(request: RequestOf<'write'>, tools: VerbTools): Promise<VerbAnswer> {
  const { file, isLocal } = request;
  try {
    return await (isLocal ? writeLocally(request, tools) : writeToNetwork(request, tools));
  } catch (error) {
    throw file === undefined && hasCode(error, 'BAT_E_FILE_NOT_FOUND') ? noTestFile(tools.defaults.testFile, error) : error;
  }
}

interface Source {
  /** As it was given. */
  readonly file: string;
  readonly path: string;
  readonly name: string;
  readonly pieceBytes: number;
}

function sourceOf({ file, pieceBytes, key }: RequestOf<'write'>, { defaults, cwd }: VerbTools): Source {
  const given = file ?? defaults.testFile;
  return { file: given, path: resolve(cwd, given), name: key ?? defaults.testKey, pieceBytes: pieceBytes ?? defaults.pieceBytes };
}

async function writeLocally(request: RequestOf<'write'>, tools: VerbTools): Promise<VerbAnswer> {
  const { file, path, name, pieceBytes } = sourceOf(request, tools);
  const stored = await tools.api.values.put(name, { path, pieceBytes, isLocal: true }, { signal: tools.signal });
  tools.keys.add(name);
  const { pieces, size, seq } = stored;
  return {
    fields: { key: name, store: 'local', file, size, pieceBytes, pieces, seq },
    text: [`OK ${formText(stored, pieceBytes)}, key ${name}  in the local store`],
  };
}

async function writeToNetwork(request: RequestOf<'write'>, tools: VerbTools): Promise<VerbAnswer> {
  const { api, keys, signal } = tools;
  const { file, path, name, pieceBytes } = sourceOf(request, tools);
  const stored = await api.values.putByHash({ path, pieceBytes }, { signal });
  const { key, pieces, size, storedOn } = stored;
  const { seq } = await api.values.put(name, { json: makeReference({ hash: key, file: basename(path), bytes: size }) }, { signal });
  keys.refer(name, key);
  const where = storedOn === 0 ? 'on no other node yet' : `stored on ${countText(storedOn, 'node')}`;
  return {
    fields: { key, name, store: 'network', file, size, pieceBytes, pieces, storedOn, seq },
    text: [`OK ${formText(stored, pieceBytes)}, key ${key}  ${where}, also as ${name}`],
  };
}

function notFound(key: string, isLocal: boolean, cause: unknown): BatChainError {
  return new BatChainError('BAT_E_VALUE_NOT_FOUND', {
    what: `no value under ${key}`,
    why: isLocal ? 'the local store has none' : 'no node that answered has one',
    fix: isLocal ? 'LD shows what there is' : 'LIST shows what is yours, LH hash where it would be',
    cause,
  });
}

async function findValue(key: string, isLocal: boolean, { api, signal }: VerbTools): Promise<ValueFoundView> {
  try {
    return await api.values.get(key, { isLocal, signal });
  } catch (error) {
    throw hasCode(error, 'BAT_E_VALUE_NOT_FOUND') ? notFound(key, isLocal, error) : error;
  }
}

const contentOf = (found: ValueFoundView): Uint8Array =>
  found.kind === 'bytes' ? Buffer.from(found.bytes, 'base64') : utf8Bytes(JSON.stringify(found.value));

/** The lines of a text, cut when it is long; nothing that is no text reaches a terminal. */
function shownLines(content: Uint8Array): string[] {
  // A character may lie across the cut: up to three of its bytes are left out.
  const cuts = content.length <= SHOWN_BYTES_MAX ? [content.length] : [0, 1, 2, 3].map((less) => SHOWN_BYTES_MAX - less);
  const text = cuts.map((cut) => utf8Text(content.subarray(0, cut))).find((found) => found !== undefined);
  if (text === undefined) return ['(no text: R key FILE writes it to a file)'];
  const rest = content.length - SHOWN_BYTES_MAX;
  const lines = text.replace(/\n$/, '').replaceAll('\t', '    ').split('\n');
  return rest > 0 ? [...lines, `(and ${formatSize(rest)} more: R key FILE writes all of it)`] : lines;
}

/** A reference is followed to what it refers to (BD-22). */
export async function answerRead(request: RequestOf<'read'>, tools: VerbTools): Promise<VerbAnswer> {
  const { isLocal, key, target } = request;
  const name = tools.keys.complete(key ?? tools.defaults.testKey);
  if (target !== undefined) return saveValue(name, isLocal, target, tools);
  const first = await findValue(name, isLocal, tools);
  const hash = isLocal ? undefined : readReference(first)?.hash;
  const found = hash === undefined ? first : await findValue(hash, false, tools);
  const content = contentOf(found);
  const digest = sha256(content);
  const value = found.kind === 'json' ? { value: found.value } : { bytes: found.bytes };
  return {
    fields: { ...factsOf(name, hash, isLocal, content.length, tools), sha256: digest, ...value },
    text: [`OK ${countText(content.length, 'byte')}, key ${keyText(name, hash)}  sha256 ${digest.slice(0, 8)}...`, ...shownLines(content)],
  };
}

const keyText = (name: string, hash: string | undefined): string => (hash === undefined ? name : `${name} = ${hash.slice(0, 8)}...`);

function factsOf(key: string, hash: string | undefined, isLocal: boolean, size: number, { keys }: VerbTools): Record<string, unknown> {
  if (hash === undefined) keys.add(key);
  else keys.refer(key, hash);
  return { key, ...(hash === undefined ? {} : { hash }), store: isLocal ? 'local' : 'network', size };
}

/** Of any size: it goes from the node to the file. */
async function saveValue(name: string, isLocal: boolean, target: string, tools: VerbTools): Promise<VerbAnswer> {
  const { api, cwd, signal } = tools;
  const hash = isLocal ? undefined : await referredTo(name, tools);
  const path = resolve(cwd, target);
  const { size } = await api.values.save(hash ?? name, { path, isLocal }, { signal }).catch((error: unknown) => {
    throw hasCode(error, 'BAT_E_VALUE_NOT_FOUND') ? notFound(name, isLocal, error) : error;
  });
  return {
    fields: { ...factsOf(name, hash, isLocal, size, tools), path },
    text: [`OK ${countText(size, 'byte')}, key ${keyText(name, hash)}  saved as ${target}`],
  };
}

/** With a reference goes what it refers to (BD-23). */
export async function answerDelete({ isLocal, key }: RequestOf<'delete'>, tools: VerbTools): Promise<VerbAnswer> {
  const { api, defaults, keys, signal } = tools;
  const name = keys.complete(key ?? defaults.testKey);
  const hash = isLocal ? undefined : await referredTo(name, tools);
  const remove = (of: string): Promise<{ readonly seq: number }> => api.values.remove(of, { isLocal, signal });
  const { seq } = await remove(name).catch((error: unknown) => {
    throw hasCode(error, 'BAT_E_VALUE_NOT_FOUND') ? notFound(name, isLocal, error) : error;
  });
  // It may have been deleted by its hash before.
  const isBehindGone = hash !== undefined && (await remove(hash).then(isTrue, isNoneLeft));
  return {
    fields: { key: name, store: isLocal ? 'local' : 'network', seq, ...(isBehindGone ? { hash } : {}) },
    text: [`OK deleted ${name}${isBehindGone ? ` and ${hash.slice(0, 8)}..., which it referred to` : ''}`],
  };
}

const isTrue = (): boolean => true;

function isNoneLeft(error: unknown): boolean {
  if (hasCode(error, 'BAT_E_VALUE_NOT_FOUND')) return false;
  throw error;
}

/** The hash behind a name; none for what is no reference, or can not be read now: whoever needs the value itself notices. */
async function referredTo(name: string, { api, signal }: VerbTools): Promise<string | undefined> {
  try {
    return readReference(await api.values.get(name, { signal }))?.hash;
  } catch (error) {
    if (!(error instanceof BatChainError) || signal.aborted) throw error;
    return undefined;
  }
}
