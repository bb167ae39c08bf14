// Demo 1 (BN-40): two participants; node 1 writes its example file to node 2's hosted folder.
import { join } from 'node:path';
import { type Demo, FILES_FOLDER, sha256Of } from '../lib/stage.ts';

export const writeToOneHost: Demo = {
  name: 'write-to-one-host',
  title: 'Demo 1: one file to one host',
  async run(stage) {
    stage.say('Starting node2 (hosts) and node1 (owner)');
    const node2 = await stage.network.start({ name: 'node2', join: [], offer: '100MiB' });
    const node1 = await stage.network.start({ name: 'node1', join: [node2.kad], offer: '0' });

    stage.say('Writing example.txt, one copy on one host: that needs the word 1of1');
    const before = await stage.hostedShards(node2);
    const put = await stage.run(node1, 'put', join(FILES_FOLDER, 'example.txt'), '--policy', '1of1');
    const info = await stage.run(node1, 'info', put.manifest);
    const shardId = info.segments[0].shardIds[0] as string;
    const hosted = await stage.hostedShards(node2);
    stage.check(
      hosted.length === before.length + 1 && hosted.includes(shardId),
      "node2's hosted folder has the sealed shard that the manifest names",
    );

    stage.say('Reading it back');
    const target = join(node1.home, 'example-back.txt');
    await stage.run(node1, 'get', put.manifest, '-o', target, '--force');
    stage.check((await sha256Of(target)) === (await sha256Of(join(FILES_FOLDER, 'example.txt'))), 'the file is identical');
  },
};
