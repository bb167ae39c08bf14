// driven: the routes of taking part: how this node stands, leaving with all that it keeps for others, coming back.
import type { MembershipApi } from './membership-api.ts';
import { leaveBody } from './membership-schemas.ts';
import { given, job, json } from './replies.ts';
import { defineRoute, type Route } from './router.ts';
import { emptyBody } from './schema-parts.ts';

export function membershipRoutes(membership: MembershipApi): Route[] {
  return [
    defineRoute({ method: 'GET', path: '/v1/membership', handle: () => json(membership.view()) }),
    defineRoute({
      method: 'POST',
      path: '/v1/leave',
      body: leaveBody,
      handle: ({ body }) =>
        job('leave', ({ signal, onProgress }) =>
          membership.leave({
            ...given(body),
            signal,
            onProgress: ({ doneBytes, totalBytes, phase }) =>
              onProgress({ phase: phase === 'shards' ? 'transferring' : 'finishing', doneBytes, totalBytes, resumedBytes: 0, hosts: [] }),
          }),
        ),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/rejoin',
      body: emptyBody,
      handle: async () => json({ changed: await membership.rejoin() }),
    }),
  ];
}
