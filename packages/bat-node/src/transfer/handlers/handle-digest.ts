// driven: DIGEST: the SHA-256 of some bytes of a hosted shard as they lie on the disk: the work comes to the data (BD-45).
import { createHash } from 'node:crypto';
import { plainBytes } from '@batchain/shared';
import { DIGEST_STEP_BYTES } from '../../limits.ts';
import type { BatRequest } from '../../wire/frames.ts';
import type { ServeContext } from '../serve-context.ts';
import { answerAbsent, stateMissing } from './handle-reads.ts';

export async function handleDigest(context: ServeContext, request: Extract<BatRequest, { verb: 'digest' }>): Promise<void> {
  if (context.openFile(request.fileId, request.proof) === 'refused') return context.refuse('refused');
  const shard = context.store.shard(request);
  if (shard === undefined) return answerAbsent(context, request, request.proof);
  const end = request.offset + request.length;
  if (end > shard.length) return context.refuse('out-of-range');
  const hash = createHash('sha256');
  for (let at = request.offset; at < end; at += DIGEST_STEP_BYTES) {
    await context.desk.turns.next();
    const read = await context.store.read(shard, at, Math.min(DIGEST_STEP_BYTES, end - at));
    if (!read.ok) return read.reason === 'io-error' ? context.refuse('io-error') : stateMissing(context, request, read.reason);
    hash.update(read.value);
  }
  await context.answer({ kind: 'digest', sha256: plainBytes(hash.digest()) });
  await context.stream.end();
}
