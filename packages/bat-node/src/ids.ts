// pure: the branded ids of the storage side.

declare const fileBrand: unique symbol;
declare const shardBrand: unique symbol;

/** 32 bytes: SHA-256(tag, owner key, file nonce); key of the file's provider records. */
export type FileId = Uint8Array & { readonly [fileBrand]: 'FileId' };
/** 32 bytes: SHA-256(tag, length, Merkle root) of a shard. */
export type ShardId = Uint8Array & { readonly [shardBrand]: 'ShardId' };
