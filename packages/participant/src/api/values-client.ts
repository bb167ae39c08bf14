// driven: the client's side of values by key.
import { BatChainError } from '@batchain/shared';
import type { ApiCalls, CallOptions, JobOptions } from './api-calls.ts';
import {
  type ValueByHashBody,
  type ValueDigestBody,
  type ValueDigestedView,
  type ValueFoundView,
  type ValueListView,
  type ValuePutBody,
  type ValueReadView,
  type ValueRemovedView,
  type ValueSaveBody,
  type ValueSavedView,
  type ValueStoredView,
  valueDigested,
  valueFound,
  valueList,
  valueRead,
  valueRemoved,
  valueSaved,
  valueStored,
} from './values-schemas.ts';

export interface ValuePlace extends CallOptions {
  readonly isLocal?: boolean;
}

export interface ValueRange extends ValuePlace {
  readonly offset?: number;
  readonly length?: number;
}

/** Throws BAT_E_VALUE_KEY for what no path can carry. */
function valuePath(key: string): string {
  if (key === '') throw new BatChainError('BAT_E_VALUE_KEY', { what: 'the key is empty', why: 'a key has at least one character' });
  if (key.includes('\0')) throw new BatChainError('BAT_E_VALUE_KEY', { what: 'the key holds a zero character', why: 'no key has one' });
  return `/v1/values/${encodeURIComponent(key)}`;
}

/** `?a=1&b=2` of what is defined. */
function queryOf(fields: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as [string, string]]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

/** Every call rejects with a BatChainError (BAT_E_VALUE_NOT_FOUND where there is no such value), or with the signal's reason. */
export class ValuesClient {
  readonly #calls: ApiCalls;

  constructor(calls: ApiCalls) {
    this.#calls = calls;
  }

  async put(key: string, body: ValuePutBody, options: JobOptions = {}): Promise<ValueStoredView> {
    return this.#calls.job({ method: 'PUT', path: valuePath(key), body }, valueStored, options);
  }

  putByHash(body: ValueByHashBody, options: JobOptions = {}): Promise<ValueStoredView> {
    return this.#calls.job({ method: 'PUT', path: '/v1/values', body }, valueStored, options);
  }

  async get(key: string, { isLocal, ...options }: ValuePlace = {}): Promise<ValueFoundView> {
    return this.#calls.json({ method: 'GET', path: `${valuePath(key)}${queryOf({ local: isLocal })}` }, valueFound, options);
  }

  /** Writes the whole value to a file at an absolute path, all of it or nothing. */
  async save(key: string, body: ValueSaveBody, options: JobOptions = {}): Promise<ValueSavedView> {
    return this.#calls.job({ method: 'POST', path: `${valuePath(key)}/save`, body }, valueSaved, options);
  }

  /** Has every node that keeps a range of the value hash it where it lies (BD-45). */
  async digest(key: string, body: ValueDigestBody = {}, options: JobOptions = {}): Promise<ValueDigestedView> {
    return this.#calls.job({ method: 'POST', path: `${valuePath(key)}/digest`, body }, valueDigested, options);
  }

  async remove(key: string, { isLocal, ...options }: ValuePlace = {}): Promise<ValueRemovedView> {
    const body = isLocal === undefined ? {} : { isLocal };
    return this.#calls.json({ method: 'DELETE', path: valuePath(key), body }, valueRemoved, options);
  }

  list({ isLocal, prefix, ...options }: ValuePlace & { readonly prefix?: string } = {}): Promise<ValueListView> {
    return this.#calls.json({ method: 'GET', path: `/v1/values${queryOf({ local: isLocal, prefix })}` }, valueList, options);
  }

  /** The bytes in order; the return value is the result. Throws when they end early: what came so far is not the value. */
  async *content(key: string, { isLocal, offset, length, ...options }: ValueRange = {}): AsyncGenerator<Uint8Array, ValueReadView> {
    const path = `${valuePath(key)}/content${queryOf({ local: isLocal, offset, length })}`;
    return yield* this.#calls.content(path, valueRead, options);
  }
}
