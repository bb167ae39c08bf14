import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SourceFile } from './source-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-source-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('the file that an upload reads', () => {
  it('may be empty, and is what the system says of it', async () => {
    const path = join(folder, 'a');
    for (const text of ['', 'some bytes']) {
      await writeFile(path, text);
      const source = await SourceFile.open(path);
      expect(source.bytes).toBe(text.length);
      await source.assertUnchanged();
      await source.close();
    }
  });

  it.runIf(process.platform === 'linux')(
    'is refused when it holds more than its size says, or can not be read where it is empty',
    async () => {
      await expect(SourceFile.open('/proc/version')).rejects.toMatchObject({
        code: 'BAT_E_NOT_A_FILE',
        why: expect.stringContaining('0 bytes'),
      });
      await expect(SourceFile.open('/proc/self/mem')).rejects.toMatchObject({ code: 'BAT_E_FILE_UNREADABLE' });
    },
  );
});
