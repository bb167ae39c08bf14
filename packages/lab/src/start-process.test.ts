import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatChainError } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorLine, type ProcessOptions, readAnswer, readyLine, startProcess } from './start-process.ts';

const { clock } = createSystemRuntime();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'batchain-lab-process-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(program: string, changes: Partial<ProcessOptions> = {}, signal = new AbortController().signal): Promise<unknown> {
  const path = join(folder, 'program.mjs');
  writeFileSync(path, program);
  const options = { program: path, order: { text: 'hello' }, name: 'node1', folder, logDir: join(folder, 'log'), endsWithParent: true };
  return startProcess(clock, { ...options, readyWithinMs: 4000, ...changes }, signal);
}

const STAYS = 'setInterval(() => undefined, 1000); process.stdin.on("end", () => process.exit()).resume();';

describe('a program of the laboratory', () => {
  it('gets its order and answers with one line', async () => {
    expect(await start('console.log(JSON.stringify({ ready: JSON.parse(process.argv[2]) }))')).toEqual({ text: 'hello' });
  });

  it('that can not start says why, in its own words', async () => {
    const error = new BatChainError('BAT_E_PORT_IN_USE', { what: 'taken', why: 'because', fix: 'another' });
    expect(() => readAnswer(errorLine(error))).toThrow(
      expect.objectContaining({ code: 'BAT_E_PORT_IN_USE', what: 'taken', why: 'because' }),
    );
    expect(readAnswer(readyLine({ a: 1 }))).toEqual({ a: 1 });
    expect(() => readAnswer('no JSON')).toThrow();
    await expect(start(`process.stdout.write(${JSON.stringify(errorLine(error))})`)).rejects.toMatchObject({ code: 'BAT_E_PORT_IN_USE' });
  });

  it('that ends without a word, or is late, or is not wanted any more, is no program that started', async () => {
    await expect(start('console.error("oh no")')).rejects.toMatchObject({
      code: 'BAT_E_INTERNAL',
      why: expect.stringContaining('lab.err'),
    });
    expect(readFileSync(join(folder, 'log', 'lab.err'), 'utf8')).toBe('oh no\n');
    await expect(start(STAYS, { readyWithinMs: 50 })).rejects.toMatchObject({ code: 'BAT_E_TIMEOUT' });
    const abort = new AbortController();
    const starting = start(STAYS, {}, abort.signal);
    abort.abort(new Error('not wanted'));
    await expect(starting).rejects.toThrow('not wanted');
  });
});
