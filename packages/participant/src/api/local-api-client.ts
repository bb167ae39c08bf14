// driven: the client of the local API: what the command line and programs on this machine call.
import { BatChainError } from '@batchain/shared';
import { z } from 'zod';
import { ApiCalls, type CallOptions, type JobOptions } from './api-calls.ts';
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
  jobView,
  type ListResult,
  listResult,
  type PeersResult,
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
import { DhtClient } from './dht-client.ts';
import { MembershipClient } from './membership-client.ts';
import { NetworkClient } from './network-client.ts';
import { type ServeHttpBody, type ServeReady, serveReady } from './serve-schemas.ts';
import { ValuesClient } from './values-client.ts';

const fileRef = (ref: string): string => `/v1/files/${encodeURIComponent(ref)}`;

/** Speaks to the daemon behind one control socket. Every call rejects with a BatChainError, or with the signal's reason. */
export class LocalApiClient {
  /** The network hash table. */
  readonly dht: DhtClient;
  /** Finding and joining a network. */
  readonly network: NetworkClient;
  /** Leaving, and coming back. */
  readonly membership: MembershipClient;
  /** Values by key. */
  readonly values: ValuesClient;
  readonly #calls: ApiCalls;

  constructor(controlPath: string) {
    this.#calls = new ApiCalls(controlPath);
    this.dht = new DhtClient(this.#calls);
    this.network = new NetworkClient(this.#calls);
    this.membership = new MembershipClient(this.#calls);
    this.values = new ValuesClient(this.#calls);
  }

  /** False when no daemon listens. */
  async isRunning(options: CallOptions = {}): Promise<boolean> {
    try {
      await this.#calls.json({ method: 'GET', path: '/healthz' }, z.object({ ok: z.boolean() }), options);
      return true;
    } catch (error) {
      if (error instanceof BatChainError && error.code === 'BAT_E_NO_DAEMON') return false;
      throw error;
    }
  }

  status(options: CallOptions = {}): Promise<StatusResult> {
    return this.#calls.json({ method: 'GET', path: '/v1/status' }, statusResult, options);
  }

  peers(options: CallOptions = {}): Promise<PeersResult> {
    return this.#calls.json({ method: 'GET', path: '/v1/peers' }, peersResult, options);
  }

  /** What was tried to reach a peer; `nodeId` may be a unique prefix. */
  why(nodeId: string, options: CallOptions = {}): Promise<WhyResult> {
    return this.#calls.json({ method: 'GET', path: `/v1/peers/${encodeURIComponent(nodeId)}/why` }, whyResult, options);
  }

  doctor(options: CallOptions = {}): Promise<DoctorResult> {
    return this.#calls.json({ method: 'GET', path: '/v1/doctor' }, doctorResult, options);
  }

  list(options: CallOptions = {}): Promise<ListResult> {
    return this.#calls.json({ method: 'GET', path: '/v1/files' }, listResult, options);
  }

  info(ref: string, options: CallOptions = {}): Promise<InfoResult> {
    return this.#calls.json({ method: 'GET', path: fileRef(ref) }, infoResult, options);
  }

  put(body: PutBody, options: JobOptions = {}): Promise<PutResult> {
    return this.#calls.job({ method: 'PUT', path: '/v1/files', body }, putResult, options);
  }

  download(ref: string, body: DownloadBody, options: JobOptions = {}): Promise<GetResult> {
    return this.#calls.job({ method: 'POST', path: `${fileRef(ref)}/download`, body }, getResult, options);
  }

  audit(ref: string, body: AuditBody, options: JobOptions = {}): Promise<AuditResult> {
    return this.#calls.job({ method: 'POST', path: `${fileRef(ref)}/audit`, body }, auditResult, options);
  }

  auditAll(body: AuditBody, options: JobOptions = {}): Promise<AuditResult> {
    return this.#calls.job({ method: 'POST', path: '/v1/audit', body }, auditResult, options);
  }

  release(ref: string, options: JobOptions = {}): Promise<ReleaseResult> {
    return this.#calls.job({ method: 'DELETE', path: fileRef(ref), body: {} }, releaseResult, options);
  }

  /** Serves storage over HTTP until the signal aborts; `onReady` is told where. Never resolves. */
  serveHttp(body: ServeHttpBody, options: CallOptions & { readonly onReady: (ready: ServeReady) => void }): Promise<never> {
    const onReady = (ready: unknown): void => options.onReady(serveReady.parse(ready));
    return this.#calls.job({ method: 'POST', path: '/v1/serve/http', body }, z.never(), { ...options, onReady });
  }

  job(id: string, options: CallOptions = {}): Promise<JobView> {
    return this.#calls.json({ method: 'GET', path: `/v1/jobs/${id}` }, jobView, options);
  }

  async stop(options: CallOptions = {}): Promise<void> {
    await this.#calls.json({ method: 'POST', path: '/v1/stop', body: {} }, z.unknown(), options);
  }

  /** The file's bytes in order; the return value is the result. Throws when it ends early: what came so far is not the file. */
  async *content(ref: string, options: CallOptions = {}): AsyncGenerator<Uint8Array, GetResult> {
    return yield* this.#calls.content(`${fileRef(ref)}/content`, getResult, options);
  }
}
