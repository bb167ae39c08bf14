// pure: what travels in one message of a data channel: a message of the connection, credit for more, or the close word.
import { CONNECTION_MESSAGE_BYTES_MAX, uintBytes } from '@batchain/shared';

const KIND = { message: 0, credit: 1, close: 2 } as const;
const U32_BYTES = 4;
/** As in a close frame of RFC 6455. */
const CLOSE_TEXT_BYTES_MAX = 123;
/** What a peer may put into a close text; anything else is not shown. */
const CLOSE_TEXT_PATTERN = /^[a-z0-9 .,:()_-]*$/i;

/** A frame is never longer. */
export const CHANNEL_FRAME_BYTES_MAX: number = 1 + CONNECTION_MESSAGE_BYTES_MAX;

export type ChannelFrame =
  | { readonly kind: 'message'; readonly message: Uint8Array }
  | { readonly kind: 'credit'; readonly bytes: number }
  /** Nothing follows. `word` is undefined when it can not be shown. */
  | { readonly kind: 'close'; readonly word: string | undefined };

/** Writes a message given in parts; returns the frame's length. */
export function putMessage(target: Uint8Array, parts: readonly Uint8Array[]): number {
  target[0] = KIND.message;
  let at = 1;
  for (const part of parts) {
    target.set(part, at);
    at += part.length;
  }
  return at;
}

export function encodeChannelCredit(bytes: number): Uint8Array {
  return Uint8Array.of(KIND.credit, ...uintBytes(bytes, U32_BYTES));
}

export function encodeChannelClose(reason: string): Uint8Array {
  const word = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, CLOSE_TEXT_BYTES_MAX);
  return Uint8Array.of(KIND.close, ...Buffer.from(word, 'latin1'));
}

/** The frame; undefined when it is none. A message is a view of it. */
export function decodeChannelFrame(frame: Uint8Array): ChannelFrame | undefined {
  if (frame.length > CHANNEL_FRAME_BYTES_MAX) return undefined;
  const body = frame.subarray(1);
  switch (frame[0]) {
    case KIND.message:
      return { kind: 'message', message: new Uint8Array(body.buffer, body.byteOffset, body.length) };
    case KIND.credit:
      return body.length === U32_BYTES ? { kind: 'credit', bytes: new DataView(body.buffer, body.byteOffset).getUint32(0) } : undefined;
    case KIND.close: {
      if (body.length > CLOSE_TEXT_BYTES_MAX) return undefined;
      const word = Buffer.from(body).toString('latin1');
      return { kind: 'close', word: CLOSE_TEXT_PATTERN.test(word) ? word : undefined };
    }
    default:
      return undefined;
  }
}
