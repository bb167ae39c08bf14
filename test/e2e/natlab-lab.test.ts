// The laboratory is what it says: its routers translate and filter as named, and nothing leaves it unseen.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Lab, labObstacle, NATLAB } from '../natlab/lab.ts';

const obstacle = labObstacle();

/** One of each mapping and each filtering, counting ports, double translation and no UDP; `natlab verify` alone does all. */
const TYPES = [
  'full-cone',
  'linux',
  'linux-open',
  'port-restricted',
  'symmetric-seq',
  'symmetric-ip',
  'linux/address-restricted',
  'web-only',
  'fw',
];
/** How long silence counts as an answer on the way, ms: the machine has other things to do. */
const SILENCE_MS = '1500';

const SEND_TO = "require('node:dgram').createSocket('udp4').send('x', 9, process.argv[1], () => process.exit())";

describe.skipIf(obstacle !== undefined)('the NAT laboratory', () => {
  it('has routers that behave as their types say', () => {
    const verify = spawnSync(NATLAB, ['verify', ...TYPES], { encoding: 'utf8', env: { ...process.env, NATLAB_WAIT: SILENCE_MS } });
    expect(verify.status, verify.stdout + verify.stderr).toBe(0);
    expect(verify.stdout.match(/ ok *$/gm)).toHaveLength(TYPES.length);
  });

  it('counts what each node sends, tells addresses that are not its own, and lets none of it out', async () => {
    await using lab = await Lab.up('pair:linux,open');
    const send = (to: string): Promise<string> => lab.natlab('exec', 'a', process.execPath, '-e', SEND_TO, to);
    await send('203.0.113.10');
    expect(await lab.strayTraffic()).toEqual([]);
    await send('8.8.8.8');
    const inside = (await lab.nodes()).find(({ name }) => name === 'a');
    expect(await lab.strayTraffic()).toEqual([
      { upstream: 'inet', from: inside?.outside, to: '8.8.8.8', protocol: 'udp', packets: 1, bytes: 29 },
      { upstream: 'ra1', from: inside?.addr, to: '8.8.8.8', protocol: 'udp', packets: 1, bytes: 29 },
    ]);
    const routes = spawnSync('ip', ['netns', 'exec', `natlab-${lab.name}-inet`, 'ip', 'route', 'get', '8.8.8.8']);
    expect(routes.status).not.toBe(0);
  });

  it('stands beside others of the same addresses, and goes without a trace', async () => {
    const labs = await Promise.all(['same:linux', 'pair:linux,symmetric', 'cgnat'].map((topology) => Lab.up(topology)));
    expect(await labs[2]?.routersOf('a')).toEqual(['home1', 'carrier1']);
    expect(await labs[1]?.routersOf('b')).toEqual(['rb1']);
    const before = await labs[1]?.natlab('outside', 'b');
    const after = await labs[1]?.turn('flip', 'rb1');
    expect(after).not.toBe(before);
    expect(await labs[1]?.natlab('outside', 'b')).toBe(after);
    await Promise.all(labs.map((lab) => lab.down()));
    const left = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
    for (const { name } of labs) expect(left).not.toContain(`natlab-${name}-`);
  });
});
