// driven: the routes of the local API, version 1, over a participant.
import type { LocalNode } from '../local-node.ts';
import { dhtRoutes } from './dht-routes.ts';
import { fileRoutes } from './file-routes.ts';
import type { JobTable } from './job-table.ts';
import { networkRoutes } from './network-routes.ts';
import { json } from './replies.ts';
import { defineRoute, type Route } from './router.ts';
import { emptyBody } from './schema-parts.ts';
import { valueRoutes } from './values-routes.ts';

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
    ...dhtRoutes(node.dht),
    ...networkRoutes(node.network),
    ...valueRoutes(node.values),
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
