// The API over its real socket, with more connections than it has places for.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatNodeApi } from '@batchain/bat-node';
import type { NodeId } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { API_CONNECTIONS_MAX, EVENT_READERS_MAX } from '../limits.ts';
import type { LocalNode } from '../local-node.ts';
import type { ValuesApi } from '../values/values-api.ts';
import { LocalApiClient } from './local-api-client.ts';
import { LocalApiServer } from './local-api-server.ts';

const runtime = createSystemRuntime();
const FOLLOW = 'GET /v1/events HTTP/1.1\r\nHost: b\r\n\r\n';
let dir: string;
let path: string;
let server: LocalApiServer;

/** A node of which only its files are asked. */
async function serve(list: BatNodeApi['list']): Promise<LocalApiClient> {
  const node: LocalNode = {
    nodeId: new Uint8Array(32) as NodeId,
    files: { list } as BatNodeApi,
    dht: {} as LocalNode['dht'],
    network: {} as LocalNode['network'],
    values: {} as ValuesApi,
    status: () => Promise.reject(new Error('nobody asks')),
    peers: async () => [],
    why: (id: string) => ({ nodeId: id, path: 'none' as const, awaySince: null, attempts: [] }),
    diagnose: async () => [],
    onEvent: () => () => undefined,
  };
  server = new LocalApiServer(runtime, node, { controlPath: path, onStopRequest: () => undefined });
  await server.start();
  return new LocalApiClient(path);
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'batchain-places-'));
  path = join(dir, 'control.sock');
});
afterEach(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('places for connections', () => {
  it('T14 answers commands beside connections that ask for nothing or never end, and says when it has no more room for events', async () => {
    const client = await serve(async () => []);
    const sockets: Socket[] = [];
    const hold = async (text: string): Promise<string> => {
      const socket = connect(path);
      sockets.push(socket);
      socket.on('error', () => undefined).write(text);
      return new Promise((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())).once('close', () => resolve('')));
    };
    const followed: string[] = [];
    for (let i = 0; i < EVENT_READERS_MAX; i++) followed.push(await hold(FOLLOW));
    expect(followed.filter((text) => text.startsWith('HTTP/1.1 200 '))).toHaveLength(EVENT_READERS_MAX);
    const refused = await hold(FOLLOW);
    expect(refused).toMatch(/^HTTP\/1\.1 429 /);
    expect(refused).toContain('BAT_E_DAEMON_BUSY');
    for (let i = 0; i < 2 * API_CONNECTIONS_MAX; i++) void hold(i % 2 === 0 ? 'GET /v1/status HTTP/1.1\r\nHost: b\r\nX-Slow: ' : '');
    for (let i = 0; i < 5; i++) expect((await client.list()).files).toEqual([]);
    for (const socket of sockets) socket.destroy();
  });

  it('T14 says that it is busy when every connection has a request in work', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let asked = 0;
    const client = await serve(() => {
      asked++;
      return held.then(() => []);
    });
    const first = Array.from({ length: API_CONNECTIONS_MAX }, () => client.list());
    while (asked < API_CONNECTIONS_MAX) await new Promise((resolve) => setImmediate(resolve));
    await expect(client.isRunning()).rejects.toMatchObject({ code: 'BAT_E_DAEMON_BUSY', isRetryable: expect.any(Boolean), exit: 5 });
    release();
    await Promise.all(first);
    expect(await client.isRunning()).toBe(true);
  });
});
