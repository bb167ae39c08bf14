// driven: files over HTTP: list, store, read whole or in part, release.
import { type BatNodeApi, type FileEntry, type Policy, parsePolicy, type UploadResult, validateFileName } from '@batchain/bat-node';
import { BatChainError, toHex } from '@batchain/shared';
import { viewList, viewRelease, viewUpload } from '../api/result-views.ts';
import { GATEWAY_FILE_BYTES_MAX, GATEWAY_TRANSFERS_MAX } from '../limits.ts';
import { chooseRange } from './byte-range.ts';
import type { Exchange } from './exchange.ts';
import { GatewayError, outOfRange } from './gateway-error.ts';
import type { GatewayTarget } from './gateway-target.ts';
import type { IncomingFiles } from './incoming-files.ts';
import { Places } from './places.ts';
import { checkPreconditions, isKnown, isRangeCurrent } from './preconditions.ts';

type Files = Pick<BatNodeApi, 'list' | 'upload' | 'downloadStream' | 'release'>;

const tagOf = (file: FileEntry): string => `"${toHex(file.fileId)}"`;
const placeOf = (id: string): string => `/files/${id}`;

export class FileAnswers {
  readonly #files: Files;
  readonly #incoming: IncomingFiles;
  readonly #transfers = new Places(GATEWAY_TRANSFERS_MAX, 'files');
  /** Names that are being stored: two at once would become two files of one name. */
  readonly #storing = new Set<string>();

  constructor(files: Files, incoming: IncomingFiles) {
    this.#files = files;
    this.#incoming = incoming;
  }

  methods(name: string): readonly string[] {
    return name === '' ? ['GET', 'HEAD'] : ['GET', 'HEAD', 'PUT', 'DELETE'];
  }

  async answer(exchange: Exchange, { name, query }: GatewayTarget): Promise<void> {
    if (name === '') return this.#list(exchange);
    const { method } = exchange;
    if (method === 'PUT') return this.#put(exchange, name, readPolicy(query.get('policy')));
    if (query.has('policy')) throw new GatewayError(400, { what: 'policy is for storing', fix: 'PUT /files/NAME?policy=KofN' });
    const file = await this.#find(name);
    return method === 'DELETE' ? this.#release(exchange, file) : this.#get(exchange, file);
  }

  async #list(exchange: Exchange): Promise<void> {
    const { files } = viewList(await this.#files.list());
    // Where manifests lie on this machine is nobody else's business.
    await exchange.json(200, {
      files: files.map(({ manifest: _, manifestFault, ...file }) => ({ ...file, hasManifest: manifestFault === null })),
    });
  }

  /** By whole id, by name, or by a unique beginning of the id; never by a path: this is not this machine's file system. */
  async #find(ref: string): Promise<FileEntry> {
    const files = await this.#files.list();
    const byName = files.filter((file) => file.name === ref);
    const isPrefix = /^[0-9a-f]{1,64}$/.test(ref);
    const found = byName.length > 0 || !isPrefix ? byName : files.filter((file) => toHex(file.fileId).startsWith(ref));
    const [file] = found;
    if (file !== undefined && found.length === 1) return file;
    if (file === undefined) throw new GatewayError(404, { what: 'there is no file of that name or id', fix: 'see the files: GET /files/' });
    throw new BatChainError('BAT_E_REF_AMBIGUOUS', {
      what: `that fits ${found.length} files`,
      fix: 'name it by its id: GET /files/ shows them',
      details: { candidates: found.map(({ fileId }) => toHex(fileId)) },
    });
  }

  async #get(exchange: Exchange, file: FileEntry): Promise<void> {
    const { request, signal } = exchange;
    const tag = tagOf(file);
    const headers = {
      etag: tag,
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name).replaceAll("'", '%27')}`,
    };
    if (isKnown(request.headers, tag)) return exchange.head(304, { etag: tag });
    if (exchange.method === 'HEAD') return exchange.head(200, { ...headers, 'content-length': file.bytes });
    const range = chooseRange(isRangeCurrent(request.headers, tag) ? request.headers.range : undefined, file.bytes);
    if (range.kind === 'unsatisfiable') throw outOfRange(file.bytes);
    const { start, end } = range.kind === 'whole' ? { start: 0, end: file.bytes } : range;
    const leave = this.#transfers.take();
    try {
      const content = this.#files.downloadStream(toHex(file.fileId), { offset: start, length: end - start, signal });
      const length = { 'content-length': end - start };
      if (range.kind === 'whole') await exchange.bytes(200, { ...headers, ...length }, content);
      else await exchange.bytes(206, { ...headers, ...length, 'content-range': `bytes ${start}-${end - 1}/${file.bytes}` }, content);
    } finally {
      leave();
    }
  }

  async #release(exchange: Exchange, file: FileEntry): Promise<void> {
    checkPreconditions(exchange.request.headers, tagOf(file));
    await exchange.json(200, viewRelease(await this.#files.release(toHex(file.fileId), { signal: exchange.signal })));
  }

  /** A file that is there already is replaced when the client says which (If-Match): then it goes, after the new one is stored. */
  async #put(exchange: Exchange, name: string, policy: Policy | undefined): Promise<void> {
    const checked = validateFileName(name);
    if (!checked.ok) throw new GatewayError(400, { what: 'that can not be the name of a file', why: checked.detail ?? checked.reason });
    if (this.#storing.has(name)) throw new GatewayError(409, { what: 'a file of that name is being stored', fix: 'wait until it is' });
    const bytesAhead = exchange.announcedBytes(GATEWAY_FILE_BYTES_MAX);
    const leave = this.#transfers.take();
    this.#storing.add(name);
    try {
      const replaced = await this.#replacedBy(exchange, name);
      const stored = viewUpload(await this.#store(exchange, name, policy, bytesAhead));
      if (replaced !== undefined) await this.#files.release(toHex(replaced.fileId), { signal: exchange.signal });
      await exchange.json(201, stored, { location: placeOf(stored.id), etag: `"${stored.id}"` });
    } finally {
      this.#storing.delete(name);
      leave();
    }
  }

  async #store(exchange: Exchange, name: string, policy: Policy | undefined, bytesAhead: number | undefined): Promise<UploadResult> {
    const source = await this.#incoming.receive(exchange.body(GATEWAY_FILE_BYTES_MAX), bytesAhead);
    try {
      const options = { name, isOnce: true, signal: exchange.signal, ...(policy === undefined ? {} : { policy }) };
      return await this.#files.upload(source.path, options);
    } finally {
      await source.remove();
    }
  }

  async #replacedBy(exchange: Exchange, name: string): Promise<FileEntry | undefined> {
    const { headers } = exchange.request;
    const sameName = (await this.#files.list()).filter((file) => file.name === name);
    const [file] = sameName;
    checkPreconditions(headers, file === undefined ? undefined : tagOf(file));
    if (file === undefined) return undefined;
    if (headers['if-match'] !== undefined && sameName.length === 1) return file;
    throw new GatewayError(409, {
      what: 'there is a file of that name',
      why: `its id is ${toHex(file.fileId)}`,
      fix: `to replace it send the header If-Match: ${tagOf(file)}, or DELETE it first`,
    });
  }
}

function readPolicy(text: string | undefined): Policy | undefined {
  const policy = text === undefined ? undefined : parsePolicy(text);
  if (text !== undefined && policy === undefined)
    throw new GatewayError(400, { what: `policy: ${JSON.stringify(text)} can not be used`, why: 'expected KofN with 1 <= K <= N <= 256' });
  return policy;
}
