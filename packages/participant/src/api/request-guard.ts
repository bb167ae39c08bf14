// pure: which requests the local API hears at all (T17): no web page can be behind them.
import type { IncomingHttpHeaders } from 'node:http';
import { RequestError } from './request-error.ts';

/** Names that a client of the socket uses for this machine; any other is a page that made a name point here. */
const HOSTS: ReadonlySet<string> = new Set(['b', 'batchain', 'localhost']);

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET']);
const KNOWN_METHODS: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE']);

export interface RequestHead {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** Undefined when the request may go on; otherwise why not. */
export function judgeRequest({ method, headers }: RequestHead): RequestError | undefined {
  if (headers.origin !== undefined) return new RequestError(403, 'a request with an Origin comes from a web page');
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'none') return new RequestError(403, 'a request from a web page');
  if (headers.host === undefined || !HOSTS.has(headers.host.toLowerCase())) {
    return new RequestError(403, `Host is not one of ${[...HOSTS].join(', ')}`);
  }
  if (!KNOWN_METHODS.has(method)) return new RequestError(405, `${method} is not used here`);
  if (SAFE_METHODS.has(method)) return undefined;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  return type === 'application/json' ? undefined : new RequestError(415, 'the content type must be application/json');
}
