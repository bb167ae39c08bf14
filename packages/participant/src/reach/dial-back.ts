// driven: the dial that tells another node whether its bat port can be reached: connects, sees the right id, and lets go.
import type { DialBack } from '@batchain/kad-node';
import { type Dialer, ok } from '@batchain/shared';
import { DIAL_BACK_TIMEOUT_MS } from '../limits.ts';

/** For KadNodeParts. Nothing is said on the connection, so that the other end makes no session of it. */
export function makeDialBack(dialer: Dialer): DialBack {
  return async (nodeId, address, signal) => {
    const dialled = await dialer.dial(address, nodeId, { signal, timeoutMs: DIAL_BACK_TIMEOUT_MS });
    if (!dialled.ok) return dialled;
    dialled.value.close('local');
    return ok(undefined);
  };
}
