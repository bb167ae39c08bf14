// Whoever means the gateway ill: pages, guessers of tokens, floods.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, CONTENT, DOWNLOADED, GatewayWorld, ID, json } from '../support/gateway-world.ts';

const runtime = createSystemRuntime();
const TOKEN = 't'.repeat(43);

let world: GatewayWorld;

beforeEach(() => {
  world = new GatewayWorld();
});
afterEach(() => world.close());

describe('hostile requests to the gateway (T13, T14, T17)', () => {
  const hostLine = (): string => `Host: 127.0.0.1:${world.gateway.address.port}`;

  it('a web page gets nothing: no Origin, no foreign Host, no preflight, no CORS', async () => {
    await world.serve();
    const attacks: readonly [string, Record<string, string>][] = [
      ['PUT', { origin: 'http://evil.example' }],
      ['PUT', { origin: 'null' }],
      ['DELETE', { origin: 'http://localhost' }],
      ['GET', { 'sec-fetch-site': 'cross-site' }],
      ['GET', { 'sec-fetch-site': 'same-origin' }],
      ['OPTIONS', { origin: 'http://evil.example', 'access-control-request-method': 'PUT' }],
      ['GET', { host: 'evil.example' }],
      ['PUT', { host: `rebound.example:${world.gateway.address.port}` }],
    ];
    for (const [method, headers] of attacks) {
      const answer = await world.ask(method, '/files/a%20b.txt', { headers, ...(method === 'PUT' ? { body: 'x' } : {}) });
      expect([method, headers, answer.status]).toEqual([method, headers, 403]);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect(await world.status('GET', '/health', { headers: { host: 'evil.example' } })).toBe(403);
    const twice = `DELETE /files/${ID} HTTP/1.1\r\n${hostLine()}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`;
    expect(await world.raw(twice)).toMatch(/^HTTP\/1.1 400 /);
    expect(world.done).toEqual([]);
  });

  it('without the token nothing happens, and the body is not taken', async () => {
    await world.serve({}, { token: TOKEN, host: '0.0.0.0' });
    for (const authorization of [undefined, 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN.slice(0, -1)}`])
      for (const [method, path] of [
        ['PUT', '/files/x'],
        ['GET', '/files/'],
        ['DELETE', '/files/0707'],
        ['PUT', '/kv/x'],
        ['GET', '/kv/x'],
        ['GET', '/nothing'],
      ] as const) {
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
        const answer = await world.ask(method, path, { headers, ...(method === 'PUT' ? { body: 'x'.repeat(100_000) } : {}) });
        expect([path, answer.status, json(answer).code]).toEqual([path, 401, 'BAT_E_TOKEN_REQUIRED']);
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="batchain"/);
      }
    expect(world.done).toEqual([]);
    expect(readdirSync(world.folder)).toEqual([]);
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect(await world.status('PUT', '/files/x', { headers, body: 'abc' })).toBe(201);
    expect(await world.status('GET', '/files/', { headers: { ...headers, host: `192.0.2.2:${world.gateway.address.port}` } })).toBe(200);
  });

  it('who waits for leave to send a body is refused before the first byte of it', async () => {
    await world.serve({}, { token: TOKEN });
    const answer = await world.raw(`PUT /files/x HTTP/1.1\r\n${hostLine()}\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).not.toContain('100 Continue');
  });

  it('who sends on after a refusal can still read why: the connection is not reset under it', async () => {
    await world.serve({}, { token: TOKEN });
    let taken = 0;
    const answer = await world.raw(`PUT /files/x HTTP/1.1\r\n${hostLine()}\r\nContent-Length: 600000\r\n\r\n`, (socket) => {
      const send = (): void => void (socket.writable && socket.write(new Uint8Array(200_000), (error) => (taken += error ? 0 : 1)));
      for (const delayMs of [100, 200, 300]) runtime.clock.setTimer(delayMs, send);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(taken).toBe(3);
  });

  it('bodies over the limit, and such that never end or come in pieces of nonsense, are told so', async () => {
    await world.serve();
    const put = `PUT /files/x HTTP/1.1\r\n${hostLine()}\r\n`;
    const get = `GET /kv/ HTTP/1.1\r\n${hostLine()}\r\n`;
    const json = `PUT /kv/x HTTP/1.1\r\n${hostLine()}\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const cases: readonly (readonly [text: string, status: number])[] = [
      [`${put}Content-Length: 9007199254740991\r\n\r\nabc`, 413],
      [`${put}Content-Length: 274877906944\r\n\r\n`, 507],
      [`${json}200000\r\n${'['.repeat(0x200000)}\r\n`, 413],
      [`${json}5\r\n[[[[[\r\n0\r\n\r\n`, 400],
      [`${put}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
      [`${put}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
      [`${put}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`, 400],
      ['GET /health HTTP/1.1\r\n\r\n', 400],
      ['GET /health HTTP/1.0\r\n\r\n', 403],
      [`GET http://evil.example/files/ HTTP/1.1\r\n${hostLine()}\r\nConnection: close\r\n\r\n`, 404],
      [`${get}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
      [`${get}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 403],
      [`${get}Expect: tea\r\nConnection: close\r\n\r\n`, 417],
      ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ];
    const answers = await Promise.all(cases.map(([text]) => world.raw(text)));
    expect(answers.map((answer) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]))).toEqual(cases.map(([, status]) => status));
    expect(world.done).toEqual([]);
    expect(await world.status('GET', '/health')).toBe(200);
  });

  it('headers that drip are given up after 5 s, and so is silence', async () => {
    await world.serve();
    const silence = world.raw('');
    const startedMs = runtime.clock.monotonicMs();
    const answer = await world.raw('GET /health HTTP/1.1\r\n', (socket) => {
      const drip = (): void => {
        if (socket.destroyed) return;
        socket.write('X: y\r\n');
        runtime.clock.setTimer(500, drip);
      };
      drip();
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    await silence;
    expect(runtime.clock.monotonicMs() - startedMs).toBeLessThan(8000);
  }, 10_000);

  it('300 silent connections cost nobody else a place', async () => {
    await world.serve();
    const sockets = Array.from({ length: 300 }, () => connect(world.gateway.address.port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))));
    for (let i = 0; i < 20; i++) expect(await world.status('GET', '/files/')).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it('takes so many files at once, and tells the next to come again', async () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    await world.serve({
      downloadStream: async function* () {
        await opened;
        yield CONTENT;
        return DOWNLOADED;
      },
    });
    const first = Array.from({ length: 8 }, () => world.ask('GET', '/files/0707'));
    let busy: Answer | undefined;
    while (busy?.status !== 429)
      busy = await Promise.race([world.ask('GET', '/files/0707'), runtime.clock.sleep(50).then(() => undefined)]);
    expect(busy.headers['retry-after']).toBe('1');
    expect(await world.status('GET', '/files/')).toBe(200);
    open();
    expect((await Promise.all(first)).map((answer) => answer.status)).toEqual(Array(8).fill(200));
    expect(await world.status('GET', '/files/0707')).toBe(200);
  });

  it('a close ends what is in work and frees the port', async () => {
    let isCancelled = false;
    let begun = (): void => undefined;
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    await world.serve({
      upload: (_path, options) =>
        new Promise((_, reject) => {
          begun();
          options?.signal?.addEventListener('abort', () => {
            isCancelled = true;
            reject(options.signal?.reason);
          });
        }),
    });
    const put = world.ask('PUT', '/files/x', { body: 'abc' });
    await beginning;
    const { port } = world.gateway.address;
    const again = world.make({ host: '127.0.0.1', port, token: undefined });
    await expect(again.start()).rejects.toMatchObject({ code: 'BAT_E_PORT_IN_USE', exit: 2 });
    await world.gateway.stop();
    expect([(await put).status, isCancelled, readdirSync(world.incomingFolder)]).toEqual([503, true, []]);
    await again.start();
    await again.stop();
  });
});
