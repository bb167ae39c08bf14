// pure: IP address and port: parse, format, classify, code as bytes.
import { isIP } from 'node:net';
import { concatBytes } from '../core/bytes.ts';

/** An IP literal in canonical form (never a name; IPv4-mapped IPv6 is turned into IPv4) and a port from 0 to 65535. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** Digit by digit: lookups parse and print thousands of addresses a second. */
function putIpv4(host: string, bytes: Uint8Array, at: number): void {
  let part = at;
  let value = 0;
  for (let i = 0; i < host.length; i++) {
    const digit = host.charCodeAt(i) - 48;
    if (digit >= 0) {
      value = value * 10 + digit;
      continue;
    }
    // An IP literal has three dots: what is none must not write over its neighbours.
    if (part < at + 3) bytes[part++] = value;
    value = 0;
  }
  bytes[part] = value;
}

function ipv4Bytes(host: string): Uint8Array {
  const bytes = new Uint8Array(4);
  putIpv4(host, bytes, 0);
  return bytes;
}

const OCTETS: readonly string[] = Array.from({ length: 256 }, (_, octet) => `${octet}`);
const DOTTED_OCTETS: readonly string[] = OCTETS.map((octet) => `${octet}.`);

/** From ready pieces: three texts come into being on the way, not seven. */
function formatIpv4(bytes: Uint8Array, at: number): string {
  const front = (DOTTED_OCTETS[bytes[at] as number] as string) + DOTTED_OCTETS[bytes[at + 1] as number];
  return front + DOTTED_OCTETS[bytes[at + 2] as number] + OCTETS[bytes[at + 3] as number];
}

function ipv6Bytes(host: string): Uint8Array {
  let text = host;
  const dotted = text.lastIndexOf('.') > 0 ? text.slice(text.lastIndexOf(':') + 1) : undefined;
  if (dotted !== undefined) {
    const [a = 0, b = 0, c = 0, d = 0] = ipv4Bytes(dotted);
    text = `${text.slice(0, text.lastIndexOf(':') + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0');
  const result = new Uint8Array(16);
  [...left, ...gap, ...right].forEach((group, i) => {
    const value = Number.parseInt(group, 16);
    result[i * 2] = value >> 8;
    result[i * 2 + 1] = value & 0xff;
  });
  return result;
}

function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return formatIpv4(bytes, 0);
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] as number) << 8) | (bytes[i * 2 + 1] as number));
  // The longest run of two or more zero groups is shortened (RFC 5952).
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > bestLength) [bestStart, bestLength] = [i, end - i];
    if (end > i) i = end;
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestStart < 0) return hex.join(':');
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`;
}

/** The 4 or 16 bytes of an IP literal, IPv4-mapped IPv6 as 4; undefined when it is no IP literal (zone ids are refused). */
export function ipBytes(host: string): Uint8Array | undefined {
  const family = host.includes('%') ? 0 : isIP(host);
  if (family === 0) return undefined;
  if (family === 4) return ipv4Bytes(host);
  const bytes = ipv6Bytes(host);
  return MAPPED_PREFIX.every((byte, i) => bytes[i] === byte) ? bytes.slice(12) : bytes;
}

/** An Address in canonical form, or undefined when host is no IP literal or port no port. */
export function makeAddress(host: string, port: number): Address | undefined {
  const bytes = ipBytes(host);
  if (bytes === undefined || !Number.isInteger(port) || port < 0 || port > 65535) return undefined;
  return { host: formatIp(bytes), port };
}

/** Splits `host:port` or `[v6]:port`; the host may be a name. Undefined when malformed or port is not 1 to 65535. */
export function splitHostPort(text: string): Address | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port < 1 || port > 65535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

/** `1.2.3.4:5` or `[v6]:5`. */
export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The length of addressBytes: 6 or 18. */
export function addressLength(address: Address): number {
  return address.host.includes(':') ? 18 : 6;
}

/** 4 or 16 bytes of IP, then the port, big-endian: 6 or 18 bytes. */
export function addressBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(addressLength(address));
  putAddress(address, bytes, 0);
  return bytes;
}

/** Writes addressBytes into `bytes` from `at`; returns their length. */
export function putAddress(address: Address, bytes: Uint8Array, at: number): number {
  const { host, port } = address;
  const length = addressLength(address);
  if (length === 6) putIpv4(host, bytes, at);
  else bytes.set(ipv6Bytes(host), at);
  bytes[at + length - 2] = port >> 8;
  bytes[at + length - 1] = port;
  return length;
}

