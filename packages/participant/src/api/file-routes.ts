// driven: the routes of files: upload, download, audit, list, release.
import type { FileRef, FlowOptions } from '@batchain/bat-node';
import type { LocalNode } from '../local-node.ts';
import { auditBody, downloadBody, putBody } from './api-schemas.ts';
import { auditAll } from './audit-all.ts';
import type { JobContext } from './job-table.ts';
import { given, job, json } from './replies.ts';
import { viewAudits, viewDownload, viewInfo, viewList, viewProgress, viewRelease, viewUpload } from './result-views.ts';
import { defineRoute, type Route } from './router.ts';
import { emptyBody } from './schema-parts.ts';

function flowOptions({ signal, onProgress, onNote }: JobContext): FlowOptions {
  return { signal, onProgress: (progress) => onProgress(viewProgress(progress)), onNote };
}

export function fileRoutes(node: LocalNode): Route[] {
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
