// driven: answers what has to do with dial-backs: requests for one, probes for others, and results of our own.
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import type { HandlerContext } from './handler-context.ts';

type Request<T extends KadRequest['type']> = Extract<KadRequest, { readonly type: T }>;

const NOT_PROVED: KadResponse = { type: 'error', code: 'not-proved', detail: 'nothing is sent anywhere for an asker that is not proved' };

export function handleDialBack({ dialBacks }: HandlerContext, request: Request<'dial-back'>, asker: RpcRequest): KadResponse {
  return asker.isProved ? { type: 'dialling-back', outcome: dialBacks.dialBack(request, asker) } : NOT_PROVED;
}

export function handleProbe({ dialBacks }: HandlerContext, request: Request<'probe'>, asker: RpcRequest): KadResponse {
  return asker.isProved ? { type: 'probed', outcome: dialBacks.probe(request, asker) } : NOT_PROVED;
}

export function handleDialBackResult({ reachCheck }: HandlerContext, request: Request<'dial-back-result'>, asker: RpcRequest): KadResponse {
  if (!asker.isProved) return NOT_PROVED;
  reachCheck.onResult({ ...request, nonce: new Uint8Array(request.nonce) }, asker.peer);
  return { type: 'result-taken' };
}
