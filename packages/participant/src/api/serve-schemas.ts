// pure: shapes of serving storage to programs that speak other protocols.
import { z } from 'zod';
import { absolutePath } from './schema-parts.ts';

export const serveHttpBody = z.strictObject({
  /** IP address to listen on. */
  host: z.string().min(1).max(64),
  /** 0 = any. */
  port: z.number().int().min(0).max(65_535),
  tokenFile: absolutePath.optional(),
});
export type ServeHttpBody = z.infer<typeof serveHttpBody>;

/** The `ready` line of a job that serves. */
export const serveReady = z.object({
  /** For a client on this machine. */
  url: z.string(),
  host: z.string(),
  port: z.number().int(),
  /** File with the token that every request needs; null where none is needed. */
  tokenFile: z.string().nullable(),
});
export type ServeReady = z.infer<typeof serveReady>;
