// driven: values by key over HTTP: list, put, read whole or in part, remove; of the network, or with local=1 of the local store.
import { BatChainError, collectBytes, type JsonValue, parseGuardedJson } from '@batchain/shared';
import { viewEntry, viewStored } from '../api/values-routes.ts';
import { parseDuration } from '../config/durations.ts';
import { GATEWAY_LIST_MAX, GATEWAY_WHOLE_BYTES_MAX, VALUE_FILE_BYTES_MAX, VALUE_JSON_DEPTH_MAX, VALUE_JSON_VALUES_MAX } from '../limits.ts';
import { isHashKey } from '../values/value-key.ts';
import type { OpenedValue, StoredValue, ValueEntry, ValuesApi } from '../values/values-api.ts';
import { chooseRange } from './byte-range.ts';
import type { Exchange } from './exchange.ts';
import { GatewayError, outOfRange } from './gateway-error.ts';
import { type GatewayTarget, isSwitchedOn } from './gateway-target.ts';
import type { IncomingFiles } from './incoming-files.ts';
import { checkPreconditions, isKnown, isRangeCurrent } from './preconditions.ts';

const JSON_LIMITS = { bytesMax: GATEWAY_WHOLE_BYTES_MAX, depthMax: VALUE_JSON_DEPTH_MAX, valuesMax: VALUE_JSON_VALUES_MAX };

/** Of a value by its hash the hash itself; of all others the number of the change. */
const tagOf = ({ key, sequence }: { readonly key: string; readonly sequence: number }): string => `"${isHashKey(key) ? key : sequence}"`;

interface Place {
  readonly isLocal: boolean;
  readonly signal: AbortSignal;
}

export class ValueAnswers {
  readonly #values: ValuesApi;
  readonly #incoming: IncomingFiles;
  /** Keys that are being changed under a precondition: it must still hold when the change is made. */
  readonly #guarded = new Set<string>();

  constructor(values: ValuesApi, incoming: IncomingFiles) {
    this.#values = values;
    this.#incoming = incoming;
  }

  methods(name: string): readonly string[] {
    if (name === '') return ['GET', 'HEAD', 'POST'];
    return isHashKey(name) ? ['GET', 'HEAD', 'DELETE'] : ['GET', 'HEAD', 'PUT', 'DELETE'];
  }

  async answer(exchange: Exchange, { name, query }: GatewayTarget): Promise<void> {
    const place = { isLocal: isSwitchedOn(query, 'local'), signal: exchange.signal };
    const { method } = exchange;
    if (query.has('ttl') && method !== 'PUT') throw new GatewayError(400, { what: 'ttl is for putting', fix: 'PUT /kv/KEY?ttl=30m' });
    if (name === '') return method === 'POST' ? this.#putByHash(exchange, query) : this.#list(exchange, query, place.isLocal);
    if (method === 'PUT') return this.#put(exchange, name, place, readTtl(query.get('ttl')));
    return method === 'DELETE' ? this.#remove(exchange, name, place) : this.#get(exchange, name, place);
  }

