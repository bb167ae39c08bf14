// pure: which requests the gateway hears at all (T17): none that a web page can be behind, and off this machine none without the token.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Address, formatAddress, isLoopbackHost } from '@batchain/shared';
import { GatewayError } from './gateway-error.ts';

export interface GuardRules {
  /** What the gateway listens on. */
  readonly bound: Address;
  /** Asked when it listens on all interfaces: addresses of this machine come and go. */
  readonly ownHosts: () => readonly string[];
  /** Undefined: requests from this machine need none. */
  readonly token: string | undefined;
}

const HTTP_PORT = 80;
const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

export const isEveryInterface = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** Without a port only where HTTP's own is meant. */
function namesFor(host: string, port: number): string[] {
  return port === HTTP_PORT ? [host, `${host}:${port}`] : [`${host}:${port}`];
}

/** A name that points here from elsewhere (DNS rebinding) is none of ours: we have addresses, and one name. */
function isOurHost(header: string | undefined, { bound, ownHosts }: GuardRules): boolean {
  const asked = header?.toLowerCase() ?? '';
  if (LOOPBACK_NAMES.some((name) => namesFor(name, bound.port).includes(asked))) return true;
  const hosts = isEveryInterface(bound.host) ? ownHosts() : [bound.host];
  return hosts.some((host) => namesFor(formatAddress({ host, port: 0 }).replace(/:0$/, ''), bound.port).includes(asked));
}

/** Why the request is from a web page or for somebody else; undefined when it is not. Nothing is said of the token. */
export function judgeOrigin(headers: IncomingHttpHeaders, rules: GuardRules): GatewayError | undefined {
  const fix = 'use curl or another program, and the address that the gateway prints';
  if (headers.origin !== undefined) return new GatewayError(403, { what: 'a request with an Origin comes from a web page', fix });
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'none') return new GatewayError(403, { what: 'a request from a web page', fix });
  if (isOurHost(headers.host, rules)) return undefined;
  return new GatewayError(403, {
    what: 'Host is none of the names of this gateway',
    why: 'another name may have been made to point here',
    fix,
  });
}

/** Of equal length and compared as a whole: how long it takes tells nothing of where two tokens differ. */
const equalSecrets = (a: string, b: string): boolean => {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
};

/** Undefined when the request may go on. `remoteHost`: who sends it. */
export function judgeToken(
  authorization: string | undefined,
  remoteHost: string | undefined,
  { bound, token }: GuardRules,
): GatewayError | undefined {
  const isFromHere = isLoopbackHost(bound.host) && remoteHost !== undefined && isLoopbackHost(remoteHost);
  if (token === undefined && isFromHere) return undefined;
  const given = /^bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
  // Without one of ours nobody has it.
  if (token !== undefined && given !== undefined && equalSecrets(given, token)) return undefined;
  const challenge = given === undefined ? 'Bearer realm="batchain"' : 'Bearer realm="batchain", error="invalid_token"';
  return new GatewayError(
    401,
    { what: given === undefined ? 'the request bears no token' : 'the token is wrong', fix: TOKEN_FIX },
    {
      'www-authenticate': challenge,
    },
  );
}

const TOKEN_FIX = 'send the header Authorization: Bearer TOKEN; the token lies in the file that the gateway named when it started';
