// pure: ids of 256 bits, branded, and how they follow from keys.
import { createHash } from 'node:crypto';
import { fromHex, toHex } from '../core/bytes.ts';

declare const brand: unique symbol;

/** 32 bytes: SHA-256 of a participant's raw Ed25519 public key. Shares one key space with content keys (DF-10). */
export type NodeId = Uint8Array & { readonly [brand]: 'NodeId' };

export const ID_BYTES = 32;

/** Synchronous SHA-256; see ADR 0002 for why not `crypto.subtle`. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export function nodeIdFromPublicKey(publicKey: Uint8Array): NodeId {
  return sha256(publicKey) as NodeId;
}

/** The bytes as an id, or undefined when they are not 32. */
export function nodeIdFromBytes(bytes: Uint8Array): NodeId | undefined {
  return bytes.length === ID_BYTES ? (bytes as NodeId) : undefined;
}

/** From 64 lower-case hex digits; undefined when malformed. */
export function parseNodeId(text: string): NodeId | undefined {
  return fromHex(text, ID_BYTES) as NodeId | undefined;
}

export function formatNodeId(id: Uint8Array): string {
  return toHex(id);
}

/** The first 8 hex digits, for people. */
export function shortId(id: Uint8Array): string {
  return toHex(id.subarray(0, 4));
}
