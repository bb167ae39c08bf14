// The API over its real socket; behind it a node whose files behave as each story needs.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatNodeApi, DownloadResult, FileAudit, FileId, FlowOptions, ShardId } from '@batchain/bat-node';
import { BatChainError, type NodeId } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LocalNode, NodeEvent } from '../local-node.ts';
import { LocalApiClient } from './local-api-client.ts';
import { LocalApiServer } from './local-api-server.ts';

const runtime = createSystemRuntime();
const id32 = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const FILE_ID = id32(7) as FileId;
const HOST = id32(9) as NodeId;
const DOWNLOADED: DownloadResult = {
  fileId: FILE_ID,
  name: 'a.txt',
  bytes: 6,
  sha256: 'ab'.repeat(32),
  path: undefined,
  durationMs: 5,
  resumedBytes: 0,
  hosts: [HOST],
  rejected: [{ host: HOST, shardId: id32(1) as ShardId, reason: 'bad-proof' }],
};

/** Resolves when the signal aborts: an upload that never ends by itself. */
const untilAborted = (options: FlowOptions | undefined): Promise<never> =>
  new Promise((_, reject) => options?.signal?.addEventListener('abort', () => reject(options.signal?.reason)));

let dir: string;
let path: string;
let server: LocalApiServer;
let stopRequests = 0;
let emit: (event: NodeEvent) => void;

