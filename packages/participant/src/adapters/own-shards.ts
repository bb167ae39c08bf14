// driven: the owner's own copies of shards under HOME/shards, for demos (`--keep-shards`).
import { join } from 'node:path';
import type { ShardId } from '@batchain/bat-node';
import { type Random, toHex } from '@batchain/shared';
import { createFile, ensurePrivateDir } from '../home/private-files.ts';

/** A function that keeps one copy per shard id; the folder is made with the first. */
export function ownShardKeeper(folder: string, names: Random): (shardId: ShardId, bytes: Uint8Array) => Promise<void> {
  return async (shardId, bytes) => {
    ensurePrivateDir(folder);
    createFile(join(folder, toHex(shardId)), bytes, names);
  };
}
