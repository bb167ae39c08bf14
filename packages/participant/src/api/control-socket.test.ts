import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { clearControlPath } from './control-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'batchain-socket-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const listenOn = (path: string): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(path, () => resolve(server));
  });

describe('clearControlPath', () => {
  it('leaves a socket alone on which another daemon listens', async () => {
    const path = join(folder, 'alive.sock');
    const other = await listenOn(path);
    await expect(clearControlPath(path)).rejects.toMatchObject({ code: 'BAT_E_HOME_IN_USE' });
    expect(existsSync(path)).toBe(true);
    await new Promise((resolve) => other.close(resolve));
  });

  it('takes away what no daemon listens on, and nothing where nothing is', async () => {
    const path = join(folder, 'dead.sock');
    await clearControlPath(path);
    writeFileSync(path, '');
    await clearControlPath(path);
    expect(existsSync(path)).toBe(false);
  });
});