async function serve(files: Partial<BatNodeApi>): Promise<LocalApiClient> {
  const node: LocalNode = {
    nodeId: HOST,
    ...({ files } as unknown as Pick<LocalNode, 'dht' | 'files' | 'membership' | 'network' | 'values'>),
    status: async () => ({
      nodeId: '09'.repeat(32),
      name: 'ana',
      version: '0.1.0',
      home: dir,
      network: 'n',
      uptimeMs: 1,
      membership: 'member',
      reach: 'lan',
      kad: '127.0.0.1:1',
      bat: '127.0.0.1:2',
      peers: { online: 2, remembered: 0 },
      joined: true,
      others: { canJoinHere: true, members: [] },
      offer: { bytes: 10, usedBytes: 0, shards: 0, isReadOnly: false },
      files: { total: 0, good: 0, degraded: 0, atRisk: 0, lost: 0, unknown: 0, withoutManifest: 0 },
      memory: { rssBytes: 1 },
    }),
    peers: async () => [],
    diagnose: async () => [],
    why: (id) => ({ nodeId: id, path: 'none', awaySince: null, attempts: [] }),
    onEvent: (listener) => {
      emit = listener;
      return () => undefined;
    },
  };
  server = new LocalApiServer(runtime, node, { controlPath: path, onStopRequest: () => stopRequests++ });
  await server.start();
  return new LocalApiClient(path);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

function ask(
  method: string,
  url: string,
  headers: Record<string, string>,
  body?: Buffer | string,
  onHead: () => void = () => undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path, method, path: url, headers, agent: false }, (response) => {
      let text = '';
      onHead();
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text })).on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const JSON_TYPE = { host: 'b', 'content-type': 'application/json' };
const codeOf = (answer: Answer): string => (JSON.parse(answer.text) as { code: string }).code;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'batchain-api-'));
  path = join(dir, 'control.sock');
  stopRequests = 0;
});
afterEach(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('BD-02 local API', () => {
  it('answers on a socket that only its owner may open', async () => {
    const client = await serve({});
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await client.status()).toMatchObject({ name: 'ana', jobs: { running: 0 } });
    expect((await ask('GET', '/v1/status', { host: 'b' })).status).toBe(200);
    expect(await client.isRunning()).toBe(true);
  });

  it('says that no daemon runs when none does', async () => {
    const client = await serve({});
    await server.stop();
    expect(await client.isRunning()).toBe(false);
    await expect(client.status()).rejects.toMatchObject({ code: 'BAT_E_NO_DAEMON', exit: 5 });
  });

  it('tells progress and notes of a job, then its result in hex and ISO words', async () => {
    const client = await serve({
      audit: async (_ref, options) => {
        options?.onProgress?.({
          phase: 'transferring',
          doneBytes: 1,
          totalBytes: 2,
          resumedBytes: 0,
          hosts: [{ nodeId: HOST, doneBytes: 1, totalBytes: 2 }],
        });
        options?.onNote?.('one host is slow');
        const rows: FileAudit['rows'] = [
          { shardId: id32(1) as ShardId, segment: 0, index: 1, host: undefined, outcome: 'offline', reason: 'timeout' },
        ];
        return {
          fileId: FILE_ID,
          name: 'a',
          verdict: 'degraded',
          policy: { k: 1, n: 2 },
          shardsHealthy: 1,
          shardsTotal: 2,
          rows,
          challengedBytes: 3,
        };
      },
    });
    const seen: unknown[] = [];
    const result = await client.audit(
      'a b/c',
      {},
      { onProgress: (line) => seen.push(line.hosts[0]?.nodeId), onNote: (note) => seen.push(note) },
    );
    expect(seen).toEqual(['09'.repeat(32), 'one host is slow']);
    expect(result.files[0]).toMatchObject({ id: '07'.repeat(32), verdict: 'degraded', shards: [{ host: null, outcome: 'offline' }] });
  });

  it('releases a file', async () => {
    const client = await serve({ release: async (ref) => ({ fileId: FILE_ID, released: ref === 'a.txt' ? 6 : 0, unreached: [HOST] }) });
    expect(await client.release('a.txt')).toEqual({ id: '07'.repeat(32), released: 6, unreached: ['09'.repeat(32)] });
  });

  it('hands a failure of the work over with code, what, why and fix', async () => {
    const client = await serve({
      upload: async () => {
        throw new BatChainError('BAT_E_NOT_ENOUGH_PEERS', {
          what: 'only 2 of 5',
          why: 'two are full',
          fix: 'wait',
          details: { usable: 2 },
        });
      },
    });
    await expect(client.put({ path: '/f' })).rejects.toMatchObject({
      code: 'BAT_E_NOT_ENOUGH_PEERS',
      what: 'only 2 of 5',
      why: 'two are full',
      fix: 'wait',
      exit: 6,
      details: { usable: 2 },
    });
  });

  it('cancels the work when the client goes away, and serves the others on', async () => {
    let aborted: (reason: unknown) => void;
    const end = new Promise<unknown>((resolve) => (aborted = resolve));
    const client = await serve({
      upload: async (_path, options) => {
        options?.onNote?.('begun');
        return untilAborted(options).catch((error: unknown) => {
          aborted(error);
          throw error;
        });
      },
    });
    const controller = new AbortController();
    const put = client.put({ path: '/f' }, { signal: controller.signal, onNote: () => controller.abort(new Error('Ctrl-C')) });
    await expect(put).rejects.toThrow('Ctrl-C');
    expect(await end).toMatchObject({ code: 'BAT_E_INTERRUPTED' });
    expect((await client.status()).jobs.running).toBe(0);
  });

  it('BD-46 runs several jobs at once, lists them, cancels one by its id, and refuses more than it takes', async () => {
    const client = await serve({ upload: (_path, options) => untilAborted(options) });
    const puts = Array.from({ length: 16 }, () => client.put({ path: '/f' }).catch((error: BatChainError) => error.code));
    let running: { id: string; kind: string }[] = [];
    while (running.length < 16) running = (JSON.parse((await ask('GET', '/v1/jobs', { host: 'b' })).text) as { jobs: typeof running }).jobs;
    await expect(client.put({ path: '/f' })).rejects.toMatchObject({ code: 'BAT_E_DAEMON_BUSY', isRetryable: true });
    await ask('DELETE', `/v1/jobs/${running[0]?.id}`, JSON_TYPE);
    expect(await Promise.race(puts)).toBe('BAT_E_INTERRUPTED');
    expect((await client.status()).jobs.running).toBe(15);
    await server.stop();
    // Only one was cancelled; to the others the daemon was lost.
    expect((await Promise.all(puts)).sort()).toEqual([...Array(15).fill('BAT_E_DAEMON_LOST'), 'BAT_E_INTERRUPTED']);
  });

  it('streams a file with its result', async () => {
    const client = await serve({
      downloadStream: async function* () {
        yield Buffer.from('abc');
        yield Buffer.from('def');
        return DOWNLOADED;
      },
    });
    const content = client.content('a.txt');
    let text = '';
    let next = await content.next();
    for (; next.done !== true; next = await content.next()) text += Buffer.from(next.value).toString();
    expect(text).toBe('abcdef');
    expect(next.value).toMatchObject({ id: '07'.repeat(32), path: null, rejected: [{ reason: 'bad-proof' }] });
  });

  it('breaks a stream off when the file fails half-way, so that no client takes a part for the whole', async () => {
    const failure = new BatChainError('BAT_E_TOO_FEW_SHARDS', { what: 'two hosts went away' });
    const client = await serve({
      downloadStream: async function* (ref) {
        if (ref === 'half') yield Buffer.from('abc');
        throw failure;
      },
    });
    await expect(client.content('none').next()).rejects.toMatchObject({ code: 'BAT_E_TOO_FEW_SHARDS' });
    await expect(ask('GET', '/v1/files/half/content', { host: 'b' })).rejects.toThrow('aborted');
    const content = client.content('half');
    expect(Buffer.from((await content.next()).value as Uint8Array).toString()).toBe('abc');
    await expect(content.next()).rejects.toMatchObject({ code: 'BAT_E_TOO_FEW_SHARDS', what: 'two hosts went away' });
  });

  it('stops reading from the file while the client does not read, and cancels when it leaves', async () => {
    let given = 0;
    let ended: () => void;
    const end = new Promise<void>((resolve) => (ended = resolve));
    const client = await serve({
      downloadStream: async function* () {
        try {
          for (;;) {
            given++;
            yield new Uint8Array(64 * 1024);
          }
        } finally {
          ended();
        }
      },
    });
    const content = client.content('endless');
    await content.next();
    // The kernel's and Node's buffers fill, then nothing more is asked for.
    let before = -1;
    while (before !== given) {
      before = given;
      await runtime.clock.sleep(100);
    }
    expect(given).toBeLessThan(100);
    await content.return(DOWNLOADED as never);
    await end;
  });

  it('follows events from the last one that was seen', async () => {
    await serve({});
    emit({ name: 'file.stored', fields: { id: 'one' } });
    emit({ name: 'file.stored', fields: { id: 'two' } });
    let begun: () => void;
    const followed = new Promise<void>((resolve) => (begun = resolve));
    const answer = ask('GET', '/v1/events', { host: 'b', 'last-event-id': '1' }, undefined, () => begun());
    await followed;
    emit({ name: 'peer.lost', fields: { id: 'three' } });
    await server.stop();
    const { text, headers } = await answer;
    expect(headers['content-type']).toBe('text/event-stream');
    expect(text).toMatch(/^id: 2\nevent: file.stored\ndata: \{"at":"[^"]+","id":"two"\}\n\nid: 3\nevent: peer.lost\n/);
  });

  it('stops the daemon only when asked by POST', async () => {
    const client = await serve({});
    expect((await ask('GET', '/v1/stop', { host: 'b' })).status).toBe(405);
    expect(stopRequests).toBe(0);
    await client.stop();
    expect(stopRequests).toBe(1);
  });
});

describe('hostile requests to the local API (T13, T17)', () => {
  const uploads: string[] = [];
  const serveUploads = async (): Promise<LocalApiClient> => {
    uploads.length = 0;
    return serve({
      upload: async (file) => {
        uploads.push(file);
        throw new BatChainError('BAT_E_FILE_NOT_FOUND', { what: 'none' });
      },
    });
  };
  const PUT = JSON.stringify({ path: '/etc/passwd' });

  it('refuses whatever a web page can send: any Origin, a foreign Host, simple content types, preflights', async () => {
    await serveUploads();
    const refused: readonly [string, Record<string, string>, number][] = [
      ['PUT', { ...JSON_TYPE, origin: 'https://evil.example' }, 403],
      ['PUT', { ...JSON_TYPE, origin: 'null' }, 403],
      ['PUT', { ...JSON_TYPE, origin: 'http://localhost' }, 403],
      ['PUT', { ...JSON_TYPE, host: 'evil.example' }, 403],
      ['PUT', { ...JSON_TYPE, host: '127.0.0.1:4870' }, 403],
      ['PUT', { ...JSON_TYPE, host: 'localhost.evil.example' }, 403],
      ['PUT', { ...JSON_TYPE, 'sec-fetch-site': 'cross-site' }, 403],
      ['PUT', { host: 'b', 'content-type': 'text/plain' }, 415],
      ['PUT', { host: 'b', 'content-type': 'application/x-www-form-urlencoded' }, 415],
      ['PUT', { host: 'b' }, 415],
      ['POST', JSON_TYPE, 405],
      ['GET', { host: 'evil.example' }, 403],
      ['OPTIONS', { host: 'b', origin: 'https://evil.example', 'access-control-request-method': 'PUT' }, 403],
      ['OPTIONS', { host: 'b' }, 405],
      ['TRACE', { host: 'b' }, 405],
    ];
    for (const [method, headers, status] of refused) {
      const answer = await ask(method, '/v1/files', headers, method === 'GET' || method === 'TRACE' ? undefined : PUT);
      expect([method, headers, answer.status]).toEqual([method, headers, status]);
      expect(JSON.parse(answer.text)).toEqual({
        code: codeOf(answer),
        what: expect.any(String),
        why: expect.any(String),
        fix: expect.any(String),
        exit: expect.any(Number),
      });
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect(uploads).toEqual([]);
    expect((await ask('PUT', '/v1/files', JSON_TYPE, PUT)).text).toContain('BAT_E_FILE_NOT_FOUND');
    expect(uploads).toEqual(['/etc/passwd']);
  });

  it('refuses an upgrade, with and without an Origin', async () => {
    await serveUploads();
    for (const origin of ['', 'Origin: https://evil.example\r\n']) {
      const text = await rawAsk(`GET /v1/events HTTP/1.1\r\nHost: b\r\n${origin}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      expect(text).toMatch(/^HTTP\/1\.1 403 /);
    }
  });

  it('refuses 10 MB of brackets, a million keys, prototypes, depth and broken text, quickly and without side effect', async () => {
    await serveUploads();
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const bodies: readonly [string, string | Buffer, number][] = [
      ['10 MB of [', Buffer.alloc(10 * 1024 * 1024, '['), 413],
      ['just below 1 MiB of [', Buffer.alloc(1024 * 1024, '['), 400],
      ['many keys', `{${Array.from({ length: 80_000 }, (_, i) => `"${i}":0`).join(',')}}`, 400],
      ['deep', nested(1000), 400],
      ['prototype', '{"path":"/f","__proto__":{"isForced":true}}', 400],
      ['duplicate', '{"path":"/f","path":"/g"}', 400],
      ['unknown key', '{"path":"/f","shell":"rm"}', 400],
      ['relative path', '{"path":"f"}', 400],
      ['zero in a path', '{"path":"/f\\u0000"}', 400],
      ['wrong policy', '{"path":"/f","policy":{"k":0,"n":3}}', 400],
      ['no object', 'null', 400],
      ['broken', '{"path":', 400],
      ['broken UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
    ];
    for (const [name, body, status] of bodies) {
      const fromMs = runtime.clock.monotonicMs();
      const answer = await ask('PUT', '/v1/files', { ...JSON_TYPE, 'content-length': String(Buffer.byteLength(body)) }, body).catch(
        (error: Error) => error,
      );
      // A client that goes on sending what was refused may see its connection closed instead of the answer.
      if (answer instanceof Error) expect([name, status]).toEqual([name, 413]);
      else expect([name, answer.status, codeOf(answer)]).toEqual([name, status, 'BAT_E_BAD_REQUEST']);
      expect(runtime.clock.monotonicMs() - fromMs, name).toBeLessThan(1000);
    }
    expect(uploads).toEqual([]);
    expect(({} as { isForced?: unknown }).isForced).toBeUndefined();
  });

  it('counts a body without a length while it arrives', async () => {
    await serveUploads();
    const answer = await ask(
      'PUT',
      '/v1/files',
      { ...JSON_TYPE, 'transfer-encoding': 'chunked' },
      Buffer.alloc(3 * 1024 * 1024, ' '),
    ).catch((error: Error) => error);
    if (!(answer instanceof Error)) expect(answer.status).toBe(413);
    expect(uploads).toEqual([]);
  });

  it('answers nonsense with 400 and stays up', async () => {
    const client = await serveUploads();
    for (const text of [
      '\0\0\0\0\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
      'PUT /v1/files HTTP/1.1\r\nHost: b\r\nContent-Length: x\r\n\r\n',
    ]) {
      expect(await rawAsk(text)).toMatch(/^HTTP\/1\.1 400 /);
    }
    for (const url of ['/', '/v2/status', '/v1/files/%zz', '/v1/files/%00', '/v1//', '/../../etc/passwd', 'http://b/v1/status']) {
      expect([url, (await ask('GET', url, { host: 'b' })).status]).toEqual([url, 404]);
    }
    expect(await client.isRunning()).toBe(true);
  });

  it('gives up on a client that does not finish its headers within 5 s or its body within 10 s', async () => {
    const client = await serveUploads();
    const fromMs = runtime.clock.monotonicMs();
    const slow = [
      rawAsk('GET /v1/status HTTP/1.1\r\nHost: b\r\nX-Slow: '),
      rawAsk('PUT /v1/files HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{'),
    ];
    await slow[0];
    expect(runtime.clock.monotonicMs() - fromMs).toBeLessThan(7500);
    await slow[1];
    expect(runtime.clock.monotonicMs() - fromMs).toBeLessThan(12_500);
    expect(await client.isRunning()).toBe(true);
  }, 20_000);
});

/** Sends bytes as they are and resolves with all that comes back until the server closes. */
function rawAsk(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
    socket.on('close', () => resolve(answer)).on('error', reject);
    socket.write(text, 'latin1');
  });
}
