// Pieces that several values share, put and let go of at the same time: what somebody needs is on the disk.
import { MemoryKeyValueStore } from '@batchain/bat-node';
import { sha256, toHex, utf8Bytes } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { expect, it } from 'vitest';
import { OwnPieces } from './own-pieces.ts';
import type { ValueNetwork } from './value-network.ts';

const bytes = utf8Bytes('a piece');
const piece = { hash: sha256(bytes), bytes };

it.each([
  ['at once', 0],
  ['while it is being forgotten', 1],
])('a piece that another value needs %s stays, on the disk too', async (_when, turns) => {
  const store = new MemoryKeyValueStore();
  const released: string[] = [];
  const network = { releaseImmutable: (hash: Uint8Array) => void released.push(toHex(hash)) } as unknown as ValueNetwork;
  const pieces = new OwnPieces(createSimRuntime('own pieces').clock, store, network);
  pieces.need([piece.hash]);
  await pieces.keep([piece]);
  const letting = pieces.letGo([piece.hash]);
  for (let i = 0; i < turns; i++) await Promise.resolve();
  pieces.need([piece.hash]);
  await Promise.all([letting, pieces.keep([piece])]);
  expect(pieces.get(piece.hash)).toEqual(bytes);
  expect(released).toEqual([]);
  const again = new OwnPieces(createSimRuntime('own pieces').clock, store, network);
  await again.load();
  expect(again.count).toBe(1);
  await pieces.letGo([piece.hash]);
  expect([pieces.count, pieces.get(piece.hash), released]).toEqual([0, undefined, [toHex(piece.hash)]]);
});
