// driven: a program of the laboratory as a process: started with an order, ready when its first line says so.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensurePrivateDir } from '@batchain/participant/client';
import { BatChainError, type Clock, ERROR_CODES, type ErrorCode, present, toBatChainError } from '@batchain/shared';
import { z } from 'zod';

export interface ProcessOptions {
  /** Path of the program. */
  readonly program: string;
  /** Handed over as JSON. */
  readonly order: unknown;
  /** For messages. */
  readonly name: string;
  readonly folder: string;
  /** What it says on standard error goes to a file in there. */
  readonly logDir: string;
  /** Its standard input is a pipe from this process, so that it can end with it. */
  readonly endsWithParent: boolean;
  readonly readyWithinMs: number;
}

const errorSchema = z.object({ code: z.string(), what: z.string(), why: z.string(), fix: z.string() });
const lineSchema = z.union([z.object({ ready: z.unknown() }), z.object({ error: errorSchema })]);

export const readyLine = (ready: unknown): string => `${JSON.stringify({ ready })}\n`;

export function errorLine(error: unknown): string {
  const { code, what, why, fix } = toBatChainError(error);
  return `${JSON.stringify({ error: { code, what, why, fix } })}\n`;
}

/** What the program says when it is ready, or throws what it says kept it. */
export function readAnswer(line: string): unknown {
  const answer = lineSchema.parse(JSON.parse(line));
  if (!('error' in answer)) return answer.ready;
  const { code, ...rest } = answer.error;
  throw new BatChainError(Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'BAT_E_INTERNAL', rest);
}

/** Settings of a person are for the person's own node. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('BATCHAIN_') && key !== 'NODE_OPTIONS'));
}

/** Resolves when the program is ready; it is killed when it is not in time, or when the signal aborts. */
export async function startProcess(clock: Clock, options: ProcessOptions, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  const { program, order, name, folder, logDir, endsWithParent, readyWithinMs } = options;
  ensurePrivateDir(logDir);
  const logPath = join(logDir, 'lab.err');
  const child = spawn(process.execPath, [program, JSON.stringify(order)], {
    detached: !endsWithParent,
    stdio: [endsWithParent ? 'pipe' : 'ignore', 'pipe', openSync(logPath, 'a', 0o600)],
    cwd: folder,
    env: cleanEnv(),
  });
  const stdout = present(child.stdout, 'the output of a child with a pipe');
  const late = new AbortController();
  const timer = clock.setTimer(readyWithinMs, () => {
    late.abort(new BatChainError('BAT_E_TIMEOUT', { what: `${name} was not ready in time`, why: `see ${logPath}` }));
  });
  const over = AbortSignal.any([signal, late.signal]);
  const kill = (): void => void child.kill('SIGKILL');
  over.addEventListener('abort', kill, { once: true });
  try {
    for await (const line of createInterface({ input: stdout })) return readAnswer(line);
    over.throwIfAborted();
    throw new BatChainError('BAT_E_INTERNAL', { what: `${name} ended before it was ready`, why: `see ${logPath}` });
  } finally {
    timer.cancel();
    over.removeEventListener('abort', kill);
    stdout.destroy();
    child.unref();
  }
}