  async #list(exchange: Exchange, query: GatewayTarget['query'], isLocal: boolean): Promise<void> {
    const after = query.get('after');
    const limit = readLimit(query.get('limit'));
    const all = await this.#values.list({ isLocal, prefix: query.get('prefix') ?? '' });
    const rest = after === undefined ? all : all.filter(({ key }) => key > after);
    const page = rest.slice(0, limit);
    // What to ask on with: `after` of the next request.
    await exchange.json(200, { values: page.map(viewEntry), next: rest.length > limit ? page.at(-1)?.key : null });
  }

  async #get(exchange: Exchange, key: string, place: Place): Promise<void> {
    const opened = await this.#values.open(key, place);
    if (opened === undefined) throw notFound();
    try {
      await this.#send(exchange, key, place, opened);
    } finally {
      await opened.content.return();
    }
  }

  async #send(exchange: Exchange, key: string, place: Place, opened: OpenedValue): Promise<void> {
    const { headers: asked } = exchange.request;
    const tag = tagOf(opened);
    const isJson = opened.type === 'json';
    const headers = {
      etag: tag,
      'accept-ranges': 'bytes',
      'content-type': isJson ? 'application/json' : 'application/octet-stream',
      ...(isJson ? {} : { 'content-disposition': 'attachment' }),
      ...(isHashKey(key) ? { 'cache-control': 'private, max-age=31536000, immutable' } : {}),
    };
    if (isKnown(asked, tag)) return exchange.head(304, { etag: tag });
    if (exchange.method === 'HEAD') return exchange.head(200, { ...headers, 'content-length': opened.bytesTotal });
    const range = chooseRange(isRangeCurrent(asked, tag) ? asked.range : undefined, opened.bytesTotal);
    if (range.kind === 'unsatisfiable') throw outOfRange(opened.bytesTotal);
    if (range.kind === 'whole') return exchange.bytes(200, { ...headers, 'content-length': opened.bytesTotal }, opened.content);
    const { start, end } = range;
    const part = await this.#values.open(key, { ...place, offset: start, length: end - start });
    if (part?.sequence !== opened.sequence || part.length !== end - start) {
      await part?.content.return();
      throw new GatewayError(503, { what: 'the value was changed while it was read', fix: 'ask again' }, { 'retry-after': '0' });
    }
    const { bytesTotal } = opened;
    const told = { ...headers, 'content-length': end - start, 'content-range': `bytes ${start}-${end - 1}/${bytesTotal}` };
    await exchange.bytes(206, told, part.content);
  }

  async #put(exchange: Exchange, key: string, place: Place, ttlMs: number | undefined): Promise<void> {
    const leave = await this.#guard(exchange, key, place.isLocal);
    try {
      const json = isJson(exchange) ? { value: await readJson(exchange) } : undefined;
      const isNew = (await this.#own(key, place.isLocal)) === undefined;
      const options = { ...place, ...(ttlMs === undefined ? {} : { ttlMs }) };
      const stored =
        json === undefined
          ? await this.#values.putStream(key, this.#body(exchange), options)
          : await this.#values.put(key, json.value, options);
      await sendStored(exchange, isNew ? 201 : 200, stored);
    } finally {
      leave();
    }
  }

  /** Large values lie on the disk on their way. */
  #body(exchange: Exchange): AsyncGenerator<Uint8Array, void> {
    const announced = exchange.announcedBytes(VALUE_FILE_BYTES_MAX);
    return this.#incoming.metered(exchange.body(VALUE_FILE_BYTES_MAX), announced);
  }

  /** Under its own name: whoever has it checks what he gets. */
  async #putByHash(exchange: Exchange, query: GatewayTarget['query']): Promise<void> {
    if (query.size > 0) throw new GatewayError(400, { what: 'a value by its hash takes no parameters' });
    const bytes = await readWhole(exchange);
    await sendStored(exchange, 201, await this.#values.putByHash(bytes, { signal: exchange.signal }));
  }

  async #remove(exchange: Exchange, key: string, place: Place): Promise<void> {
    const leave = await this.#guard(exchange, key, place.isLocal);
    try {
      const removed = await this.#values.remove(key, place);
      if (removed === undefined) throw notFound();
      const { sequence, ...rest } = removed;
      await exchange.json(200, { ...rest, seq: sequence });
    } finally {
      leave();
    }
  }

  /** What we keep under the key, whoever else has such a key. */
  async #own(key: string, isLocal: boolean): Promise<ValueEntry | undefined> {
    return (await this.#values.list({ isLocal, prefix: key })).find((entry) => entry.key === key);
  }

  async #guard({ request: { headers } }: Exchange, key: string, isLocal: boolean): Promise<() => void> {
    if (headers['if-match'] === undefined && headers['if-none-match'] === undefined) return () => undefined;
    const name = `${isLocal ? 'local' : 'network'} ${key}`;
    if (this.#guarded.has(name))
      throw new GatewayError(409, { what: 'the value is being changed by another request', fix: 'read it and try again' });
    this.#guarded.add(name);
    const leave = (): void => {
      this.#guarded.delete(name);
    };
    try {
      const own = await this.#own(key, isLocal);
      checkPreconditions(headers, own === undefined ? undefined : tagOf(own));
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }
}

async function sendStored(exchange: Exchange, status: number, stored: StoredValue): Promise<void> {
  const place = `/kv/${encodeURIComponent(stored.key)}`;
  await exchange.json(status, viewStored(stored), { location: stored.isLocal ? `${place}?local=1` : place, etag: tagOf(stored) });
}

const notFound = (): BatChainError =>
  new BatChainError('BAT_E_VALUE_NOT_FOUND', {
    what: 'there is no value under that key',
    fix: 'see the own values: GET /kv/ and GET /kv/?local=1',
  });

const isJson = ({ request }: Exchange): boolean =>
  request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === 'application/json';

const readWhole = (exchange: Exchange): Promise<Uint8Array> => collectBytes(exchange.body(GATEWAY_WHOLE_BYTES_MAX));

async function readJson(exchange: Exchange): Promise<JsonValue> {
  const parsed = parseGuardedJson(await readWhole(exchange), JSON_LIMITS);
  if (parsed.ok) return parsed.value;
  throw new GatewayError(400, {
    what: 'the body is not usable JSON',
    why: parsed.detail === undefined ? parsed.reason : `${parsed.reason}: ${parsed.detail}`,
    fix: 'send other bytes with another content type: they are kept as they are',
  });
}

function readTtl(text: string | undefined): number | undefined {
  const ttlMs = text === undefined ? undefined : parseDuration(text);
  if (text !== undefined && ttlMs === undefined)
    throw new GatewayError(400, {
      what: `ttl: ${JSON.stringify(text)} can not be used`,
      why: 'expected a duration such as 30s, 1h30m or 7d',
    });
  return ttlMs;
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return GATEWAY_LIST_MAX;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > GATEWAY_LIST_MAX)
    throw new GatewayError(400, {
      what: `limit: ${JSON.stringify(text)} can not be used`,
      why: `expected a number from 1 to ${GATEWAY_LIST_MAX}`,
    });
  return limit;
}
