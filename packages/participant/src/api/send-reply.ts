// driven: writes the answers of the local API: JSON, a job's lines, raw bytes, server-sent events.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type BatChainError, type Runtime, type Timer, toBatChainError } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import { EVENT_BACKLOG_BYTES_MAX, JOB_PROGRESS_INTERVAL_MS } from '../limits.ts';
import type { JobLine, ProgressLine } from './api-schemas.ts';
import type { EventLog } from './event-log.ts';
import type { JobContext, JobOutcome, JobTable } from './job-table.ts';
import { problemOf, statusOf } from './problem.ts';
import { RequestError } from './request-error.ts';

/** Nothing of an answer may be kept or guessed at by what stands between. */
const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, { ...COMMON_HEADERS, 'content-type': 'application/json', 'content-length': bytes.length, ...headers });
  response.end(bytes);
}

export function sendProblem(response: ServerResponse, error: BatChainError): void {
  const problem = problemOf(error);
  sendJson(response, error instanceof RequestError ? error.status : statusOf(problem), problem, { connection: 'close' });
}

function cancelOnClose(jobs: JobTable, response: ServerResponse, id: string): void {
  const cancel = (): void => {
    if (!response.writableFinished) jobs.cancel(id, 'the client went away');
  };
  if (response.destroyed) cancel();
  else response.once('close', cancel);
}

/** Lets progress through at most once per interval; what comes in between waits, the newest only. */
class ProgressThrottle {
  readonly #runtime: Runtime;
  readonly #send: (progress: ProgressLine) => void;
  #waiting: ProgressLine | undefined;
  #timer: Timer | undefined;

  constructor(runtime: Runtime, send: (progress: ProgressLine) => void) {
    this.#runtime = runtime;
    this.#send = send;
  }

  push(progress: ProgressLine): void {
    this.#waiting = progress;
    if (this.#timer !== undefined) return;
    this.flush();
    this.#timer = this.#runtime.clock.setTimer(JOB_PROGRESS_INTERVAL_MS, () => {
      this.#timer = undefined;
      if (this.#waiting !== undefined) this.push(this.#waiting);
    });
  }

  flush(): void {
    if (this.#waiting !== undefined) this.#send(this.#waiting);
    this.#waiting = undefined;
  }

  stop(): void {
    this.#timer?.cancel();
    this.flush();
  }
}

export interface JobStart {
  readonly name: string;
  readonly work: (context: JobContext) => Promise<unknown>;
}

/** Runs the job and answers with its lines. A client that goes away cancels it. */
export function sendJob(runtime: Runtime, jobs: JobTable, response: ServerResponse, start: JobStart): void {
  const write = (line: JobLine): void => {
    if (!response.destroyed) response.write(`${JSON.stringify(line)}\n`);
  };
  const throttle = new ProgressThrottle(runtime, (progress) => {
    // A client that does not read gets its progress later, not all of it.
    if (!response.writableNeedDrain) write({ type: 'progress', ...progress });
  });
  const id = jobs.start(start.name, start.work, {
    onProgress: (progress) => throttle.push(progress),
    onNote: (text) => write({ type: 'note', text }),
    onReady: (ready) => write({ type: 'ready', ready }),
    onEnd: (outcome) => {
      throttle.stop();
      write('result' in outcome ? { type: 'result', result: outcome.result } : { type: 'error', ...outcome.problem });
      response.end();
    },
  });
  response.writeHead(200, { ...COMMON_HEADERS, 'content-type': 'application/x-ndjson', 'batchain-job': id });
  write({ type: 'job', id });
  cancelOnClose(jobs, response, id);
}

/**
 * Streams bytes as a job. An error before the first byte is an ordinary problem; one after it breaks the connection off,
 * so that no client takes a part for the whole, and the job tells why.
 */
export async function sendBytes(
  jobs: JobTable,
  response: ServerResponse,
  start: { readonly name: string; readonly open: (context: JobContext) => AsyncGenerator<Uint8Array, unknown> },
): Promise<void> {
  let id = '';
  const work = async (context: JobContext): Promise<unknown> => {
    const { signal } = context;
    const bytes = start.open(context);
    try {
      for (;;) {
        const next = await bytes.next();
        signal.throwIfAborted();
        if (!response.headersSent)
          response.writeHead(200, { ...COMMON_HEADERS, 'content-type': 'application/octet-stream', 'batchain-job': id });
        if (next.done === true) return next.value;
        if (!response.write(next.value)) await once(response, 'drain', { signal });
      }
    } finally {
      await bytes.return(undefined);
    }
  };
  const outcome = await new Promise<JobOutcome>((onEnd) => {
    id = jobs.start(start.name, work, { onProgress: () => undefined, onNote: () => undefined, onEnd });
    cancelOnClose(jobs, response, id);
  });
  if ('result' in outcome) response.end();
  else if (response.headersSent) response.socket?.destroySoon();
  else sendJson(response, statusOf(outcome.problem), outcome.problem, { connection: 'close' });
}

/** Follows the event log until the client goes or lags too far behind. */
export function sendEvents(response: ServerResponse, log: EventLog, lastId: number): void {
  response.writeHead(200, { ...COMMON_HEADERS, 'content-type': 'text/event-stream' });
  response.flushHeaders();
  const stop = log.follow(lastId, {
    onEvent: ({ id, name, fields, atMs }) => {
      if (response.writableLength > EVENT_BACKLOG_BYTES_MAX) response.destroy();
      else response.write(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify({ at: isoTime(atMs), ...fields })}\n\n`);
    },
    onEnd: () => response.end(),
  });
  response.once('close', stop);
}

export function sendFailure(runtime: Runtime, response: ServerResponse, error: unknown): void {
  const known = toBatChainError(error);
  if (known.code === 'BAT_E_INTERNAL') {
    runtime.log.error('api.request.failed', { what: known.what, stack: error instanceof Error ? error.stack : undefined });
  }
  if (response.headersSent) response.destroy();
  else sendProblem(response, known);
}
