// driven: the relay rung: the session to the relay, and the circuit in it.
import type { BatSession, ConnectionPool, RelayClient } from '@batchain/bat-node';
import { type Connection, type Dialer, type DialFailure, equalBytes, fail, type NodeId, ok, type Result } from '@batchain/shared';
import type { JoinRelay, RelayHint, RungOptions } from './reach-types.ts';
import type { RelayDirectory } from './relay-directory.ts';

export interface RelayJoinerParts {
  readonly self: NodeId;
  readonly client: RelayClient;
  readonly dialer: Dialer;
  readonly pool: () => ConnectionPool;
  /** Learns what came of it. */
  readonly relays: () => Pick<RelayDirectory, 'watch'>;
}

export function makeRelayJoiner({ self, client, dialer, pool, relays }: RelayJoinerParts): JoinRelay {
  /** The session that stands, or a plain dial: a relay that needs a meeting of its own is none. */
  const sessionWith = async (relay: RelayHint, options: RungOptions): Promise<Result<BatSession, DialFailure>> => {
    const live = pool()
      .sessions()
      .find(({ nodeId, session }) => session.isUsable && equalBytes(nodeId, relay.nodeId));
    if (live !== undefined) return ok(live.session);
    const dialled = await dialer.dial(relay.bat, relay.nodeId, options);
    return dialled.ok ? pool().adopt(dialled.value) : dialled;
  };
  return async (relay, circuit, peer, role, options) => {
    if (equalBytes(relay.nodeId, peer) || equalBytes(relay.nodeId, self)) return fail('not-dialable', 'the relay is one of both ends');
    const join = async (): Promise<Result<Connection, DialFailure>> => {
      const session = await sessionWith(relay, options);
      return session.ok ? client.join(session.value, circuit, peer, role, options) : session;
    };
    return relays().watch(relay, join(), options);
  };
}
