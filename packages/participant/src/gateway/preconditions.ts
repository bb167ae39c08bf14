// pure: entity tags and what If-Match and If-None-Match ask of them (RFC 9110 section 13).
import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from './gateway-error.ts';

/** Ours hold hex digits and dashes alone. */
const listed = (header: string, tag: string): boolean => header.split(',').some((item) => item.trim().replace(/^W\//, '') === tag);

/** True when the client has this representation already. */
export function isKnown(headers: IncomingHttpHeaders, tag: string): boolean {
  const header = headers['if-none-match'];
  return header !== undefined && (header.trim() === '*' || listed(header, tag));
}

/** True when a range is wanted of this representation, and not of one that has been replaced since. */
export function isRangeCurrent(headers: IncomingHttpHeaders, tag: string): boolean {
  const header = headers['if-range'];
  return header === undefined || header === tag;
}

/** Throws 412 when what is there is not what the client takes it for; `tag` is undefined when there is nothing. */
export function checkPreconditions(headers: IncomingHttpHeaders, tag: string | undefined): void {
  const match = headers['if-match'];
  if (match !== undefined && (tag === undefined || (match.trim() !== '*' && !listed(match, tag))))
    throw new GatewayError(412, {
      what: 'If-Match does not hold',
      why: tag === undefined ? 'there is nothing of that name' : `it is ${tag} now`,
    });
  if (tag !== undefined && isKnown(headers, tag))
    throw new GatewayError(412, { what: 'If-None-Match does not hold', why: `there is ${tag}` });
}
