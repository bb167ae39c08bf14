// driven: the client of the local API: what the command line and programs on this machine call.
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { BatChainError, concatBytes, type ErrorCode, utf8Text } from '@batchain/shared';
import { z } from 'zod';
import { API_LINE_BYTES_MAX } from '../limits.ts';
import {
  type AuditBody,
  type AuditResult,
  auditResult,
  type DoctorResult,
  type DownloadBody,
  doctorResult,
  type GetResult,
  getResult,
  type InfoResult,
  infoResult,
  type JobView,
  jobLine,
  jobView,
  type ListResult,
  listResult,
  type PeersResult,
  type ProgressLine,
  type PutBody,
  type PutResult,
  peersResult,
  putResult,
  type ReleaseResult,
  releaseResult,
  type StatusResult,
  statusResult,
  type WhyResult,
  whyResult,
} from './api-schemas.ts';
import { errorOfProblem, problemSchema } from './problem.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface JobOptions extends CallOptions {
  readonly onProgress?: (progress: ProgressLine) => void;
  readonly onNote?: (note: string) => void;
}

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** Errors of connecting that mean: nobody listens there. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK']);

const fileRef = (ref: string): string => `/v1/files/${encodeURIComponent(ref)}`;

/** Speaks to the daemon behind one control socket. Every call rejects with a BatChainError, or with the signal's reason. */
export class LocalApiClient {
  readonly #controlPath: string;

  constructor(controlPath: string) {
    this.#controlPath = controlPath;
  }

  /** False when no daemon listens. */
  async isRunning(options: CallOptions = {}): Promise<boolean> {
    try {
      await this.#json({ method: 'GET', path: '/healthz' }, z.object({ ok: z.boolean() }), options);
      return true;
    } catch (error) {
      if (error instanceof BatChainError && error.code === 'BAT_E_NO_DAEMON') return false;
      throw error;
    }
  }

  status(options: CallOptions = {}): Promise<StatusResult> {
    return this.#json({ method: 'GET', path: '/v1/status' }, statusResult, options);
  }

  peers(options: CallOptions = {}): Promise<PeersResult> {
    return this.#json({ method: 'GET', path: '/v1/peers' }, peersResult, options);
  }

  /** What was tried to reach a peer; `nodeId` may be a unique prefix. */
  why(nodeId: string, options: CallOptions = {}): Promise<WhyResult> {
    return this.#json({ method: 'GET', path: `/v1/peers/${encodeURIComponent(nodeId)}/why` }, whyResult, options);
  }

  doctor(options: CallOptions = {}): Promise<DoctorResult> {
    return this.#json({ method: 'GET', path: '/v1/doctor' }, doctorResult, options);
  }

  list(options: CallOptions = {}): Promise<ListResult> {
    return this.#json({ method: 'GET', path: '/v1/files' }, listResult, options);
  }

  info(ref: string, options: CallOptions = {}): Promise<InfoResult> {
    return this.#json({ method: 'GET', path: fileRef(ref) }, infoResult, options);
  }

  put(body: PutBody, options: JobOptions = {}): Promise<PutResult> {
    return this.#job({ method: 'PUT', path: '/v1/files', body }, putResult, options);
  }

  download(ref: string, body: DownloadBody, options: JobOptions = {}): Promise<GetResult> {
    return this.#job({ method: 'POST', path: `${fileRef(ref)}/download`, body }, getResult, options);
  }

  audit(ref: string, body: AuditBody, options: JobOptions = {}): Promise<AuditResult> {
    return this.#job({ method: 'POST', path: `${fileRef(ref)}/audit`, body }, auditResult, options);
  }

  auditAll(body: AuditBody, options: JobOptions = {}): Promise<AuditResult> {
    return this.#job({ method: 'POST', path: '/v1/audit', body }, auditResult, options);
  }

  release(ref: string, options: JobOptions = {}): Promise<ReleaseResult> {
    return this.#job({ method: 'DELETE', path: fileRef(ref), body: {} }, releaseResult, options);
  }

  job(id: string, options: CallOptions = {}): Promise<JobView> {
    return this.#json({ method: 'GET', path: `/v1/jobs/${id}` }, jobView, options);
  }

  async stop(options: CallOptions = {}): Promise<void> {
    await this.#json({ method: 'POST', path: '/v1/stop', body: {} }, z.unknown(), options);
  }

  /** The file's bytes in order; the return value is the result. Throws when it ends early: what came so far is not the file. */
  async *content(ref: string, options: CallOptions = {}): AsyncGenerator<Uint8Array, GetResult> {
    const response = await this.#open({ method: 'GET', path: `${fileRef(ref)}/content` }, options);
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
    const job = await this.job(jobId, options);
    if (job.problem !== null) throw errorOfProblem(job.problem);
    if (broken !== undefined || job.state !== 'done') throw lost(broken);
    return getResult.parse(job.result);
  }

  async #json<T>(call: Call, schema: z.ZodType<T>, options: CallOptions): Promise<T> {
    const response = await this.#open(call, options);
    const parts: Uint8Array[] = [];
    try {
      for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw lost(error);
    }
    return schema.parse(parseText(concatBytes(...parts)));
  }

  async #job<T>(call: Call, schema: z.ZodType<T>, options: JobOptions): Promise<T> {
    const response = await this.#open(call, options);
    try {
      for await (const text of linesOf(response)) {
        const line = jobLine.parse(JSON.parse(text));
        if (line.type === 'progress') options.onProgress?.(line);
        else if (line.type === 'note') options.onNote?.(line.text);
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

  /** The response once its head is there and it is no problem. */
  async #open({ method, path, body }: Call, { signal }: CallOptions): Promise<IncomingMessage> {
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
    const parts: Uint8Array[] = [];
    for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
    throw errorOfProblem(problemSchema.parse(parseText(concatBytes(...parts))));
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
