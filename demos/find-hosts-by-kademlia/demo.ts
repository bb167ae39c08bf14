// Demo 3 (BN-44, BN-45, BN-49): three pairs; node 3 finds hosts through Kademlia; the nodes restart and the file still comes back.
import { join } from 'node:path';
import type { Daemon } from '../lib/local-network.ts';
import { type Demo, FILES_FOLDER, sha256Of } from '../lib/stage.ts';

export const findHostsByKademlia: Demo = {
  name: 'find-hosts-by-kademlia',
  title: 'Demo 3: hosts found through Kademlia',
  async run(stage) {
    stage.say('Starting three pairs of KadNode and BatNode; node2 and node3 know only node1');
    const node1 = await stage.network.start({ name: 'node1', join: [], offer: '100MiB' });
    const node2 = await stage.network.start({ name: 'node2', join: [node1.kad], offer: '100MiB' });
    const node3 = await stage.network.start({ name: 'node3', join: [node1.kad], offer: '0' });

    const before = { node1: await stage.hostedShards(node1), node2: await stage.hostedShards(node2) };
    const source = join(FILES_FOLDER, 'example.txt');
    const put = await stage.run(node3, 'put', source, '--policy', '1of2', '--segment-size', '3KiB', '--keep-shards');
    const info = await stage.run(node3, 'info', put.manifest);
    const named = (info.segments as { shardIds: string[] }[]).flatMap((segment) => segment.shardIds);
    stage.check(named.length === 8, 'the manifest names 8 shards', String(named.length));
    const added = async (daemon: Daemon, old: readonly string[]): Promise<string[]> =>
      (await stage.hostedShards(daemon)).filter((id) => !old.includes(id));
    const on1 = await added(node1, before.node1);
    const on2 = await added(node2, before.node2);
    stage.check(
      on1.length === 4 && on1.sort().join() === on2.sort().join(),
      'node1 and node2 keep the same 4 shards (1 of 2: full copies)',
    );
    stage.check(
      new Set(named).size === on1.length && named.every((id) => on1.includes(id)),
      'and they are the shards that the manifest names',
    );

    stage.say('Stopping all three and starting them again from their folders');
    const ports = (daemon: Daemon): string[] => [
      '--kad-port',
      daemon.kad.split(':')[1] as string,
      '--bat-port',
      daemon.bat.split(':')[1] as string,
    ];
    for (const daemon of [node1, node2, node3]) await daemon.kill('SIGTERM');
    const again1 = await stage.network.start({ name: 'node1', join: [], offer: '100MiB', args: ports(node1) });
    await stage.network.start({ name: 'node2', join: [again1.kad], offer: '100MiB', args: ports(node2) });
    const again3 = await stage.network.start({ name: 'node3', join: [again1.kad], offer: '0', args: ports(node3) });
    const target = join(again3.home, 'example-back.txt');
    await stage.run(again3, 'get', put.manifest, '-o', target, '--force');
    stage.check((await sha256Of(target)) === (await sha256Of(source)), 'the file is identical after the restart');
  },
};
