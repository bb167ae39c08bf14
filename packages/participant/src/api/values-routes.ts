// driven: the routes of values by key: put, get, a range of the bytes, save to a file, remove, list.
import { BatChainError, utf8Bytes } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import { checkJsonText } from '../values/json-text.ts';
import type { FoundValue, StoredValue, ValueEntry, ValueHead, ValueOpenOptions, ValueProgress, ValuesApi } from '../values/values-api.ts';
import type { JobContext } from './job-table.ts';
import { given, job, json } from './replies.ts';
import { RequestError } from './request-error.ts';
import { type ApiRequest, defineRoute, type Route } from './router.ts';
import {
  type ValueByHashBody,
  type ValueEntryView,
  type ValueFoundView,
  type ValuePutBody,
  type ValueReadView,
  type ValueStoredView,
  valueByHashBody,
  valueDigestBody,
  valuePutBody,
  valueRemoveBody,
  valueSaveBody,
} from './values-schemas.ts';

export function valueRoutes(values: ValuesApi): Route[] {
  const keyOf = ({ params }: ApiRequest<any>): string => params.key ?? '';
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/values',
      handle: async ({ query }) => {
        const entries = await values.list({ ...placeOf(query), prefix: query.get('prefix') ?? '' });
        return json({ values: entries.map(viewEntry), stats: values.stats() });
      },
    }),
    defineRoute({
      method: 'PUT',
      path: '/v1/values',
      body: valueByHashBody,
      handle: ({ body }) => job('kv put', async (context) => viewStored(await putByHash(values, body, context))),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/values/:key',
      handle: async (request) => json(viewFound(found(keyOf(request), await values.get(keyOf(request), placeOf(request.query))))),
    }),
    defineRoute({
      method: 'PUT',
      path: '/v1/values/:key',
      body: valuePutBody,
      handle: (request) => job('kv put', async (context) => viewStored(await put(values, keyOf(request), request.body, context))),
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/values/:key',
      body: valueRemoveBody,
      handle: async (request) => {
        const { sequence, ...removed } = found(keyOf(request), await values.remove(keyOf(request), given(request.body)));
        return json({ ...removed, seq: sequence });
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/values/:key/content',
      handle: (request) => ({
        kind: 'bytes',
        name: 'kv get',
        open: (context) => streamValue(values, keyOf(request), rangeOf(request.query), context),
      }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/values/:key/digest',
      body: valueDigestBody,
      handle: (request) =>
        job('kv digest', async ({ signal }) => {
          const said = await values.digest(keyOf(request), { ...given(request.body), signal });
          const { offset, length, parts, ...head } = found(keyOf(request), said);
          return { ...viewHead(head), offset, length, parts };
        }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/values/:key/save',
      body: valueSaveBody,
      handle: (request) =>
        job('kv get', async ({ signal, onProgress }) => {
          const { path, ...options } = request.body;
          const progress = (now: ValueProgress): void => onProgress(viewProgress(now));
          const head = await values.getFile(keyOf(request), path, { ...given(options), signal, onProgress: progress });
          return { ...viewHead(found(keyOf(request), head)), path };
        }),
    }),
  ];
}

function put(values: ValuesApi, key: string, body: ValuePutBody, { signal, onProgress }: JobContext): Promise<StoredValue> {
  const { json: jsonText, text, bytes, path, ...rest } = body;
  const options = { ...given(rest), signal, onProgress: (progress: ValueProgress) => onProgress(viewProgress(progress)) };
  if (path !== undefined) return values.putFile(key, path, options);
  if (jsonText !== undefined) return values.put(key, checkJsonText(jsonText), options);
  return values.put(key, text === undefined ? bytesOf(bytes) : utf8Bytes(text), options);
}

function putByHash(values: ValuesApi, body: ValueByHashBody, { signal, onProgress }: JobContext): Promise<StoredValue> {
  const { text, bytes, path, ...rest } = body;
  const options = { ...given(rest), signal, onProgress: (progress: ValueProgress) => onProgress(viewProgress(progress)) };
  if (path !== undefined) return values.putFileByHash(path, options);
  return values.putByHash(text === undefined ? bytesOf(bytes) : utf8Bytes(text), options);
}

async function* streamValue(
  values: ValuesApi,
  key: string,
  options: ValueOpenOptions,
  { signal }: JobContext,
): AsyncGenerator<Uint8Array, ValueReadView> {
  const opened = found(key, await values.open(key, { ...options, signal }));
  yield* opened.content;
  return { ...viewHead(opened), offset: opened.offset, length: opened.length };
}

function found<T>(key: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new BatChainError('BAT_E_VALUE_NOT_FOUND', { what: `there is no value under ${JSON.stringify(key.slice(0, 100))}` });
}

function bytesOf(base64: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(base64 ?? '', 'base64'));
}

function placeOf(query: URLSearchParams): { readonly isLocal?: boolean } {
  const word = query.get('local') ?? 'false';
  if (word === 'true' || word === 'false') return word === 'true' ? { isLocal: true } : {};
  throw new RequestError(400, `local=${word}`, 'it is true or false');
}

function rangeOf(query: URLSearchParams): ValueOpenOptions {
  const read = (name: 'offset' | 'length'): Partial<Record<typeof name, number>> => {
    const text = query.get(name);
    if (text === null) return {};
    if (!/^\d{1,15}$/.test(text)) throw new RequestError(400, `${name}=${text.slice(0, 30)}`, 'it is a whole number of bytes');
    return { [name]: Number(text) };
  };
  return { ...placeOf(query), ...read('offset'), ...read('length') };
}

const timeOf = (atMs: number | undefined): string | null => (atMs === undefined ? null : isoTime(atMs));

export function viewEntry({ type, bytes, sequence, addedAtMs, expiresAtMs, ...rest }: ValueEntry): ValueEntryView {
  return { ...rest, kind: type, size: bytes, seq: sequence, addedAt: isoTime(addedAtMs), expiresAt: timeOf(expiresAtMs) };
}

export function viewStored({ storedOn, ...entry }: StoredValue): ValueStoredView {
  return { ...viewEntry(entry), storedOn };
}

function viewHead({ key, owner, type, form, sequence, bytesTotal, expiresAtMs }: ValueHead) {
  return { key, owner: owner ?? null, kind: type, form, seq: sequence, size: bytesTotal, expiresAt: timeOf(expiresAtMs) };
}

function viewFound(value: FoundValue): ValueFoundView {
  const { kind: _kind, ...head } = viewHead(value);
  if (value.type === 'bytes') return { ...head, kind: 'bytes', bytes: Buffer.from(value.bytes).toString('base64') };
  // The values of both types are JSON; only one of them is read-only.
  return { ...head, kind: 'json', value: value.value as Extract<ValueFoundView, { kind: 'json' }>['value'] };
}

function viewProgress({ doneBytes, totalBytes }: ValueProgress): Parameters<JobContext['onProgress']>[0] {
  return { phase: 'transferring', doneBytes, totalBytes, resumedBytes: 0, hosts: [] };
}
