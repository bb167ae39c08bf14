// driven: answers INTRODUCE as a broker, and SIGNAL as the node that is called.
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import { errorResponse } from '../wire/message-codecs.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import type { HandlerContext } from './handler-context.ts';

type Introduce = Extract<KadRequest, { type: 'introduce' }>;
type Signal = Extract<KadRequest, { type: 'signal' }>;

export function handleIntroduce(context: HandlerContext, { target, signal }: Introduce, asker: RpcRequest): KadResponse {
  if (!asker.isProved) return errorResponse('not-proved', 'proved askers only are introduced');
  return { type: 'introduced', outcome: context.signalBroker.introduce(asker.peer, target, signal) };
}

export function handleSignal(context: HandlerContext, { from, address, signal }: Signal, asker: RpcRequest): KadResponse {
  if (!asker.isProved) return errorResponse('not-proved', 'signals come from proved brokers only');
  const isTaken = context.signalBroker.take({ nodeId: from, address }, signal, asker.peer.address);
  return isTaken ? { type: 'signal-taken' } : errorResponse('rate-limited', 'no signals are taken now');
}
