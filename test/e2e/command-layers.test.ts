// One command through every layer between the console and the wire: each alone over a stub of the next, then all together.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KadNode, type KadRpc, type PingResult } from '@batchain/kad-node';
import { LocalApiServer, type LocalNode } from '@batchain/participant';
import { type DhtPingResult, type HomePaths, homePaths, LocalApiClient, systemSurroundings } from '@batchain/participant/client';
import { type Address, BatChainError, createCrypto, formatAddress, keyPairFromSeed, ok, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandResult } from '../../demos/lib/local-network.ts';
import { dhtRoutes } from '../../packages/participant/src/api/dht-routes.ts';
import type { JobContext } from '../../packages/participant/src/api/job-table.ts';
import { matchRoute } from '../../packages/participant/src/api/router.ts';
import { KadDht } from '../../packages/participant/src/dht/kad-dht.ts';
import { typeCommand } from '../support/command-line.ts';

const runtime = createSystemRuntime();
const never = new AbortController().signal;
const self = keyPairFromSeed(new Uint8Array(32).fill(1));
const PEER = { nodeId: keyPairFromSeed(new Uint8Array(32).fill(2)).nodeId, address: { host: '127.0.0.1', port: 4871 } };
const OURS: Address = { host: '127.0.0.1', port: 4870 };
const AT = formatAddress(PEER.address);
/** What the KadNode answers, and what that is on the control socket. */
const PONG: PingResult = { peer: PEER, rttMs: 1.25, observedAddress: OURS };
const RESULT: DhtPingResult = { nodeId: toHex(PEER.nodeId), kad: AT, rttMs: 1.25, observed: '127.0.0.1:4870' };
const SEEN = `${toHex(PEER.nodeId).slice(0, 8)}  127.0.0.1:4871  answered in 1.3 ms and sees this node at 127.0.0.1:4870\n`;

