// driven: a request's JSON body: bounded while it arrives, scanned before it is parsed, checked against its schema (T13).
import type { IncomingMessage } from 'node:http';
import { concatBytes, parseGuardedJson } from '@batchain/shared';
import { z } from 'zod';
import { API_BODY_BYTES_MAX, API_BODY_DEPTH_MAX, API_BODY_VALUES_MAX } from '../limits.ts';
import { RequestError } from './request-error.ts';

const LIMITS = { bytesMax: API_BODY_BYTES_MAX, depthMax: API_BODY_DEPTH_MAX, valuesMax: API_BODY_VALUES_MAX };

const tooLong = (): RequestError => new RequestError(413, 'the body is too long', `at most ${API_BODY_BYTES_MAX} bytes`);

async function readBytes(request: IncomingMessage): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > API_BODY_BYTES_MAX) throw tooLong();
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > API_BODY_BYTES_MAX) throw tooLong();
    parts.push(part);
  }
  return concatBytes(...parts);
}

/** The checked body; an empty one counts as `{}`. Throws BAT_E_BAD_REQUEST. */
export async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const bytes = await readBytes(request);
  const parsed = parseGuardedJson(bytes.length === 0 ? Uint8Array.of(0x7b, 0x7d) : bytes, LIMITS);
  if (!parsed.ok)
    throw new RequestError(
      400,
      'the body is not usable JSON',
      parsed.detail === undefined ? parsed.reason : `${parsed.reason}: ${parsed.detail}`,
    );
  const checked = schema.safeParse(parsed.value);
  if (checked.success) return checked.data;
  throw new RequestError(400, 'the body does not fit', z.prettifyError(checked.error).replaceAll('\n', ' ').trim());
}
