// driven: one call of the local API: the request, its answer as JSON, as the lines of a job, or as a stream.
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { BatChainError, collectBytes, type ErrorCode, utf8Text } from '@batchain/shared';
import type { z } from 'zod';
import { API_LINE_BYTES_MAX } from '../limits.ts';
import { jobLine, jobView, type ProgressLine } from './api-schemas.ts';
import { errorOfProblem, problemSchema } from './problem.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface JobOptions extends CallOptions {
  readonly onProgress?: (progress: ProgressLine) => void;
  readonly onNote?: (note: string) => void;
  readonly onReady?: (ready: unknown) => void;
}

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** Errors of connecting that mean: nobody listens there. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK']);

/** Calls reject with a BatChainError, or with the signal's reason. */
export class ApiCalls {
  readonly #controlPath: string;

  constructor(controlPath: string) {
    this.#controlPath = controlPath;
  }

  /** The JSON answer. */
  async json<T>(call: Call, schema: z.ZodType<T>, options: CallOptions): Promise<T> {
    const response = await this.open(call, options);
    const bytes = await collectBytes(response).catch((error: unknown) => {
      options.signal?.throwIfAborted();
      throw lost(error);
    });
    return schema.parse(parseText(bytes));
  }

  /** Follows a job to its result. */
  async job<T>(call: Call, schema: z.ZodType<T>, options: JobOptions): Promise<T> {
    const response = await this.open(call, options);
    try {
      for await (const text of linesOf(response)) {
        const line = jobLine.parse(JSON.parse(text));
        if (line.type === 'progress') options.onProgress?.(line);
        else if (line.type === 'note') options.onNote?.(line.text);
        else if (line.type === 'ready') options.onReady?.(line.ready);
        else if (line.type === 'error') throw errorOfProblem(line);
        else if (line.type === 'result') return schema.parse(line.result);
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      throw isConnectionError(error) ? lost(error) : error;
    } finally {
      response.destroy();
    }
    throw lost(undefined);
  }

  /** The bytes of a job in order; the return value is its result. Throws when they end early: what came so far is not the whole. */
  async *content<T>(path: string, schema: z.ZodType<T>, options: CallOptions): AsyncGenerator<Uint8Array, T> {
    const response = await this.open({ method: 'GET', path }, options);
    const jobId = String(response.headers['batchain-job'] ?? '');
    let broken: unknown;
    try {
      for await (const part of response as AsyncIterable<Buffer>) yield part;
    } catch (error) {
      broken = error;
    } finally {
      response.destroy();
    }
    options.signal?.throwIfAborted();
    const job = await this.json({ method: 'GET', path: `/v1/jobs/${jobId}` }, jobView, options);
    if (job.problem !== null) throw errorOfProblem(job.problem);
    if (broken !== undefined || job.state !== 'done') throw lost(broken);
    return schema.parse(job.result);
  }

  /** The response once its head is there and it is no problem. */
  async open({ method, path, body }: Call, { signal }: CallOptions): Promise<IncomingMessage> {
    signal?.throwIfAborted();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      host: 'batchain',
      // Node itself counts the body of some methods only.
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    const outgoing = request({
      socketPath: this.#controlPath,
      method,
      path,
      headers,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    const response = await responseOf(outgoing, text).catch((error: unknown) => {
      signal?.throwIfAborted();
      const code = (error as NodeJS.ErrnoException).code ?? '';
      throw ABSENT.has(code) ? noDaemon(error) : code === 'EACCES' ? notOurs(this.#controlPath, error) : lost(error);
    });
    if (response.statusCode === 200) return response;
    throw errorOfProblem(problemSchema.parse(parseText(await collectBytes(response))));
  }
}

function responseOf(outgoing: ClientRequest, text: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest: Uint8Array[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = part.indexOf(0x0a); end >= 0; end = part.indexOf(0x0a, from)) {
      yield Buffer.concat([...rest, part.subarray(from, end)]).toString('utf8');
      rest = [];
      length = 0;
      from = end + 1;
    }
    rest.push(part.subarray(from));
    length += part.length - from;
    if (length > API_LINE_BYTES_MAX) throw new BatChainError('BAT_E_INTERNAL', { what: 'the daemon sent a line without end' });
  }
}

function parseText(bytes: Uint8Array): unknown {
  return JSON.parse(utf8Text(bytes) ?? '');
}

const isConnectionError = (error: unknown): boolean =>
  !(error instanceof BatChainError) && typeof (error as { code?: unknown }).code === 'string';
const make = (code: ErrorCode, what: string, cause: unknown): BatChainError => new BatChainError(code, { what, cause });
const lost = (cause: unknown): BatChainError => make('BAT_E_DAEMON_LOST', 'the daemon went away before the command was done', cause);
const noDaemon = (cause: unknown): BatChainError => make('BAT_E_NO_DAEMON', 'no daemon runs for this home', cause);
const notOurs = (path: string, cause: unknown): BatChainError => make('BAT_E_HOME_UNUSABLE', `${path} belongs to another user`, cause);
