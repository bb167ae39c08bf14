// driven: request type to handler, complete by type check.
import type { RpcHandler, RpcRequest } from '../rpc/kad-rpc.ts';
import type { KadRequest, KadRequestType, KadResponse } from '../wire/messages.ts';
import { handleDialBack, handleDialBackResult, handleProbe } from './dial-back.ts';
import { handleDigest } from './digest.ts';
import { handleFindNode } from './find-node.ts';
import { handleFindValue } from './find-value.ts';
import { handleGetContact } from './get-contact.ts';
import type { HandlerContext } from './handler-context.ts';
import { handleIntroduce, handleSignal } from './introduce.ts';
import { handlePing } from './ping.ts';
import { handleStore } from './store.ts';

type Handler<T extends KadRequestType> = (
  context: HandlerContext,
  request: Extract<KadRequest, { type: T }>,
  asker: RpcRequest,
) => KadResponse;

/** A request type without a handler does not compile. */
export const KAD_HANDLERS: { readonly [T in KadRequestType]: Handler<T> } = {
  ping: handlePing,
  'find-node': handleFindNode,
  'find-value': handleFindValue,
  store: handleStore,
  'get-contact': handleGetContact,
  'dial-back': handleDialBack,
  probe: handleProbe,
  'dial-back-result': handleDialBackResult,
  introduce: handleIntroduce,
  signal: handleSignal,
  digest: handleDigest,
};

/** The handler that a KadRpc is given. */
export function makeRequestHandler(context: HandlerContext): RpcHandler {
  return (asker) => {
    const handle = KAD_HANDLERS[asker.request.type] as Handler<KadRequestType>;
    return handle(context, asker.request as never, asker);
  };
}