/** The way back of addressBytes; undefined for another length or a non-canonical form. */
export function addressFromBytes(bytes: Uint8Array): Address | undefined {
  return readAddress(bytes, 0, bytes.length);
}

/** What putAddress wrote: `length` bytes from `at`. */
export function readAddress(bytes: Uint8Array, at: number, length: number): Address | undefined {
  if (length !== 6 && length !== 18) return undefined;
  const port = ((bytes[at + length - 2] as number) << 8) | (bytes[at + length - 1] as number);
  if (length === 6) return { host: formatIpv4(bytes, at), port };
  const ip = bytes.subarray(at, at + 16);
  if (MAPPED_PREFIX.every((byte, i) => ip[i] === byte)) return undefined;
  return { host: formatIp(ip), port };
}

export function equalAddress(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port;
}

/** A range of addresses of one family: those whose first `bits` are those of `prefix`. */
interface IpRange {
  readonly prefix: Uint8Array;
  readonly bits: number;
}

function rangesOf(...subnets: readonly (readonly [net: string, bits: number])[]): readonly IpRange[] {
  return subnets.map(([net, bits]) => ({ prefix: ipBytes(net) ?? new Uint8Array(4), bits }));
}

/** Compared as bytes: `BlockList` of node:net makes an object per check, which took a tenth of a lookup's time. */
function isIn(ranges: readonly IpRange[], ip: Uint8Array): boolean {
  for (const range of ranges) if (isInRange(range, ip)) return true;
  return false;
}

function isInRange({ prefix, bits }: IpRange, ip: Uint8Array): boolean {
  if (prefix.length !== ip.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (prefix[i] !== ip[i]) return false;
  const shift = 8 - (bits & 7);
  return shift === 8 || (prefix[whole] as number) >> shift === (ip[whole] as number) >> shift;
}

const LOOPBACK = rangesOf(['127.0.0.0', 8], ['::1', 128]);
/** The private ranges of the design: each entry is one range for the "same range as one of our interfaces" rule. */
const PRIVATE_RANGES: readonly (readonly IpRange[])[] = [
  rangesOf(['10.0.0.0', 8]),
  rangesOf(['172.16.0.0', 12]),
  rangesOf(['192.168.0.0', 16]),
  rangesOf(['100.64.0.0', 10]),
  rangesOf(['169.254.0.0', 16]),
  LOOPBACK,
  rangesOf(['fc00::', 7]),
  rangesOf(['fe80::', 10]),
];
const NEVER = rangesOf(['0.0.0.0', 8], ['224.0.0.0', 4], ['240.0.0.0', 4], ['::', 128], ['ff00::', 8]);

/** True for addresses of RFC 1918, 100.64/10, link-local, loopback and ULA. */
export function isPrivateHost(host: string): boolean {
  const ip = ipBytes(host);
  if (ip === undefined) return false;
  for (const range of PRIVATE_RANGES) if (isIn(range, ip)) return true;
  return false;
}

export function isLoopbackHost(host: string): boolean {
  const ip = ipBytes(host);
  return ip !== undefined && isIn(LOOPBACK, ip);
}

/**
 * True when this node may send to the address: never unspecified, multicast, broadcast or port 0;
 * a private one only when one of our own interface addresses lies in the same range.
 */
export function isDialable(address: Address, ownHosts: readonly string[]): boolean {
  const ip = ipBytes(address.host);
  if (address.port === 0 || ip === undefined || isIn(NEVER, ip)) return false;
  const range = PRIVATE_RANGES.find((ranges) => isIn(ranges, ip));
  if (range === undefined) return true;
  return ownHosts.some((own) => {
    const ownIp = ipBytes(own);
    return ownIp !== undefined && isIn(range, ownIp);
  });
}

/** The group used for diversity limits: the /24 of an IPv4 or the /48 of an IPv6 address, as text. */
export function networkGroup(host: string): string {
  const bytes = ipBytes(host);
  if (bytes === undefined) return host;
  return bytes.length === 4 ? bytes.slice(0, 3).join('.') : formatIp(concatBytes(bytes.slice(0, 6), new Uint8Array(10)));
}
