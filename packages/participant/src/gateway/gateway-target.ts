// pure: what a request names: a value, a file, a list, or the health check. A path is decoded once and never touches a file system.
import { GatewayError } from './gateway-error.ts';

export type GatewayTarget = {
  /** Empty for the list. */
  readonly name: string;
  readonly area: 'health' | 'kv' | 'files';
  readonly query: ReadonlyMap<string, string>;
};

function readQuery(text: string, known: readonly string[]): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(text)) {
    // A typo in `local` must not write to the network.
    if (!known.includes(key))
      throw new GatewayError(400, { what: `${JSON.stringify(key)} is no parameter here`, why: `known: ${known.join(', ') || 'none'}` });
    if (query.has(key)) throw new GatewayError(400, { what: `the parameter ${key} stands twice` });
    query.set(key, value);
  }
  return query;
}

const PARAMETERS: Readonly<Record<GatewayTarget['area'], { readonly list: readonly string[]; readonly item: readonly string[] }>> = {
  health: { list: [], item: [] },
  kv: { list: ['local', 'prefix', 'after', 'limit'], item: ['local', 'ttl'] },
  files: { list: [], item: ['policy'] },
};

/** Undefined when there is nothing at the path. Throws a GatewayError for what is malformed. */
export function parseTarget(url: string): GatewayTarget | undefined {
  const [, path = '', , text = ''] = /^([^?#]*)(\?([^#]*))?/.exec(url) ?? [];
  const [, area, , rest = ''] = /^\/(health|kv|files)(\/(.*))?$/s.exec(path) ?? [];
  if (area === undefined || (area === 'health' && rest !== '')) return undefined;
  let name: string;
  try {
    name = decodeURIComponent(rest);
  } catch {
    throw new GatewayError(400, { what: 'the path is not percent-encoded UTF-8' });
  }
  const known = PARAMETERS[area as GatewayTarget['area']];
  return { area: area as GatewayTarget['area'], name, query: readQuery(text, name === '' ? known.list : known.item) };
}

/** `local=1`. */
export function isSwitchedOn(query: GatewayTarget['query'], key: string): boolean {
  const value = query.get(key) ?? '0';
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw new GatewayError(400, { what: `${key}: ${JSON.stringify(value)} can not be used`, why: 'expected 1 or 0' });
}
