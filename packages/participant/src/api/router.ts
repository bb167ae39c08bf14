// pure: which handler answers a method and a path; path parts after a colon are decoded and handed over by name.
import type { z } from 'zod';
import type { JobContext } from './job-table.ts';

export interface ApiRequest<B = unknown> {
  readonly params: Readonly<Record<string, string>>;
  readonly body: B;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What follows the question mark. */
  readonly query: URLSearchParams;
}

/** How a handler answers. */
export type ApiReply =
  | { readonly kind: 'json'; readonly body: unknown }
  /** Progress and result as lines; cancelled when the client goes. */
  | { readonly kind: 'job'; readonly name: string; readonly work: (context: JobContext) => Promise<unknown> }
  /** Raw bytes; the generator's return value becomes the job's result. */
  | { readonly kind: 'bytes'; readonly name: string; readonly open: (context: JobContext) => AsyncGenerator<Uint8Array, unknown> }
  | { readonly kind: 'events'; readonly lastId: number };

export interface Route<B = any> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** `/v1/files/:ref/audit` */
  readonly path: string;
  readonly body?: z.ZodType<B>;
  handle(request: ApiRequest<B>): ApiReply | Promise<ApiReply>;
}

/** Keeps the body type of one route. */
export function defineRoute<B>(route: Route<B>): Route {
  return route;
}

export type RouteMatch =
  | { readonly kind: 'found'; readonly route: Route; readonly params: Record<string, string> }
  | { readonly kind: 'no-path' }
  | { readonly kind: 'no-method'; readonly allow: readonly string[] };

function matchPath(pattern: string, parts: readonly string[]): Record<string, string> | undefined {
  const names = pattern.split('/');
  if (names.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    const part = parts[i] as string;
    if (name.startsWith(':') && part !== '') params[name.slice(1)] = part;
    else if (name !== part) return undefined;
  }
  return params;
}

/** The path's parts, decoded; undefined when an escape is malformed or hides a zero. */
function decodeParts(url: string): string[] | undefined {
  try {
    const parts = (url.split('?')[0] ?? '').split('/').map(decodeURIComponent);
    return parts.some((part) => part.includes('\0')) ? undefined : parts;
  } catch {
    return undefined;
  }
}

export function matchRoute(routes: readonly Route[], method: string, url: string): RouteMatch {
  const parts = decodeParts(url);
  if (parts === undefined) return { kind: 'no-path' };
  const allow: string[] = [];
  for (const route of routes) {
    const params = matchPath(route.path, parts);
    if (params === undefined) continue;
    if (route.method === method) return { kind: 'found', route, params };
    allow.push(route.method);
  }
  return allow.length > 0 ? { kind: 'no-method', allow } : { kind: 'no-path' };
}

export function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
}
