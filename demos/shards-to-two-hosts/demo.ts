// Demo 2 (BN-41, BN-42): a client spreads 8 shards over two hosts that it knows by address; a text and a PDF.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from '../lib/local-network.ts';
import { type Demo, FILES_FOLDER, type Stage, sha256Of } from '../lib/stage.ts';

/** A segment size that cuts the file into 4 segments: with 1 of 2 that makes the seed's 8 shards. */
const SEGMENT_SIZES = { 'example.txt': '3KiB', 'example.pdf': '1KiB' } as const;

async function spread(stage: Stage, client: Daemon, servers: readonly Daemon[], file: keyof typeof SEGMENT_SIZES): Promise<void> {
  const source = join(FILES_FOLDER, file);
  const hostedBefore = await Promise.all(servers.map((server) => stage.hostedShards(server)));
  const ownBefore = await stage.ownShards(client);
  const manifestsBefore = await stage.manifests(client).catch(() => []);

  const expected = file === 'example.txt' ? 4 : 3;
  const put = await stage.run(client, 'put', source, '--policy', '1of2', '--segment-size', SEGMENT_SIZES[file], '--keep-shards');
  for (const [i, server] of servers.entries()) {
    const added = (await stage.hostedShards(server)).length - (hostedBefore[i]?.length ?? 0);
    stage.check(added === expected, `${server.name} keeps ${expected} shards of ${file}`, `it keeps ${added}`);
  }
  stage.check((await stage.ownShards(client)).length > ownBefore.length, "the client's shards folder has its own copies");
  stage.check((await stage.manifests(client)).length === manifestsBefore.length + 1, 'the client has a manifest more');

  const target = join(client.home, `back-${file}`);
  await stage.run(client, 'get', put.manifest, '-o', target, '--force');
  stage.check((await sha256Of(target)) === (await sha256Of(source)), `${file} is identical`);
}

export const shardsToTwoHosts: Demo = {
  name: 'shards-to-two-hosts',
  title: 'Demo 2: shards to two hosts with fixed contacts',
  async run(stage) {
    stage.say('Starting two servers and a client that joins both by their addresses');
    const server1 = await stage.network.start({ name: 'server1', join: [], offer: '100MiB' });
    const server2 = await stage.network.start({ name: 'server2', join: [], offer: '100MiB' });
    const client = await stage.network.start({ name: 'client', join: [server1.kad, server2.kad], offer: '0' });
    stage.say('A text: 4 segments of 2 shards, 8 shards in all');
    await spread(stage, client, [server1, server2], 'example.txt');
    stage.say('A PDF');
    await spread(stage, client, [server1, server2], 'example.pdf');
    stage.say(`Folders: ${(await readdir(client.home)).join(' ')}`);
  },
};
