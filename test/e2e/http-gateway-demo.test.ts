// SDHT's self-test, as a visitor runs it: on its own ports, so only where nobody else has them.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const RUN = fileURLToPath(new URL('../../demos/run.mjs', import.meta.url));
const PORTS = [8000, 8001, 8002, 8003] as const;
let folder: string;

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

async function takenPorts(): Promise<number[]> {
  const taken: number[] = [];
  for (const port of PORTS) {
    const server = await listen(port);
    if (server === undefined) taken.push(port);
    else await close(server);
  }
  return taken;
}

async function demo(...words: string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [RUN, ...words], {
    env: { ...process.env, DEMOS_FOLDER: join(folder, 'work') },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-http-demo-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("SDHT's self-test", () => {
  it('SH-13 SH-07 four storages on ports 8000 to 8003: what is set through one is got through the others, also when one is gone', async (context) => {
    const taken = await takenPorts();
    if (taken.length > 0) {
      console.warn(`SKIPPED: ports ${taken.join(', ')} are taken on this machine; the demo http-storages was not run`);
      context.skip();
    }
    const { code, output } = await demo('http-storages');
    expect(output).toContain('end state as promised');
    expect(output.match(/gives all 12 values, equal/g)).toHaveLength(7);
    expect(output).toContain('a value that was deleted through one is gone at the others');
    expect(code).toBe(0);
    expect(await takenPorts()).toEqual([]);
    expect((await demo('clean')).code).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  it('says so when a port is taken, and starts nothing', async () => {
    // Ours, or whoever has it already.
    const server = await listen(8002);
    try {
      const { code, output } = await demo('http-storages');
      expect(output).toMatch(/FAILED {2}port 800\d is taken by another program/);
      expect(output).not.toContain('$ batchain start');
      expect(code).toBe(1);
    } finally {
      if (server !== undefined) await close(server);
    }
  });
});
