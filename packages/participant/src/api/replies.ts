// pure: how routes answer.
import type { JobContext } from './job-table.ts';
import type { ApiReply } from './router.ts';

export const json = (body: unknown): ApiReply => ({ kind: 'json', body });

export const job = (name: string, work: (context: JobContext) => Promise<unknown>): ApiReply => ({ kind: 'job', name, work });

/** The options that were given: exact optional properties know no `undefined`. */
export function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
