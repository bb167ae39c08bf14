// pure: STUN binding (RFC 8489): the server's answer, and the client's half of the exchange.
import { type Address, addressBytes, addressFromBytes, concatBytes, equalBytes, fail, ok, type Result, uintBytes } from '@batchain/shared';

const HEADER_BYTES = 20;
const TRANSACTION_ID_BYTES = 12;
const MAGIC_COOKIE = uintBytes(0x2112a442, 4);

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;

const XOR_MAPPED_ADDRESS = 0x0020;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const FINGERPRINT = 0x8028;
const FINGERPRINT_BYTES = 8;
const FINGERPRINT_XOR = 0x5354554e;
const FIRST_OPTIONAL = 0x8000;
/** Comprehension-required attributes of RFC 8489 that a server without passwords may pass over (sections 6.3.1 and 9). */
const IGNORED_REQUIRED: ReadonlySet<number> = new Set([
  0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e, 0x0020,
]);
const UNKNOWN_ATTRIBUTES_MAX = 8;

/** CRC-32 of ISO 3309 as in RFC 8489 section 14.7. */
const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/** True for what RFC 8489 section 5 calls a STUN message: two zero bits, the magic cookie, a length that fits. */
export function isStunMessage(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES || (bytes[0] as number) > 3 || bytes.length % 4 !== 0) return false;
  return equalBytes(bytes.subarray(4, 8), MAGIC_COOKIE) && u16(bytes, 2) === bytes.length - HEADER_BYTES;
}

interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
  readonly at: number;
}

/** Undefined when the attributes do not add up to the message. */
function readAttributes(message: Uint8Array): Attribute[] | undefined {
  const attributes: Attribute[] = [];
  let at = HEADER_BYTES;
  while (at < message.length) {
    const valueAt = at + 4;
    const length = u16(message, at + 2);
    if (valueAt + length > message.length) return undefined;
    attributes.push({ type: u16(message, at), value: message.subarray(valueAt, valueAt + length), at });
    at = valueAt + Math.ceil(length / 4) * 4;
  }
  return attributes;
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const padding = new Uint8Array((4 - (value.length % 4)) % 4);
  return concatBytes(uintBytes(type, 2), uintBytes(value.length, 2), value, padding);
}

function makeMessage(type: number, transactionId: Uint8Array, attributes: readonly Uint8Array[], hasFingerprint: boolean): Uint8Array {
  const body = concatBytes(...attributes);
  const length = body.length + (hasFingerprint ? FINGERPRINT_BYTES : 0);
  const message = concatBytes(uintBytes(type, 2), uintBytes(length, 2), MAGIC_COOKIE, transactionId, body);
  return hasFingerprint ? concatBytes(message, attribute(FINGERPRINT, fingerprintOf(message))) : message;
}

const fingerprintOf = (message: Uint8Array): Uint8Array => uintBytes((crc32(message) ^ FINGERPRINT_XOR) >>> 0, 4);

/** False when there is a fingerprint that is wrong or not at the end. */
function isFingerprintRight(message: Uint8Array, attributes: readonly Attribute[]): boolean {
  const at = attributes.findIndex(({ type }) => type === FINGERPRINT);
  if (at < 0) return true;
  const found = attributes[at] as Attribute;
  return at === attributes.length - 1 && equalBytes(found.value, fingerprintOf(message.subarray(0, found.at)));
}

/** Address and port XORed with cookie and transaction id (section 14.2); the same function both ways. */
function xorAddress(address: Uint8Array, transactionId: Uint8Array): Uint8Array {
  const mask = concatBytes(MAGIC_COOKIE, transactionId);
  const ipLength = address.length - 2;
  return address.map((byte, i) => byte ^ (mask[i < ipLength ? i : i - ipLength] as number));
}

function xorMappedAddress(address: Address, transactionId: Uint8Array): Uint8Array {
  const masked = xorAddress(addressBytes(address), transactionId);
  const family = masked.length === 6 ? 1 : 2;
  return attribute(XOR_MAPPED_ADDRESS, concatBytes(Uint8Array.of(0, family), masked.subarray(-2), masked.subarray(0, -2)));
}

/**
 * The answer to a binding request: the source address, with a fingerprint when the request had one; an error 420 when it
 * holds attributes that must be understood and are not. Undefined for anything else: it gets no answer.
 */
export function answerBindingRequest(request: Uint8Array, from: Address): Uint8Array | undefined {
  if (!isStunMessage(request) || u16(request, 0) !== BINDING_REQUEST) return undefined;
  const attributes = readAttributes(request);
  if (attributes === undefined || !isFingerprintRight(request, attributes)) return undefined;
  const hasFingerprint = attributes.at(-1)?.type === FINGERPRINT;
  const transactionId = request.subarray(8, HEADER_BYTES);
  const unknown = attributes.map(({ type }) => type).filter((type) => type < FIRST_OPTIONAL && !IGNORED_REQUIRED.has(type));
  if (unknown.length === 0) return makeMessage(BINDING_SUCCESS, transactionId, [xorMappedAddress(from, transactionId)], hasFingerprint);
  const listed = [...new Set(unknown)].slice(0, UNKNOWN_ATTRIBUTES_MAX).map((type) => uintBytes(type, 2));
  const error = [attribute(ERROR_CODE, Uint8Array.of(0, 0, 4, 20)), attribute(UNKNOWN_ATTRIBUTES, concatBytes(...listed))];
  return makeMessage(BINDING_ERROR, transactionId, error, hasFingerprint);
}

export interface BindingRequestOptions {
  readonly hasFingerprint: boolean;
}

/** A client's request; the transaction id is 12 random bytes. */
export function encodeBindingRequest(transactionId: Uint8Array, options: BindingRequestOptions = { hasFingerprint: true }): Uint8Array {
  return makeMessage(BINDING_REQUEST, transactionId, [], options.hasFingerprint);
}

/** The client's address as the server saw it. Never throws. */
export function decodeBindingResponse(
  response: Uint8Array,
  transactionId: Uint8Array,
): Result<Address, 'malformed' | 'not-ours' | 'refused'> {
  const attributes = isStunMessage(response) ? readAttributes(response) : undefined;
  if (attributes === undefined || !isFingerprintRight(response, attributes)) return fail('malformed');
  if (!equalBytes(response.subarray(8, 8 + TRANSACTION_ID_BYTES), transactionId)) return fail('not-ours');
  if (u16(response, 0) !== BINDING_SUCCESS) return fail('refused');
  const value = attributes.find(({ type }) => type === XOR_MAPPED_ADDRESS)?.value;
  const ipLength = value?.[1] === 1 ? 4 : 16;
  if (value === undefined || value.length !== 4 + ipLength) return fail('malformed');
  const address = addressFromBytes(xorAddress(concatBytes(value.subarray(4), value.subarray(2, 4)), transactionId));
  return address === undefined ? fail('malformed') : ok(address);
}
