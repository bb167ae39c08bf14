// driven: the routes that open servers for other programs; each serves for as long as its job runs.
import { once } from 'node:events';
import { given, job } from './replies.ts';
import { defineRoute, type Route } from './router.ts';
import { type ServeHttpBody, type ServeReady, serveHttpBody } from './serve-schemas.ts';

/** A server that is open. */
export interface ServedHttp {
  readonly ready: ServeReady;
  close(): Promise<void>;
}

/** Throws BAT_E_PORT_IN_USE, BAT_E_LISTEN_FAILED, BAT_E_CONFIG for a token file that can not be used. */
export type ServeHttp = (options: ServeHttpBody) => Promise<ServedHttp>;

export function serveRoutes(serveHttp: ServeHttp): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/serve/http',
      body: serveHttpBody,
      handle: ({ body }) =>
        job('serve', async ({ signal, onReady }) => {
          const served = await serveHttp(given(body));
          try {
            signal.throwIfAborted();
            onReady(served.ready);
            await once(signal, 'abort');
          } finally {
            await served.close();
          }
          // It has no other end.
          signal.throwIfAborted();
        }),
    }),
  ];
}
