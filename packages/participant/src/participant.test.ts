// The production Participant on simulated parts: network, clock and stores that live in memory.
import { InlineStagePool, MemoryOwnerStore, MemoryShardStore } from '@batchain/bat-node';
import { makeKadConfig, networkKey, SessionRpc } from '@batchain/kad-node';
import { createCrypto, formatAddress, keyPairFromSeed, toHex } from '@batchain/shared';
import { createSimRuntime, SimDatagramSocket, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { Participant } from './participant.ts';

const NETWORK = { name: 'simulated' };

/** Participants on one simulated network; `run` lets simulated time pass until the story is told. */
function makeWorld(seed: string) {
  const simulation = createSimRuntime(seed);
  const network = new SimNetwork(simulation);
  const add = (name: string, offerBytes: number): Participant => {
    const host = network.addHost({ name });
    const { runtime } = simulation.node(name);
    const keyPair = keyPairFromSeed(runtime.entropy.bytes(32));
    const crypto = createCrypto();
    const ownHosts = (): readonly string[] => host.addresses;
    return new Participant(
      runtime,
      {
        keyPair,
        crypto,
        rpc: new SessionRpc(runtime, new SimDatagramSocket(host, { port: 4870 }), keyPair, crypto, { network: NETWORK, ownHosts }),
        dialer: new SimDialer(host, keyPair),
        listener: new SimListener(host, keyPair, { port: 4880 }),
        shardStore: new MemoryShardStore(runtime, { offerBytes }),
        ownerStore: new MemoryOwnerStore(),
        stagePool: new InlineStagePool(),
        keepOwnShard: async () => undefined,
        ownHosts,
        memoryBytes: () => 0,
      },
      {
        name,
        home: '',
        version: '0',
        network: NETWORK.name,
        networkKey: networkKey(NETWORK),
        kad: makeKadConfig({}, 'demo'),
        journalFolder: '',
      },
    );
  };
  const run = <T>(story: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(story, { deadlineMs: 120_000 });
  return { add, run };
}

describe('a simulated participant', () => {
  it('is the production one: it joins, advertises itself, knows the others, and stops', async () => {
    const { add, run } = makeWorld('one');
    const members = ['ana', 'bo', 'cleo', 'dan'].map((name, i) => add(name, i === 0 ? 0 : 1_000_000));
    const [first, ...others] = members as [Participant, ...Participant[]];
    const joinAll = async (): Promise<void> => {
      await first.start();
      for (const other of others) {
        await other.start();
        await other.join([first.kadAddress]);
      }
    };
    await run(joinAll());
    expect(await run(first.status())).toMatchObject({ name: 'ana', reach: 'public', peers: { online: 3 }, offer: { bytes: 0 } });
    const known = await run(first.peers());
    for (const { batAddress, kadAddress, nodeId } of others) {
      const peer = known.find((view) => view.nodeId === toHex(nodeId));
      expect(peer).toMatchObject({ kad: formatAddress(kadAddress), bat: formatAddress(batAddress) });
    }
    await run(Promise.all(members.map((member) => member.stop())));
  });
});
