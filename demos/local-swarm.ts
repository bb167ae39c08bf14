// Ten participants on this machine: a file goes up, three hosts are killed, and it comes back.
import { join } from 'node:path';
import { type Demo, FILES_FOLDER, sha256Of } from './lib/stage.ts';

export const localSwarm: Demo = {
  name: 'local-swarm',
  title: 'Local swarm: ten participants, three killed',
  async run(stage) {
    const first = await stage.network.start({ name: 'node1', join: [], offer: '100MiB' });
    for (let i = 2; i <= 9; i++) await stage.network.start({ name: `node${i}`, join: [first.kad], offer: '100MiB' });
    const owner = await stage.network.start({ name: 'owner', join: [first.kad], offer: '0' });
    stage.say('Nine hosts and an owner are up');
    const source = join(FILES_FOLDER, 'example.pdf');
    const put = await stage.run(owner, 'put', source, '--policy', '5of9');
    stage.check(put.placed === 9, 'every one of nine hosts signed for a shard', String(put.placed));

    const victims = stage.network.daemons.slice(1, 4);
    for (const victim of victims) await victim.kill('SIGKILL');
    stage.say(`Killed ${victims.map((victim) => victim.name).join(', ')}`);
    const target = join(owner.home, 'example-back.pdf');
    await stage.run(owner, 'get', put.manifest, '-o', target, '--force');
    stage.check((await sha256Of(target)) === (await sha256Of(source)), 'the file is identical');

    const audit = await owner.run(['audit', put.id]);
    const rows = audit.last.files[0].shards as { host: string; outcome: string }[];
    const offline = rows.filter((row) => row.outcome === 'offline').map((row) => row.host);
    stage.check(
      offline.sort().join() ===
        victims
          .map((victim) => victim.nodeId)
          .sort()
          .join(),
      'the audit names exactly the three as offline',
    );
  },
};
