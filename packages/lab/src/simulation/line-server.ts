// driven: one question and one answer, a line of JSON each, over a socket that only its owner may open.
import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ensurePrivateDir } from '@batchain/participant/client';
import { BatChainError } from '@batchain/shared';
import { ANSWER_BYTES_MAX, QUESTION_BYTES_MAX, QUESTIONERS_MAX } from '../limits.ts';
import { errorLine, readAnswer, readyLine } from '../start-process.ts';

/** The first line, without its end; undefined when the other side ends before, or says too much. */
async function readLine(socket: Socket, bytesMax: number): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const end = part.indexOf(0x0a);
    parts.push(end < 0 ? part : part.subarray(0, end));
    length += part.length;
    if (length > bytesMax) return undefined;
    if (end >= 0) return Buffer.concat(parts).toString('utf8');
  }
  return undefined;
}

async function answer(socket: Socket, handle: (question: unknown) => Promise<unknown>): Promise<void> {
  const line = await readLine(socket, QUESTION_BYTES_MAX);
  let reply: string;
  try {
    if (line === undefined) throw new BatChainError('BAT_E_BAD_REQUEST', { what: 'no question of one line' });
    reply = readyLine(await handle(JSON.parse(line)));
  } catch (error) {
    reply = errorLine(error);
  }
  socket.end(reply);
}

/** Answers until it is closed. The path is in a folder of ours: what lies there is of a process that is gone. */
export async function serveLines(path: string, handle: (question: unknown) => Promise<unknown>): Promise<Server> {
  const isFile = process.platform !== 'win32';
  if (isFile) {
    ensurePrivateDir(dirname(path));
    rmSync(path, { force: true });
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    answer(socket, handle).catch(() => socket.destroy());
  });
  server.maxConnections = QUESTIONERS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  if (isFile) chmodSync(path, 0o600);
  return server;
}

/** The answer, or throws what kept from one; BAT_E_NO_LAB when nobody listens. */
export async function askLine(path: string, question: unknown, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  const socket = createConnection(path);
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    socket.write(`${JSON.stringify(question)}\n`);
    const line = await readLine(socket, ANSWER_BYTES_MAX);
    signal.throwIfAborted();
    if (line === undefined) throw new Error('no answer');
    return readAnswer(line);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BatChainError) throw error;
    throw new BatChainError('BAT_E_NO_LAB', { what: 'the simulation does not answer', why: `nobody does at ${path}`, cause: error });
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}
