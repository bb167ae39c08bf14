// driven: the processes of nodes: started, looked for, killed, ended. A pid that is another's by now is never touched.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { homeLockHolder, LocalApiClient, type StatusResult } from '@batchain/participant/client';
import { BatChainError, type Clock } from '@batchain/shared';
import type { LabNode } from '../files/lab-file.ts';
import { nodePaths } from '../files/lab-folder.ts';
import { NODE_ANSWER_TIMEOUT_MS, NODE_READY_TIMEOUT_MS, NODE_STOP_TIMEOUT_MS, POLL_MS } from '../limits.ts';
import { startProcess } from '../start-process.ts';
import { type NodeOrder, type NodeReady, nodeReadySchema } from './node-order.ts';

const PROGRAM = fileURLToPath(new URL('./lab-node.js', import.meta.url));

/** Resolves when the node is ready. Throws what it says itself. */
export async function startNode(clock: Clock, order: NodeOrder, signal: AbortSignal): Promise<NodeReady> {
  const { folder, name, endsWithParent } = order;
  const { logDir } = nodePaths(folder, name);
  const options = { program: PROGRAM, order, name, folder, logDir, endsWithParent, readyWithinMs: NODE_READY_TIMEOUT_MS };
  return nodeReadySchema.parse(await startProcess(clock, options, signal));
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