let home: string;
let paths: HomePaths;
const ends: (() => unknown)[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'batchain-layers-'));
  paths = homePaths(home, systemSurroundings());
  writeFileSync(paths.identityFile, '');
  ends.push(() => rmSync(home, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** The console: what a person types and sees. */
const type = (...argv: string[]): Promise<CommandResult> => typeCommand([...argv, '--home', home], { cwd: home });

interface Message {
  readonly line: string;
  readonly body: string;
}

/** A daemon that is none: takes every control message and answers the same. */
async function stubDaemon(...lines: readonly object[]): Promise<Message[]> {
  const taken: Message[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      const isAlive = request.url === '/healthz';
      if (!isAlive) taken.push({ line: `${request.method} ${request.url}`, body });
      response.end(isAlive ? '{"ok":true}' : lines.map((one) => `${JSON.stringify(one)}\n`).join(''));
    });
  });
  await new Promise<void>((resolve) => server.listen(paths.controlPath, resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return taken;
}

const stubNode = (dht: Partial<LocalNode['dht']>): LocalNode =>
  ({ dht, network: {}, files: {}, onEvent: () => () => undefined }) as unknown as LocalNode;

/** A wire that is none: the peer answers every request. */
function stubRpc(): { readonly rpc: KadRpc; readonly asked: string[] } {
  const asked: string[] = [];
  const nothing = (): void => undefined;
  const rpc: KadRpc = {
    request: async (to, _expected, { type: what }) => {
      asked.push(`${what} to ${formatAddress(to)}`);
      return ok({ ...PONG, response: { type: 'pong' }, isWitness: true, isClient: false });
    },
    onRequest: nothing,
    sendProbe: () => false,
    onProbe: nothing,
    hasSentTo: () => false,
    onProved: nothing,
    decideRole: nothing,
    sessionWith: () => undefined,
    open: async () => undefined,
    close: async () => undefined,
    localAddress: OURS,
  };
  return { rpc, asked };
}

async function startKad(rpc: KadRpc): Promise<KadNode> {
  const node = new KadNode(runtime, { rpc, signer: self, crypto: createCrypto() });
  await node.start();
  ends.push(() => node.stop());
  return node;
}

async function serve(node: LocalNode): Promise<void> {
  const server = new LocalApiServer(runtime, node, { controlPath: paths.controlPath, onStopRequest: () => undefined });
  await server.start();
  ends.push(() => server.stop());
}

const overKad = (kad: Pick<KadNode, 'whoIsAt'>): KadDht =>
  new KadDht(runtime, { kad: kad as KadNode, bucketSize: 20, idOf: () => PEER.nodeId, resolve: async () => [PEER.address] });

describe('BD-30 the layers of a command', () => {
  it('the command, over a daemon that is a stub: one control message, and its result on the console', async () => {
    const taken = await stubDaemon({ type: 'job', id: '1' }, { type: 'result', result: RESULT });
    expect(await type('dht', 'ping', AT)).toMatchObject({ code: 0, stdout: SEEN, stderr: '' });
    expect(taken).toEqual([{ line: 'POST /v1/dht/ping', body: JSON.stringify({ to: AT }) }]);
  });

  it('the client, over a socket that is a stub: the result, or the error as it was', async () => {
    await stubDaemon({ type: 'job', id: '1' }, { type: 'result', result: RESULT });
    expect(await new LocalApiClient(paths.controlPath).dht.ping(AT)).toEqual(RESULT);
    await ends.pop()?.();
    await stubDaemon({ type: 'error', code: 'BAT_E_NO_ANSWER', what: 'nobody', why: 'silence', fix: 'wait', exit: 5 });
    const refused = new LocalApiClient(paths.controlPath).dht.ping(AT);
    await expect(refused).rejects.toMatchObject({ code: 'BAT_E_NO_ANSWER', what: 'nobody', why: 'silence', fix: 'wait', exit: 5 });
  });

  it('the listener, over a node that is a stub: what is no message of its own is refused', async () => {
    const pinged: string[] = [];
    await serve(
      stubNode({
        ping: async ({ to }) => {
          pinged.push(to);
          return RESULT;
        },
      }),
    );
    const client = new LocalApiClient(paths.controlPath);
    expect(await client.dht.ping(AT)).toEqual(RESULT);
    for (const to of ['', 'x'.repeat(301), 7 as unknown as string]) {
      await expect(client.dht.ping(to)).rejects.toMatchObject({ code: 'BAT_E_BAD_REQUEST', exit: 2 });
    }
    for (const id of ['', 'xyz', 'a'.repeat(65)]) await expect(client.dht.find(id)).rejects.toMatchObject({ code: 'BAT_E_BAD_REQUEST' });
    for (const ports of [
      { from: 0, to: 9 },
      { from: 9, to: 8 },
      { from: 1, to: 1025 },
      { from: 65_535, to: 65_536 },
    ]) {
      await expect(client.network.find({ ports }), JSON.stringify(ports)).rejects.toMatchObject({ code: 'BAT_E_BAD_REQUEST' });
    }
    await expect(client.network.join([])).rejects.toMatchObject({ code: 'BAT_E_BAD_REQUEST' });
    expect(pinged).toEqual([AT]);
  });

  it('the route, over a handler that is a stub', async () => {
    const stub: Pick<LocalNode['dht'], 'ping'> = { ping: async ({ to }) => ({ ...RESULT, kad: to }) };
    const match = matchRoute(dhtRoutes(stub as LocalNode['dht']), 'POST', '/v1/dht/ping');
    if (match.kind !== 'found') return expect.fail('no route');
    const reply = await match.route.handle({ params: {}, body: { to: 'there:1' }, headers: {}, query: new URLSearchParams() });
    if (reply.kind !== 'job') return expect.fail('no job');
    expect(await reply.work({ signal: never } as JobContext)).toEqual({ ...RESULT, kad: 'there:1' });
  });

  it('the handler, over a KadNode that is a stub', async () => {
    const dht = overKad({ whoIsAt: async () => ok(PONG) });
    expect(await dht.ping({ to: AT }, { signal: never })).toEqual(RESULT);
    const silent = overKad({ whoIsAt: async () => ({ ok: false, reason: 'timeout' }) });
    await expect(silent.ping({ to: AT }, { signal: never })).rejects.toBeInstanceOf(BatChainError);
  });

  it('the KadNode, over a wire that is a stub', async () => {
    const { rpc, asked } = stubRpc();
    expect(await (await startKad(rpc)).whoIsAt(PEER.address)).toEqual(ok(PONG));
    expect(asked).toEqual([`ping to ${AT}`]);
  });

  it('BD-31 all of them together: the word of a peer is seen on the console, as text and as JSON', async () => {
    const { rpc, asked } = stubRpc();
    await serve(stubNode(overKad(await startKad(rpc))));
    expect(await type('dht', 'ping', AT)).toMatchObject({ code: 0, stdout: SEEN, stderr: '' });
    const { code, stdout } = await type('dht', 'ping', AT, '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { type: 'result', command: 'dht', ...RESULT }]);
    expect(asked).toEqual([`ping to ${AT}`, `ping to ${AT}`]);
  });
});

describe('words that are wrong', () => {
  it('are told in a line with exit code 2, before any daemon is asked', async () => {
    const cases: readonly (readonly [words: string, error: string])[] = [
      ['', 'dht needs size|find|ping|routes|trace'],
      ['sise', 'dht has no "sise"'],
      ['size now', 'dht size takes nothing'],
      ['find', 'dht find takes ID'],
      ['find seven', '"seven" is no id'],
      [`trace ${'a'.repeat(65)}`, `"${'a'.repeat(65)}" is no id`],
      ['find ab --count many', '--count: "many" can not be used'],
      ['find ab --count 65', '--count: "65" can not be used'],
      ['size --count 3', 'dht size has no --count'],
      ['ping nobody', '"nobody" is neither HOST:PORT nor an id'],
      ['size --csv', 'dht size has no --csv'],
    ];
    for (const [words, error] of cases) {
      const { code, stdout, stderr } = await type('dht', ...words.split(' ').filter((word) => word !== ''));
      expect([words, code, stdout, stderr.split('\n')[0]]).toEqual([words, 2, '', `error: ${error}`]);
    }
    const { code, stdout } = await type('dht', 'routes', '--csv', '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([2, { type: 'error', what: '--csv and --json do not go together' }]);
  });
});
