import type { BatNodeApi, FileAudit, FileEntry } from '@batchain/bat-node';
import { BatChainError, sha256, toHex, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { AUDITS_AT_ONCE_MAX } from '../limits.ts';
import type { ProgressLine } from './api-schemas.ts';
import { auditAll } from './audit-all.ts';

const COUNT = 10;

const nameOf = (ref: string): string =>
  String(Array.from({ length: COUNT }, (_, i) => i).find((i) => toHex(sha256(uintBytes(i, 4))) === ref));

/** Files whose audits end when they are told to. */
function make() {
  const waiting = new Map<string, { readonly end: (audit: FileAudit) => void; readonly fail: (error: Error) => void }>();
  const signals: AbortSignal[] = [];
  const files: Pick<BatNodeApi, 'list' | 'audit'> = {
    list: async () =>
      Array.from(
        { length: COUNT },
        (_, i) => ({ fileId: sha256(uintBytes(i, 4)) as Uint8Array, name: `${i}`, policy: { k: 1, n: 2 }, shardsTotal: 2 }) as FileEntry,
      ),
    audit: (ref, options) =>
      new Promise((end, fail) => {
        waiting.set(nameOf(String(ref)), { end, fail });
        if (options?.signal !== undefined) signals.push(options.signal);
        options?.signal?.addEventListener('abort', () => fail(new Error('aborted')));
      }),
  };
  const seen: ProgressLine['files'][] = [];
  const notes: string[] = [];
  const controller = new AbortController();
  const context = {
    signal: controller.signal,
    onProgress: (line: ProgressLine) => seen.push(line.files),
    onNote: (note: string) => notes.push(note),
  };
  return { waiting, signals, seen, notes, controller, run: auditAll(files, false, context) };
}
/** Everything that can go on without an answer has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const named = (name: string): FileAudit => ({ name }) as FileAudit;

describe('BN-58 an audit of all files', () => {
  it('asks about several at once, never about more, tells each that is done, and keeps their order', async () => {
    const { waiting, seen, run } = make();
    for (let done = 0; done < COUNT; done++) {
      await settled();
      expect(waiting.size).toBe(Math.min(AUDITS_AT_ONCE_MAX, COUNT - done));
      const [ref] = [...waiting.keys()].slice(-1) as [string];
      waiting.get(ref)?.end(named(ref));
      waiting.delete(ref);
    }
    expect((await run).map(({ name }) => name)).toEqual(Array.from({ length: COUNT }, (_, i) => `${i}`));
    expect(seen).toEqual(Array.from({ length: COUNT + 1 }, (_, done) => ({ done, total: COUNT })));
  });

  it('says of a file why it can not be audited, and goes on with the others', async () => {
    const { waiting, notes, run } = make();
    for (let done = 0; done < COUNT; done++) {
      await settled();
      const [ref] = [...waiting.keys()].slice(-1) as [string];
      if (ref === '2')
        waiting.get(ref)?.fail(new BatChainError('BAT_E_FILE_NOT_FOUND', { what: 'no manifest', why: 'it is gone', fix: 'find it' }));
      else waiting.get(ref)?.end(named(ref));
      waiting.delete(ref);
    }
    expect((await run)[2]).toMatchObject({ name: '2', verdict: 'unknown', rows: [], reason: 'no manifest: it is gone' });
    expect(notes).toEqual(['no manifest (it is gone): find it']);
  });

  it('ends with all of them when it is cancelled', async () => {
    const { controller, signals, run } = make();
    await settled();
    controller.abort(new Error('the user left'));
    await expect(run).rejects.toThrow('the user left');
    expect(signals.map(({ aborted }) => aborted)).toEqual(Array.from({ length: AUDITS_AT_ONCE_MAX }, () => true));
  });
});
