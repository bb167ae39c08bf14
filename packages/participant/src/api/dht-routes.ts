// driven: the routes of the network hash table; what sends messages is a job, so that it ends when its client goes.
import type { DhtApi } from './dht-api.ts';
import { dhtFindBody, dhtPingBody, dhtTraceBody } from './dht-schemas.ts';
import { job, json } from './replies.ts';
import { defineRoute, type Route } from './router.ts';
import { emptyBody } from './schema-parts.ts';

export function dhtRoutes(dht: DhtApi): Route[] {
  return [
    defineRoute({ method: 'POST', path: '/v1/dht/size', body: emptyBody, handle: () => job('dht size', (context) => dht.size(context)) }),
    defineRoute({
      method: 'POST',
      path: '/v1/dht/find',
      body: dhtFindBody,
      handle: ({ body }) => job('dht find', (context) => dht.find(body, context)),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/dht/ping',
      body: dhtPingBody,
      handle: ({ body }) => job('dht ping', (context) => dht.ping(body, context)),
    }),
    defineRoute({ method: 'GET', path: '/v1/dht/routes', handle: () => json(dht.routes()) }),
    defineRoute({
      method: 'POST',
      path: '/v1/dht/trace',
      body: dhtTraceBody,
      handle: ({ body }) => job('dht trace', (context) => dht.trace(body, context)),
    }),
  ];
}
