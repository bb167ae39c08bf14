// How processes with data channels end, and what the others notice: the library has threads of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { CreditBudget, DataChannelTransport, openSession } from '@batchain/bat-node';
import { fromHex, keyPairFromSeed, present, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { value } from '../support/channel-pair.ts';
import { bytesNamed } from '../support/stored-shards.ts';

const LOOPBACK = '127.0.0.1';
const runtime = createSystemRuntime();
const children: ChildProcess[] = [];

afterEach(() => {
  for (const running of children.splice(0)) running.kill('SIGKILL');
});

function start(mode: string): ChildProcess {
  const path = fileURLToPath(new URL('../support/channel-child.ts', import.meta.url));
  const running = spawn(process.execPath, ['--conditions=@batchain/source', '--import', 'tsx', path, mode]);
  children.push(running);
  return running;
}

/** Exit code, signal, and all that was written. */
async function endOf(running: ChildProcess): Promise<{ code: number | null; signal: string | null; text: string }> {
  let text = '';
  for (const stream of [running.stdout, running.stderr]) stream?.on('data', (part: Buffer) => (text += part.toString()));
  const [code, signal] = (await once(running, 'close')) as [number | null, string | null];
  return { code, signal, text };
}

describe('a process with data channels', () => {
  it('ends by itself when the last of many is closed, without a word', async () => {
    expect(await endOf(start('close'))).toEqual({ code: 0, signal: null, text: '' });
  });

  it('ends by process.exit with one open, without a word', async () => {
    expect(await endOf(start('exit'))).toEqual({ code: 0, signal: null, text: '' });
  });

  it('works without the library, and says that this way is not open', async () => {
    const { code, text } = await endOf(start('missing'));
    expect(code).toBe(0);
    expect(JSON.parse(text)).toEqual({ ok: false, reason: 'not-dialable', detail: expect.stringContaining('no such file') });
  });
});

describe('a peer behind a data channel that is gone', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)('by %s, is noticed within 10 s while nothing is sent', async (killedBy) => {
    const running = start('called');
    const output = createInterface({ input: present(running.stdout, 'its output') })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await output.next()).value as string);
    const identity = keyPairFromSeed(bytesNamed('seed of caller', 32));
    const transport = new DataChannelTransport(runtime, { ownHosts: () => [LOOPBACK], bindHost: LOOPBACK });
    const signal = new AbortController().signal;
    const attempt = value(await transport.prepareCall({ signal, timeoutMs: 20_000 }));
    running.stdin?.write(`${JSON.stringify({ ...attempt.local, hex: toHex(attempt.local.fingerprint) })}\n`);
    const answer = await next();
    const remote = { ...answer, fingerprint: fromHex(answer.hex) };
    const nonces = { caller: bytesNamed('caller', 16), called: bytesNamed('called', 16) };
    const peer = keyPairFromSeed(bytesNamed('seed of called', 32));
    const connection = value(await attempt.connect(remote, peer, nonces));
    const config = { nodeId: identity.nodeId, networkKey: bytesNamed('network', 32), shardBytesMax: 0, relays: false };
    const session = value(await openSession(runtime, connection, new CreditBudget(), { ...config, onStream: async () => undefined }));
    expect(await next()).toEqual({ opened: true });
    const goneMs = performance.now();
    running.kill(killedBy);
    expect(await session.closed).toMatchObject({ reason: 'timeout', detail: 'the peer fell silent' });
    const noticedMs = performance.now() - goneMs;
    console.log(`${killedBy}: noticed after ${Math.round(noticedMs)} ms`);
    expect(noticedMs).toBeLessThan(10_000);
  });
});
