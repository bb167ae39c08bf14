// Files over HTTP: what every client may rely on.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import type { FileId } from '@batchain/bat-node';
import { BatChainError } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONTENT, DOWNLOADED, FILE, GatewayWorld, ID, json } from '../support/gateway-world.ts';

const runtime = createSystemRuntime();
const TOKEN = 't'.repeat(43);

let world: GatewayWorld;

beforeEach(() => {
  world = new GatewayWorld();
});
afterEach(() => world.close());

describe('BD-56 files over HTTP', () => {
  it('SH-05 says that it is well, to anybody, and nothing else', async () => {
    await world.serve({}, { token: TOKEN });
    const answer = await world.ask('GET', '/health');
    expect([answer.status, answer.text]).toEqual([200, '{"ok":true}\n']);
    expect(await world.status('POST', '/health')).toBe(405);
  });

  it('lists files without saying where their manifests lie', async () => {
    await world.serve();
    const answer = await world.ask('GET', '/files/');
    expect(json(answer).files).toMatchObject([{ id: ID, name: 'a b.txt', bytes: 10, health: 'good', hasManifest: true }]);
    expect(answer.text).not.toContain('/manifest/of');
  });

  it('gives the whole, a part, the head, and nothing to who has it', async () => {
    await world.serve();
    const whole = await world.ask('GET', '/files/a%20b.txt');
    expect([whole.status, whole.text, whole.headers['content-length'], whole.headers.etag]).toEqual([200, '0123456789', '10', `"${ID}"`]);
    expect(whole.headers['content-disposition']).toBe("attachment; filename*=UTF-8''a%20b.txt");
    expect(whole.headers['x-content-type-options']).toBe('nosniff');
    const part = await world.ask('GET', `/files/${ID}`, { headers: { range: 'bytes=2-4' } });
    expect([part.status, part.text, part.headers['content-range']]).toEqual([206, '234', 'bytes 2-4/10']);
    expect((await world.ask('GET', '/files/0707', { headers: { range: 'bytes=-3' } })).text).toBe('789');
    expect((await world.ask('GET', '/files/0707', { headers: { range: 'bytes=0-1,4-5' } })).text).toBe('0123456789');
    const behind = await world.ask('GET', '/files/0707', { headers: { range: 'bytes=10-' } });
    expect([behind.status, behind.headers['content-range']]).toEqual([416, 'bytes */10']);
    const head = await world.ask('HEAD', '/files/0707', { headers: { range: 'bytes=2-4' } });
    expect([head.status, head.headers['content-length'], head.headers['accept-ranges'], head.text]).toEqual([200, '10', 'bytes', '']);
    const etag = `"${ID}"`;
    expect(await world.status('GET', '/files/0707', { headers: { 'if-none-match': `"x", W/${etag}` } })).toBe(304);
    expect((await world.ask('GET', '/files/0707', { headers: { range: 'bytes=2-4', 'if-range': '"x"' } })).text).toBe('0123456789');
    expect((await world.ask('GET', '/files/0707', { headers: { range: 'bytes=2-4', 'if-range': etag } })).text).toBe('234');
  });

  it('names a file by name or id and never by a path', async () => {
    await world.serve();
    for (const ref of ['b', '%2Fmanifest%2Fof%2Fa.batchain', '..%2f..%2fmanifest%2fa.batchain', 'a.batchain'])
      expect(await world.status('GET', `/files/${ref}`), ref).toBe(404);
    const two = [FILE, { ...FILE, fileId: new Uint8Array(32).fill(8) as FileId }];
    await world.gateway.stop();
    await world.serve({ list: async () => two });
    const answer = await world.ask('GET', '/files/a%20b.txt');
    expect([answer.status, json(answer).details.candidates]).toEqual([409, [ID, '08'.repeat(32)]]);
  });

  it('stores a body that comes, tells where it is, and leaves nothing on the disk', async () => {
    await world.serve();
    const answer = await world.ask('PUT', '/files/new.txt?policy=1of2', { body: 'abc' });
    expect([answer.status, answer.headers.location, answer.headers.etag]).toEqual([201, `/files/${ID}`, `"${ID}"`]);
    expect(json(answer)).toMatchObject({ id: ID, policy: { k: 1, n: 2 }, manifest: '/m' });
    expect(await world.status('PUT', '/files/chunked.txt', { headers: { 'transfer-encoding': 'chunked' }, body: 'abcdef' })).toBe(201);
    expect(world.done).toEqual(['upload new.txt 3', 'upload chunked.txt 6']);
    expect(readdirSync(world.incomingFolder)).toEqual([]);
  });

  it('replaces a file only when told which', async () => {
    await world.serve();
    const refused = await world.ask('PUT', '/files/a%20b.txt', { body: 'abc' });
    expect([refused.status, json(refused).fix]).toEqual([409, `to replace it send the header If-Match: "${ID}", or DELETE it first`]);
    expect(await world.status('PUT', '/files/a%20b.txt', { headers: { 'if-none-match': '*' }, body: 'abc' })).toBe(412);
    expect(await world.status('PUT', '/files/a%20b.txt', { headers: { 'if-match': '"older"' }, body: 'abc' })).toBe(412);
    expect(await world.status('PUT', '/files/none', { headers: { 'if-match': '*' }, body: 'abc' })).toBe(412);
    expect(world.done).toEqual([]);
    expect(await world.status('PUT', '/files/a%20b.txt', { headers: { 'if-match': `"${ID}"` }, body: 'abc' })).toBe(201);
    expect(world.done).toEqual(['upload a b.txt 3', `release ${ID}`]);
  });

  it('refuses names that are none, policies that are none, and methods that are not used', async () => {
    await world.serve();
    for (const name of ['..%2f..%2fx', '..', '.', 'a%00b', 'a%5cb', 'con', 'x%0a', 'a%2fb', `${'x'.repeat(256)}`])
      expect(await world.status('PUT', `/files/${name}`, { body: 'x' }), name).toBe(400);
    expect(await world.status('PUT', '/files/x?policy=3of2', { body: 'x' })).toBe(400);
    expect(await world.status('GET', '/files/%zz')).toBe(400);
    const post = await world.ask('POST', '/files/x', { body: 'x' });
    expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD, PUT, DELETE']);
    expect(await world.status('PATCH', '/kv/x')).toBe(405);
    expect(await world.status('GET', '/v1/status')).toBe(404);
    expect(world.done).toEqual([]);
  });

  it('tells what the node says, with the status that fits', async () => {
    const failing = (code: 'BAT_E_NOT_ENOUGH_PEERS' | 'BAT_E_TOO_FEW_SHARDS'): BatChainError =>
      new BatChainError(code, { what: 'so it is' });
    await world.serve({
      upload: async () => {
        throw failing('BAT_E_NOT_ENOUGH_PEERS');
      },
      // biome-ignore lint/correctness/useYield: it fails before there is a byte.
      downloadStream: async function* () {
        throw failing('BAT_E_TOO_FEW_SHARDS');
      },
    });
    const put = await world.ask('PUT', '/files/x', { body: 'x' });
    expect([put.status, json(put)]).toMatchObject([507, { code: 'BAT_E_NOT_ENOUGH_PEERS', what: 'so it is' }]);
    expect(await world.status('GET', '/files/0707')).toBe(503);
    expect(readdirSync(world.incomingFolder)).toEqual([]);
  });

  it('breaks off when the file turns out wrong at the end: nobody gets as many bytes as were announced', async () => {
    await world.serve({
      downloadStream: async function* () {
        yield CONTENT.subarray(0, 5);
        yield CONTENT.subarray(5);
        // Time enough for what was sent to arrive.
        await runtime.clock.sleep(200);
        throw new BatChainError('BAT_E_CONTENT_MISMATCH', { what: 'the whole is wrong' });
      },
    });
    await expect(world.ask('GET', '/files/0707')).rejects.toThrow(/aborted|hang up/);
  });

  it('breaks off when the bytes are fewer or more than was announced', async () => {
    for (const length of [9, 11]) {
      await world.serve({
        downloadStream: async function* () {
          yield CONTENT.subarray(0, 3);
          yield new Uint8Array(length - 3);
          return DOWNLOADED;
        },
      });
      await expect(world.ask('GET', '/files/0707')).rejects.toThrow(/aborted|hang up/);
      await world.gateway.stop();
    }
  });

  it('reads no faster than the client, and stops when it is gone', async () => {
    let given = 0;
    let ended: () => void;
    const end = new Promise<void>((resolve) => (ended = resolve));
    const bytes = 1024 ** 3;
    await world.serve({
      list: async () => [{ ...FILE, bytes }],
      downloadStream: async function* () {
        try {
          for (; given < bytes; given += 65_536) yield new Uint8Array(65_536);
          return DOWNLOADED;
        } finally {
          ended();
        }
      },
    });
    const socket = connect(world.gateway.address.port, '127.0.0.1');
    socket.pause();
    socket.write(`GET /files/0707 HTTP/1.1\r\nHost: 127.0.0.1:${world.gateway.address.port}\r\n\r\n`);
    let before = -1;
    while (before !== given || given === 0) {
      before = given;
      await runtime.clock.sleep(100);
    }
    expect(given).toBeLessThan(32 * 1024 * 1024);
    socket.destroy();
    await end;
  });
});
