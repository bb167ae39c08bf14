// pure: the frames of a session, one per message: type, stream id (big-endian), payload (docs/spec/bat-wire.md).
import { concatBytes, uintBytes, utf8Bytes } from '@batchain/shared';

const TYPES = ['hello', 'control', 'control-more', 'data', 'end', 'reset', 'credit', 'ping', 'pong', 'goaway'] as const;
export type FrameType = (typeof TYPES)[number];

/** Type and stream id. */
export const FRAME_HEAD_BYTES = 5;
/** A reset or goaway reason. */
const REASON_PATTERN = /^[a-z0-9-]{1,32}$/;
const U32_BYTES = 4;

export type SessionFrame =
  | { readonly type: 'hello'; readonly payload: Uint8Array }
  /** The first piece of a control frame of `length` bytes in all; a new stream begins with one. */
  | { readonly type: 'control'; readonly streamId: number; readonly length: number; readonly payload: Uint8Array }
  | { readonly type: 'control-more' | 'data'; readonly streamId: number; readonly payload: Uint8Array }
  | { readonly type: 'end'; readonly streamId: number }
  | { readonly type: 'reset'; readonly streamId: number; readonly reason: string }
  | { readonly type: 'credit'; readonly streamId: number; readonly bytes: number }
  | { readonly type: 'ping' | 'pong'; readonly nonce: number }
  | { readonly type: 'goaway'; readonly reason: string };

/** The head of a frame; its payload follows as it is. `length` is for the first piece of a control frame only. */
export function frameHead(type: FrameType, streamId: number, length?: number): Uint8Array {
  const bytes = new Uint8Array(length === undefined ? FRAME_HEAD_BYTES : FRAME_HEAD_BYTES + U32_BYTES);
  bytes[0] = TYPES.indexOf(type);
  putU32(bytes, 1, streamId);
  if (length !== undefined) putU32(bytes, FRAME_HEAD_BYTES, length);
  return bytes;
}

export function encodeReset(streamId: number, reason: string): Uint8Array {
  return concatBytes(frameHead('reset', streamId), utf8Bytes(reasonWord(reason)));
}

export function encodeGoaway(reason: string): Uint8Array {
  return concatBytes(frameHead('goaway', 0), utf8Bytes(reasonWord(reason)));
}

export function encodeCredit(streamId: number, bytes: number): Uint8Array {
  return concatBytes(frameHead('credit', streamId), uintBytes(bytes, U32_BYTES));
}

export function encodePing(type: 'ping' | 'pong', nonce: number): Uint8Array {
  return concatBytes(frameHead(type, 0), uintBytes(nonce, U32_BYTES));
}

/** A word that fits on the wire; anything else becomes `other`. */
export function reasonWord(reason: string): string {
  return REASON_PATTERN.test(reason) ? reason : 'other';
}

/** The frame of a message; undefined when it is none. Payloads are views of the message. */
export function decodeFrame(message: Uint8Array): SessionFrame | undefined {
  if (message.length < FRAME_HEAD_BYTES) return undefined;
  const type = TYPES[message[0] as number];
  const streamId = readU32(message, 1);
  const payload = new Uint8Array(message.buffer, message.byteOffset + FRAME_HEAD_BYTES, message.length - FRAME_HEAD_BYTES);
  switch (type) {
    case 'data':
    case 'control-more':
      return streamId > 0 && payload.length > 0 ? { type, streamId, payload } : undefined;
    case 'control':
      return streamId > 0 && payload.length > U32_BYTES
        ? { type, streamId, length: readU32(payload, 0), payload: payload.subarray(U32_BYTES) }
        : undefined;
    case 'end':
      return streamId > 0 && payload.length === 0 ? { type, streamId } : undefined;
    case 'credit':
      return streamId > 0 && payload.length === U32_BYTES ? { type, streamId, bytes: readU32(payload, 0) } : undefined;
    case 'reset': {
      const reason = readReason(payload);
      return streamId > 0 && reason !== undefined ? { type, streamId, reason } : undefined;
    }
    case 'ping':
    case 'pong':
      return streamId === 0 && payload.length === U32_BYTES ? { type, nonce: readU32(payload, 0) } : undefined;
    case 'goaway': {
      const reason = readReason(payload);
      return streamId === 0 && reason !== undefined ? { type, reason } : undefined;
    }
    case 'hello':
      return streamId === 0 ? { type, payload } : undefined;
    default:
      return undefined;
  }
}

function readReason(payload: Uint8Array): string | undefined {
  const word = Buffer.from(payload.subarray(0, 33)).toString('latin1');
  return payload.length <= 32 && REASON_PATTERN.test(word) ? word : undefined;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) * 0x1000000 + (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 0xff;
  bytes[at + 2] = (value >>> 8) & 0xff;
  bytes[at + 3] = value & 0xff;
}
