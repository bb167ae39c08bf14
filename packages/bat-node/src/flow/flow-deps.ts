// pure: what every flow works with; built once by BatNode.
import type { Crypto, Runtime, Signer } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import type { OwnerTimes } from '../limits.ts';
import type { Connector, Locator } from '../ports.ts';
import type { OwnerStore } from '../storage/owner-store.ts';
import type { StagePool } from '../workers/stage-pool.ts';

export interface FlowDeps {
  readonly runtime: Runtime;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly locator: Locator;
  readonly connector: Connector;
  readonly ownerStore: OwnerStore;
  readonly stagePool: StagePool;
  /** True when this node keeps shards of the file, as a host. */
  readonly holdsFile: (fileId: FileId) => boolean;
  /** When the owner's daemon does what it does by itself. */
  readonly times: OwnerTimes;
  /** Folder of upload journals. */
  readonly journalFolder: string;
  /** Keeps an own copy of a shard (`--keep-shards`). */
  readonly keepOwnShard: (shardId: ShardId, bytes: Uint8Array) => Promise<void>;
}
