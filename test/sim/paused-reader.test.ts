// A reader of a stream that pauses keeps nobody else waiting: not at once, and holds nothing after a while; it goes on where it was.
import { concatBytes, equalBytes, MiB, second } from '@batchain/shared';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';

const SEGMENT_BYTES = 8 * MiB;
/** All buffers of the owner. */
const POOL_BYTES = 64 * MiB;
let world: SimBatWorld;
let owner: SimMember;
let big: Uint8Array;
let small: Uint8Array;

beforeEach(async () => {
  world = new SimBatWorld('paused reader');
  const hosts = [await world.add(200 * MiB), await world.add(200 * MiB), await world.add(200 * MiB), await world.add(200 * MiB)];
  owner = await world.add(0);
  const put = async (name: string, length: number): Promise<Uint8Array> => {
    const bytes = world.simulation.runtime.random.bytes(length);
    await world.settle(world.put(owner, hosts, bytes, { k: 2, segmentBytes: SEGMENT_BYTES, isCommitted: true, name }));
    return bytes;
  };
  big = await put('big', 4 * SEGMENT_BYTES - 5);
  small = await put('small', SEGMENT_BYTES - 1);
});
afterEach(async () => {
  await world.close();
});

async function readAll(stream: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return concatBytes(...pieces);
}

it('another download goes on beside a stream that is paused with all that it may fetch ahead', async () => {
  const paused = owner.node.downloadStream('big');
  await world.settle(paused.next());
  await world.simulation.clock.runFor(5 * second);
  const other = await world.settle(readAll(owner.node.downloadStream('small')), 20 * second);
  expect(equalBytes(other, small)).toBe(true);
  await world.settle(paused.return(undefined as never));
});

it('a stream that is paused for half a minute holds no buffer, and comes back whole', async () => {
  const stream = owner.node.downloadStream('big');
  const pieces: Uint8Array[] = [];
  const read = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const next = await world.settle(stream.next());
      if (next.done !== true) pieces.push(next.value);
    }
  };
  // In the middle of a segment, and at the end of one.
  for (const count of [3, 5]) {
    await read(count);
    await world.simulation.clock.runFor(31 * second);
    const all = await world.settle(owner.stagePool.acquire(POOL_BYTES), 1 * second);
    owner.stagePool.release(all);
  }
  expect(equalBytes(concatBytes(...pieces, await world.settle(readAll(stream))), big)).toBe(true);
});
