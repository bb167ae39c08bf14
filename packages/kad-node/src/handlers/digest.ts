// driven: answers DIGEST with the hash of a range of a value that is kept here.
import { digestOf } from '../records/value-digest.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import { type HandlerContext, timeOf } from './handler-context.ts';

type Digest = Extract<KadRequest, { type: 'digest' }>;

export function handleDigest(context: HandlerContext, { kind, key, offset, length }: Digest, asker: RpcRequest): KadResponse {
  if (!asker.isProved) return { type: 'error', code: 'not-proved', detail: 'digests are given to proved askers only' };
  if (kind !== 'immutable' && kind !== 'mutable') {
    return { type: 'digested', outcome: 'unsupported-kind', digest: null, bytes: 0, sequence: 0 };
  }
  const nowMs = timeOf(context).monotonicMs;
  const [record] = context.store.get(kind, key, nowMs);
  return { type: 'digested', ...digestOf(record, { offset, length }, nowMs) };
}
