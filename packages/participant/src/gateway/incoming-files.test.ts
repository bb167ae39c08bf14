import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TiB } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IncomingFiles } from './incoming-files.ts';

const runtime = createSystemRuntime();
let dir: string;
let folder: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'batchain-incoming-'));
  folder = join(dir, 'db', 'incoming');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function* body(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

describe('bodies on their way to the peers', () => {
  it('lie in private files, and are gone when they were taken on', async () => {
    const file = await new IncomingFiles(runtime, folder, 0).receive(body('abc', 'def'), 6);
    expect([readFileSync(file.path, 'utf8'), file.bytes]).toEqual(['abcdef', 6]);
    expect([statSync(file.path).mode & 0o777, statSync(folder).mode & 0o777]).toEqual([0o600, 0o700]);
    await file.remove();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leave nothing when they break off', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc');
      throw new Error('the client went away');
    }
    await expect(new IncomingFiles(runtime, folder, 0).receive(broken(), undefined)).rejects.toThrow('went away');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('are refused before the first byte when the disk has no room for what they announce', async () => {
    let isAsked = false;
    async function* watched(): AsyncGenerator<Uint8Array> {
      isAsked = true;
      yield new Uint8Array(1);
    }
    const files = new IncomingFiles(runtime, folder, 0);
    await expect(files.receive(watched(), 4096 * TiB)).rejects.toMatchObject({ status: 507, code: 'BAT_E_TARGET_UNWRITABLE' });
    expect([isAsked, readdirSync(folder)]).toEqual([false, []]);
  });

  it('that announce nothing are ended when they would take what is to stay free; small ones pass', async () => {
    const files = new IncomingFiles(runtime, folder, 4096 * TiB);
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 16_384;
        yield new Uint8Array(16_384);
      }
    }
    await expect(files.receive(endless(), undefined)).rejects.toMatchObject({ status: 507 });
    expect([given, readdirSync(folder)]).toEqual([81_920, []]);
    const small = await files.receive(body('small'), undefined);
    expect(small.bytes).toBe(5);
    await small.remove();
  });

  it('what a killed daemon left goes when the first one comes', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'left'), 'secret');
    const file = await new IncomingFiles(runtime, folder, 0).receive(body('new'), undefined);
    expect([existsSync(join(folder, 'left')), readdirSync(folder).length]).toEqual([false, 1]);
    await file.remove();
  });
});
