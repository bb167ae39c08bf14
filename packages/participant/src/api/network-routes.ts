// driven: the routes of getting into a network: who is there, and joining through them.
import type { NetworkApi } from './dht-api.ts';
import { joinBody, networkFindBody } from './network-schemas.ts';
import { job } from './replies.ts';
import { defineRoute, type Route } from './router.ts';

export function networkRoutes(network: NetworkApi): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/join',
      body: joinBody,
      handle: ({ body }) => job('join', (context) => network.join(body, context)),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/network/find',
      body: networkFindBody,
      handle: ({ body }) => job('network find', (context) => network.find(body, context)),
    }),
  ];
}
