// pure: the shapes that bodies and results of the local API are made of.
import { isAbsolute } from 'node:path';
import { z } from 'zod';

export const id = z.string().regex(/^[0-9a-f]{64}$/);
export const bytes = z.number().int().nonnegative();
export const count = z.number().int().nonnegative();
export const durationMs = z.number().nonnegative();
export const isoTime = z.iso.datetime();
export const absolutePath = z
  .string()
  .min(1)
  .max(4096)
  .refine((path) => isAbsolute(path) && !path.includes('\0'), 'expected an absolute path');

export const emptyBody = z.strictObject({});
