import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearControlPath } from './control-socket.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'batchain-socket-'));
  path = join(dir, 'control.sock');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const listen = (): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer().listen(path, () => resolve(server));
  });
const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

describe('the place of a control socket', () => {
  it('is never taken from somebody who listens there', async () => {
    const server = await listen();
    await expect(clearControlPath(path)).rejects.toMatchObject({
      code: 'BAT_E_HOME_IN_USE',
      exit: 11,
      what: expect.stringContaining(path),
    });
    expect(existsSync(path)).toBe(true);
    await close(server);
  });

  it('is cleared of what a dead process left, and of what is no socket', async () => {
    const server = await listen();
    // Under another name it outlives its server, as after a kill.
    renameSync(path, join(dir, 'aside'));
    await close(server);
    renameSync(join(dir, 'aside'), path);
    await clearControlPath(path);
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'a file');
    await clearControlPath(path);
    expect(existsSync(path)).toBe(false);
    await clearControlPath(path);
    await close(await listen());
  });
});
