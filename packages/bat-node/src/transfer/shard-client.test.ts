// What a client makes of hosts that answer, but without end.
import { createCrypto, keyPairFromSeed, sha256, utf8Bytes } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { BatSession, BatStream, StreamItem } from '../connection/bat-session.ts';
import type { FileId, ShardId } from '../ids.ts';
import { HELD_PAGE_MAX, SHARDS_PER_FILE_MAX, TOTAL_SHARDS_MAX } from '../limits.ts';
import { batAnswerCodec, batRequestCodec } from '../wire/frame-codecs.ts';
import type { HeldShard } from '../wire/frames.ts';
import { ShardClient } from './shard-client.ts';

const named = (label: string): Uint8Array => sha256(utf8Bytes(label));
const { runtime } = createSimRuntime('client').node('client');
const host = keyPairFromSeed(named('host'));

const heldAt = (place: number): HeldShard => ({
  segment: Math.floor(place / TOTAL_SHARDS_MAX),
  index: place % TOTAL_SHARDS_MAX,
  shardId: named('shard') as ShardId,
  length: 64,
  isDamaged: false,
});

/** The pages that a client takes from a host that holds every place, when it answers with so many at a time. */
async function pagesOf(pageSize: number, total: number): Promise<(number | string)[]> {
  const openStream = async (): Promise<BatStream> => {
    let answer: StreamItem | undefined;
    return {
      movedBytes: 0,
      sendControl: async (bytes) => {
        const request = batRequestCodec.decode(bytes);
        if (!request.ok || request.value.verb !== 'have') throw new Error('another request');
        const { after } = request.value;
        const from = after === null ? 0 : after[0] * TOTAL_SHARDS_MAX + after[1] + 1;
        const shards = Array.from({ length: Math.min(pageSize, total - from) }, (_, i) => heldAt(from + i));
        answer = { kind: 'control', bytes: batAnswerCodec.encode({ kind: 'held', shards, hasMore: from + pageSize < total }) };
      },
      sendData: async () => undefined,
      end: async () => undefined,
      reset: () => undefined,
      allowTinyFrames: () => undefined,
      next: async () => answer,
    };
  };
  const connection = { binding: named('binding'), peer: { nodeId: host.nodeId, publicKey: host.publicKey } };
  const session = { openStream, connection, isUsable: true, rttMs: 10 } as unknown as BatSession;
  const client = new ShardClient(runtime, session, { signer: keyPairFromSeed(named('asker')), verifier: createCrypto().verifier });
  const pages: (number | string)[] = [];
  for await (const page of client.have({ fileId: named('file') as FileId, accessSeed: named('access') })) {
    pages.push(page.ok ? page.value.length : page.reason);
  }
  return pages;
}

describe('what a host says that it holds', () => {
  it('is taken page by page, up to what a host takes of one file', async () => {
    expect(await pagesOf(HELD_PAGE_MAX, HELD_PAGE_MAX + 1)).toEqual([HELD_PAGE_MAX, 1]);
    expect(await pagesOf(HELD_PAGE_MAX, SHARDS_PER_FILE_MAX)).toEqual([
      HELD_PAGE_MAX,
      HELD_PAGE_MAX,
      SHARDS_PER_FILE_MAX - 2 * HELD_PAGE_MAX,
    ]);
  });

  it('T1 is not listened to for ever: short pages with more behind them, or more than a host takes', async () => {
    expect(await pagesOf(1, 4096)).toEqual(['malformed']);
    expect(await pagesOf(HELD_PAGE_MAX, 1_000_000)).toEqual([HELD_PAGE_MAX, HELD_PAGE_MAX, 'malformed']);
  });
});
