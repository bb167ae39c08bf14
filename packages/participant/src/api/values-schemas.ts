// pure: bodies and results of the local API for values by key; `seq` and the other names are those of the command line.
import { z } from 'zod';
import { absolutePath, bytes, count, id, isoTime } from './schema-parts.ts';

const key = z.string().min(1);
const base64 = z.base64();

const putFields = {
  /** Exactly one of these four. `json`: the text of a JSON value, kept to the letter of its meaning whatever it nests. */
  json: z.string().optional(),
  text: z.string().optional(),
  bytes: base64.optional(),
  path: absolutePath.optional(),
  pieceBytes: z.number().int().positive().optional(),
};
const SOURCES = ['json', 'text', 'bytes', 'path'] as const;
const hasOneSource = (body: Partial<Record<(typeof SOURCES)[number], unknown>>): boolean =>
  SOURCES.filter((name) => body[name] !== undefined).length === 1;
const ONE_SOURCE = 'expected one of json, text, bytes and path';

export const valuePutBody = z
  .strictObject({ ...putFields, ttlMs: z.number().int().positive().optional(), isLocal: z.boolean().optional() })
  .refine(hasOneSource, ONE_SOURCE);
export type ValuePutBody = z.infer<typeof valuePutBody>;

export const valueByHashBody = z.strictObject(putFields).omit({ json: true }).refine(hasOneSource, ONE_SOURCE);
export type ValueByHashBody = z.infer<typeof valueByHashBody>;

export const valueSaveBody = z.strictObject({ path: absolutePath, isForced: z.boolean().optional(), isLocal: z.boolean().optional() });
export type ValueSaveBody = z.infer<typeof valueSaveBody>;

export const valueRemoveBody = z.strictObject({ isLocal: z.boolean().optional() });

/** Not `type`, which is that of the line on the command line. */
const kind = z.enum(['json', 'bytes']);
const form = z.enum(['inline', 'pieces', 'file']);
const expiresAt = isoTime.nullable();

export const valueEntry = z.object({
  key,
  kind,
  form,
  /** Length of the bytes; of a JSON value that of its text. */
  size: bytes,
  seq: count,
  pieces: count,
  addedAt: isoTime,
  expiresAt,
  isLocal: z.boolean(),
});
export type ValueEntryView = z.infer<typeof valueEntry>;

export const valueStored = valueEntry.extend({ storedOn: count });
export type ValueStoredView = z.infer<typeof valueStored>;

const head = { key, owner: id.nullable(), form, seq: count, size: bytes, expiresAt };

/** `value` of a JSON value, `bytes` in base64 of any other. */
export const valueFound = z.discriminatedUnion('kind', [
  z.object({ ...head, kind: z.literal('json'), value: z.json() }),
  z.object({ ...head, kind: z.literal('bytes'), bytes: base64 }),
]);
export type ValueFoundView = z.infer<typeof valueFound>;

export const valueRead = z.object({ ...head, kind, offset: bytes, length: bytes });
export type ValueReadView = z.infer<typeof valueRead>;

export const valueDigestBody = z.strictObject({ offset: bytes.optional(), length: bytes.optional() });
export type ValueDigestBody = z.infer<typeof valueDigestBody>;

/** What each node says that keeps a part; a value in pieces has many. */
export const valueDigested = valueRead.extend({
  parts: z.array(
    z.object({
      offset: bytes,
      length: bytes,
      sha256: id,
      holders: z.array(z.object({ nodeId: id, isRight: z.boolean() })),
      silent: count,
    }),
  ),
});
export type ValueDigestedView = z.infer<typeof valueDigested>;

export const valueSaved = z.object({ ...head, kind, path: z.string() });
export type ValueSavedView = z.infer<typeof valueSaved>;

export const valueRemoved = z.object({ key, seq: count, storedOn: count });
export type ValueRemovedView = z.infer<typeof valueRemoved>;

export const valueList = z.object({
  values: z.array(valueEntry),
  stats: z.object({
    network: z.object({ values: count, bytes, pieces: count }),
    local: z.object({ values: count, bytes }),
  }),
});
export type ValueListView = z.infer<typeof valueList>;
