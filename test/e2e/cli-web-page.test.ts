// A hostile page in a browser of this machine against the socket of a real daemon.
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Daemon, Network } from './harness.ts';

let network: Network;
let owner: Daemon;

beforeAll(async () => {
  network = await Network.create();
  owner = await network.start({ name: 'owner', offer: '0' });
});
afterAll(async () => {
  await network?.close();
});

describe('the local API of a daemon', () => {
  it('T17 refuses what a web page could send to its real socket, and the long page of brackets', async () => {
    const socketPath = join(owner.home, 'control.sock');
    const ask = (headers: Record<string, string>, body: string): Promise<number> =>
      new Promise((resolve) => {
        const outgoing = request({ socketPath, method: 'PUT', path: '/v1/files', headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        // A refused body may end in a closed connection.
        outgoing.on('error', () => resolve(413));
        outgoing.end(body);
      });
    const body = JSON.stringify({ path: join(network.folder, 'letter.txt'), policy: { k: 1, n: 1 } });
    const json = { host: 'b', 'content-type': 'application/json' };
    expect(await ask({ ...json, origin: 'http://evil.example' }, body)).toBe(403);
    expect(await ask({ ...json, host: 'evil.example' }, body)).toBe(403);
    expect(await ask({ host: 'b', 'content-type': 'text/plain' }, body)).toBe(415);
    expect(await ask(json, '['.repeat(10 * 1024 * 1024))).toBe(413);
    expect(await ask(json, '{"path":"/x","__proto__":{"isForced":true}}')).toBe(400);
    const upgrade = await new Promise<string>((resolve) => {
      const socket = connect(socketPath, () =>
        socket.write('GET /v1/events HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      );
      socket.once('data', (data) => resolve(data.toString()));
    });
    expect(upgrade).toContain('403');
    expect((await owner.run(['ls'])).last.files).toEqual([]);
    expect((await owner.run(['status', '--quiet'])).code).toBe(0);
  });
});
