// pure: the search for a router that speaks UPnP (UPnP Device Architecture 1.1, section 1.3).
import { utf8Bytes, utf8Text } from '@batchain/shared';
import { SSDP_ANSWER_BYTES_MAX } from '../limits.ts';

export const SSDP_GROUP = '239.255.255.250';

/** Any router answers to version 1 of its device; it says itself which one it is. */
export function encodeSsdpSearch(port: number): Uint8Array {
  const lines = [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${SSDP_GROUP}:${port}`,
    'MAN: "ssdp:discover"',
    'MX: 1',
    'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  ];
  return utf8Bytes(`${lines.join('\r\n')}\r\n\r\n`);
}

/**
 * Where the description of the router lies. Only on the router itself: others in the LAN answer what they like, and we fetch nothing
 * from where a third party sends us (T8).
 */
export function readSsdpAnswer(bytes: Uint8Array, gateway: string): URL | undefined {
  if (bytes.length > SSDP_ANSWER_BYTES_MAX) return undefined;
  const text = utf8Text(bytes);
  if (text === undefined || !/^HTTP\/1\.[01] 200\b/.test(text)) return undefined;
  if (!/\r\nst:[ \t]*urn:schemas-upnp-org:device:InternetGatewayDevice:\d+[ \t]*\r\n/i.test(text)) return undefined;
  const location = /\r\nlocation:[ \t]*(\S+)[ \t]*\r\n/i.exec(text)?.[1];
  const url = location !== undefined && URL.canParse(location) ? new URL(location) : undefined;
  return url?.protocol === 'http:' && url.hostname === gateway ? url : undefined;
}
