// driven: the routes of the local API, version 1, over a participant.
import type { FileRef, FlowOptions } from '@batchain/bat-node';
import type { LocalNode } from '../local-node.ts';
import { auditBody, downloadBody, emptyBody, putBody } from './api-schemas.ts';
import { auditAll } from './audit-all.ts';
import type { JobContext, JobTable } from './job-table.ts';
import { viewAudits, viewDownload, viewInfo, viewList, viewProgress, viewRelease, viewUpload } from './result-views.ts';
import { type ApiReply, defineRoute, type Route } from './router.ts';

const json = (body: unknown): ApiReply => ({ kind: 'json', body });
const job = (name: string, work: (context: JobContext) => Promise<unknown>): ApiReply => ({ kind: 'job', name, work });

function flowOptions({ signal, onProgress, onNote }: JobContext): FlowOptions {
  return { signal, onProgress: (progress) => onProgress(viewProgress(progress)), onNote };
}

/** The options that were given: exact optional properties know no `undefined`. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function fileRoutes(node: LocalNode): Route[] {
  const { files } = node;
  const ref = (params: Readonly<Record<string, string>>): FileRef => params.ref ?? '';
  return [
    defineRoute({ method: 'GET', path: '/v1/files', handle: async () => json(viewList(await files.list())) }),
    defineRoute({
      method: 'PUT',
      path: '/v1/files',
      body: putBody,
      handle: ({ body: { path, ...options } }) =>
        job('put', async (context) => viewUpload(await files.upload(path, { ...given(options), ...flowOptions(context) }))),
    }),
    defineRoute({ method: 'GET', path: '/v1/files/:ref', handle: async ({ params }) => json(viewInfo(await files.info(ref(params)))) }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/files/:ref',
      body: emptyBody,
      handle: ({ params }) => job('rm', async (context) => viewRelease(await files.release(ref(params), flowOptions(context)))),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/files/:ref/content',
      handle: ({ params }) => ({ kind: 'bytes', name: 'get', open: (context) => streamFile(node, ref(params), context) }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/files/:ref/download',
      body: downloadBody,
      handle: ({ params, body: { path, ...options } }) =>
        job('get', async (context) =>
          viewDownload(await files.download(ref(params), path, { ...given(options), ...flowOptions(context) })),
        ),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/files/:ref/audit',
      body: auditBody,
      handle: ({ params, body }) =>
        job('audit', async (context) => viewAudits([await files.audit(ref(params), { ...given(body), ...flowOptions(context) })])),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/audit',
      body: auditBody,
      handle: ({ body }) => job('audit', async (context) => viewAudits(await auditAll(files, body.isFull === true, context))),
    }),
  ];
}

async function* streamFile(node: LocalNode, ref: FileRef, context: JobContext): AsyncGenerator<Uint8Array, unknown> {
  return viewDownload(yield* node.files.downloadStream(ref, flowOptions(context)));
}

/** `requestStop` ends the daemon after the answer was sent. */
export function createRoutes(node: LocalNode, jobs: JobTable, requestStop: () => void): readonly Route[] {
  return [
    defineRoute({ method: 'GET', path: '/healthz', handle: () => json({ ok: true }) }),
    defineRoute({
      method: 'GET',
      path: '/v1/status',
      handle: async () => json({ ...(await node.status()), jobs: { running: jobs.running } }),
    }),
    defineRoute({ method: 'GET', path: '/v1/peers', handle: async () => json({ peers: await node.peers() }) }),
    defineRoute({ method: 'GET', path: '/v1/peers/:id/why', handle: async ({ params }) => json(node.why(params.id ?? '')) }),
    defineRoute({ method: 'GET', path: '/v1/doctor', handle: async () => json({ findings: await node.diagnose() }) }),
    defineRoute({
      method: 'GET',
      path: '/v1/events',
      handle: ({ headers }) => ({ kind: 'events', lastId: Number(headers['last-event-id'] ?? 0) || 0 }),
    }),
    ...fileRoutes(node),
    defineRoute({ method: 'GET', path: '/v1/jobs', handle: () => json({ jobs: jobs.list() }) }),
    defineRoute({ method: 'GET', path: '/v1/jobs/:id', handle: ({ params }) => json(jobs.view(params.id ?? '')) }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/jobs/:id',
      body: emptyBody,
      handle: ({ params }) => json(jobs.cancel(params.id ?? '', 'a client asked for it')),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/stop',
      body: emptyBody,
      handle: () => {
        requestStop();
        return json({ stopping: true });
      },
    }),
  ];
}
