import { keyPairFromSeed, second } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { HostPeer } from './host-peer.ts';

let peer: HostPeer;
let pause: () => Promise<void>;
beforeEach(() => {
  const simulation = createSimRuntime('host peer');
  const { runtime } = simulation.node('owner');
  pause = () => simulation.clock.runFor(1 * second);
  peer = new HostPeer(runtime, {} as never, { nodeId: keyPairFromSeed(new Uint8Array(32).fill(1)).nodeId, record: undefined });
});

describe('a host within a flow', () => {
  it('that was given up for good stays so, whatever of before ends well or badly, and keeps its reason', async () => {
    peer.failed('failed (bad-receipt)', true);
    peer.succeeded();
    await pause();
    peer.failed('timeout');
    expect([peer.isUsable, peer.lastFailure]).toEqual([false, 'failed (bad-receipt)']);
  });

  it('is given up after three failures in a row; those of one moment count once, a success begins anew', async () => {
    for (let i = 0; i < 5; i++) peer.failed('closed');
    expect(peer.isUsable).toBe(true);
    await pause();
    peer.failed('closed');
    peer.succeeded();
    for (let i = 0; i < 2; i++) {
      await pause();
      peer.failed('closed');
    }
    expect(peer.isUsable).toBe(true);
    await pause();
    peer.failed('closed');
    expect(peer.isUsable).toBe(false);
  });
});
