// pure: byte helpers: compare, xor, hex, base64url, concat, big-endian integers.

const HEX_PATTERN = /^(?:[0-9a-f]{2})*$/;

/** Negative, zero or positive, as a sorts before, with or after b; compared byte by byte, a shorter prefix first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** True when both hold the same bytes. Not constant time; use `crypto.timingSafeEqual` for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Number of leading zero bits; 8 x length when all bytes are zero. */
export function leadingZeroBits(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte !== 0) return i * 8 + Math.clz32(byte) - 24;
  }
  return bytes.length * 8;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const result = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A plain Uint8Array over the same memory as a Buffer (or itself). */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('hex');
}

/** Bytes of lower-case hex, or undefined when it is not that (or not `length` bytes). */
export function fromHex(text: string, length?: number): Uint8Array | undefined {
  if (!HEX_PATTERN.test(text)) return undefined;
  if (length !== undefined && text.length !== length * 2) return undefined;
  return plainBytes(Buffer.from(text, 'hex'));
}

/** Base64url without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('base64url');
}

/** Bytes of canonical unpadded base64url, or undefined when it is not that. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? plainBytes(bytes) : undefined;
}

export function utf8Bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Text of strict UTF-8, or undefined when the bytes are not that. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Big-endian bytes of an integer from 0 to 2^53 - 1. */
export function uintBytes(value: number, length: number): Uint8Array {
  const result = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    result[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return result;
}
