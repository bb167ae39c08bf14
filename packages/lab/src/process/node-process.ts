// driven: the processes of nodes: started, looked for, killed, ended. A pid that is another's by now is never touched.
import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensurePrivateDir, homeLockHolder, LocalApiClient, type StatusResult } from '@batchain/participant/client';
import { BatChainError, type Clock, present } from '@batchain/shared';
import type { LabNode } from '../files/lab-file.ts';
import { nodePaths } from '../files/lab-folder.ts';
import { NODE_ANSWER_TIMEOUT_MS, NODE_READY_TIMEOUT_MS, NODE_STOP_TIMEOUT_MS, POLL_MS } from '../limits.ts';
import { type NodeOrder, type NodeReady, readAnswer } from './node-order.ts';

const PROGRAM = fileURLToPath(new URL('./lab-node.js', import.meta.url));

/** Settings of a person are for the person's own node. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('BATCHAIN_') && key !== 'NODE_OPTIONS'));
}

/** Resolves when the node is ready; it is killed when it is not in time, or when the signal aborts. Throws what it says itself. */
export async function startNode(clock: Clock, order: NodeOrder, signal: AbortSignal): Promise<NodeReady> {
  signal.throwIfAborted();
  const { logDir } = nodePaths(order.folder, order.name);
  ensurePrivateDir(logDir);
  const logPath = join(logDir, 'lab-node.err');
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(order)], {
    detached: !order.endsWithParent,
    stdio: [order.endsWithParent ? 'pipe' : 'ignore', 'pipe', openSync(logPath, 'a', 0o600)],
    cwd: order.folder,
    env: cleanEnv(),
  });
  const stdout = present(child.stdout, 'the output of a child with a pipe');
  const late = new AbortController();
  const timer = clock.setTimer(NODE_READY_TIMEOUT_MS, () => late.abort(notReady(order.name, logPath)));
  const over = AbortSignal.any([signal, late.signal]);
  const kill = (): void => void child.kill('SIGKILL');
  over.addEventListener('abort', kill, { once: true });
  try {
    for await (const line of createInterface({ input: stdout })) return readAnswer(line);
    over.throwIfAborted();
    throw new BatChainError('BAT_E_INTERNAL', { what: `${order.name} ended before it was ready`, why: `see ${logPath}` });
  } finally {
    timer.cancel();
    over.removeEventListener('abort', kill);
    stdout.destroy();
    child.unref();
  }
}

function notReady(name: string, logPath: string): BatChainError {
  return new BatChainError('BAT_E_TIMEOUT', { what: `${name} was not ready in time`, why: `see ${logPath}` });
}

/** The living process that has the node's home: its lock tells the start time as well where the system does. */
export function nodePid(folder: string, { name }: Pick<LabNode, 'name'>): number | undefined {
  return homeLockHolder(nodePaths(folder, name).lockFile);
}

/** What the node says of itself; undefined when it does not answer in time. */
export async function askNode(clock: Clock, { control }: Pick<LabNode, 'control'>, signal: AbortSignal): Promise<StatusResult | undefined> {
  const over = new AbortController();
  const timer = clock.setTimer(NODE_ANSWER_TIMEOUT_MS, () => over.abort());
  try {
    return await new LocalApiClient(control).status({ signal: AbortSignal.any([signal, over.signal]) });
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    timer.cancel();
  }
}

/** Where the system tells no start times a pid alone proves nothing: the node must answer. */
async function isOurs(clock: Clock, node: LabNode, signal: AbortSignal): Promise<boolean> {
  return existsSync('/proc/self/stat') || (await askNode(clock, node, signal)) !== undefined;
}

async function untilGone(clock: Clock, folder: string, node: LabNode, timeoutMs: number): Promise<boolean> {
  const endMs = clock.monotonicMs() + timeoutMs;
  while (nodePid(folder, node) !== undefined) {
    if (clock.monotonicMs() > endMs) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/** As a crash: nothing is saved, nobody is told. False when it was not up. Resolves when it is gone. */
export async function killNode(clock: Clock, folder: string, node: LabNode, signal: AbortSignal): Promise<boolean> {
  const pid = nodePid(folder, node);
  if (pid === undefined || !(await isOurs(clock, node, signal))) return false;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  if (await untilGone(clock, folder, node, NODE_STOP_TIMEOUT_MS)) return true;
  throw new BatChainError('BAT_E_INTERNAL', { what: `${node.name} can not be ended`, why: `process ${pid} is still there` });
}

/** In good order, by force when that takes too long. */
export async function stopNode(clock: Clock, folder: string, node: LabNode, signal: AbortSignal): Promise<void> {
  if (nodePid(folder, node) === undefined) return;
  const over = new AbortController();
  const timer = clock.setTimer(NODE_ANSWER_TIMEOUT_MS, () => over.abort());
  const isAsked = await new LocalApiClient(node.control).stop({ signal: AbortSignal.any([signal, over.signal]) }).then(
    () => true,
    () => false,
  );
  timer.cancel();
  if (isAsked && (await untilGone(clock, folder, node, NODE_STOP_TIMEOUT_MS))) return;
  await killNode(clock, folder, node, signal);
}
