// Port mapping on a real router: miniupnpd in a network namespace, a participant's PortMapper behind it, a caller in front of it.
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { builtParticipant, closeLabs, linesOf, namespaceObstacle, openLab } from '../support/network-namespaces.ts';

const CHILD = fileURLToPath(new URL('../support/port-map-child.mjs', import.meta.url));
/** Also where no package manager has put it on the path. */
const MINIUPNPD = process.env.MINIUPNPD ?? 'miniupnpd';
const OUTSIDE = '11.22.33.44';

function findObstacle(): string | undefined {
  const other = namespaceObstacle();
  if (other !== undefined) return other;
  for (const [command, argument] of [
    ['nft', '--version'],
    [MINIUPNPD, '--version'],
  ] as const)
    if (spawnSync(command, [argument]).error !== undefined) return `${command} is not installed`;
  return undefined;
}

/** As the router's makers set it up; the chains are miniupnpd's. */
const RULES = `
table inet filter {
 chain input {
  type filter hook input priority 0
  REFUSAL
 }
 chain forward {
  type filter hook forward priority 0
  policy drop
  ct state established,related accept
  iifname "lan0" accept
  jump miniupnpd
 }
 chain miniupnpd {
 }
}
table inet nat {
 chain prerouting {
  type nat hook prerouting priority -100
  jump prerouting_miniupnpd
 }
 chain postrouting {
  type nat hook postrouting priority 100
  oifname "wan0" masquerade
 }
 chain prerouting_miniupnpd {
 }
 chain postrouting_miniupnpd {
 }
}
`;
const configOf = (hasPcp: boolean): string => `ext_ifname=wan0
listening_ip=lan0
enable_natpmp=${hasPcp ? 'yes' : 'no'}
enable_upnp=yes
secure_mode=yes
port=5000
upnp_table_name=filter
upnp_nat_table_name=nat
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=12345678-1234-1234-1234-123456789012
allow 1024-65535 192.168.77.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`;
/** In the router's chain, a packet of PCP is one to its port whose first byte is 2. */
const REFUSALS = { pcp: '', 'nat-pmp': 'udp dport 5351 @th,64,8 2 drop', upnp: '' } as const;

/** Sends a datagram and prints the first that comes back; again every 200 ms. */
const CALLER = `
const [host, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
const send = () => socket.send('from outside', Number(port), host);
socket.on('message', (text) => { console.log(String(text)); process.exit(0); });
socket.bind(0, send);
setInterval(send, 200);
setTimeout(() => process.exit(1), Number(process.argv[3]));
`;

const obstacle = findObstacle();
const folders: string[] = [];

afterEach(async () => {
  await closeLabs();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function lineOf(lines: AsyncIterator<string>): Promise<Record<string, unknown>> {
  const { value } = await lines.next();
  return JSON.parse(value ?? '{}') as Record<string, unknown>;
}

const iterate = (child: ChildProcess): AsyncIterator<string> => linesOf(child)[Symbol.asyncIterator]();

/** Its log goes on; it is read on so that it does not stall. */
function isListening(router: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    router.once('exit', (code) => reject(new Error(`the router ended with ${code}`)));
    linesOf(router).on('line', (line) => {
      if (line.includes(words)) resolve();
    });
  });
}

describe.skipIf(obstacle !== undefined)('a router of the real world', () => {
  it.each(['pcp', 'nat-pmp', 'upnp'] as const)('that speaks %s opens the way from outside, and closes it when we stop', async (by) => {
    const lab = openLab(`pm${by.slice(0, 2)}`);
    for (const machine of ['home', 'router', 'caller']) lab.add(machine);
    lab.connect(['router', 'lan0', '192.168.77.1/24'], ['home', 'eth0', '192.168.77.2/24']);
    lab.connect(['router', 'wan0', `${OUTSIDE}/24`], ['caller', 'eth0', '11.22.33.1/24']);
    lab.configure('home', 'route', 'add', 'default', 'via', '192.168.77.1');

    const folder = await mkdtemp(join(tmpdir(), 'batchain-router-'));
    folders.push(folder);
    await writeFile(join(folder, 'rules'), RULES.replace('REFUSAL', REFUSALS[by]));
    await writeFile(join(folder, 'config'), configOf(by !== 'upnp'));
    const setUp = `echo 1 > /proc/sys/net/ipv4/ip_forward && nft -f '${folder}/rules' &&
      exec '${MINIUPNPD}' -d -4 -f '${folder}/config' -P '${folder}/pid' 2>&1`;
    await isListening(lab.spawn('router', 'sh', ['-c', setUp]), by === 'upnp' ? 'HTTP listening' : 'Listening for NAT-PMP/PCP');

    const home = lab.spawn('home', process.execPath, [
      CHILD,
      builtParticipant('reach/port-mapper'),
      builtParticipant('adapters/gateway-route'),
      '4870',
    ]);
    const told = iterate(home);
    const external = { host: OUTSIDE, port: 4870 };
    expect(await lineOf(told)).toEqual({ mapped: { protocol: 'udp', internalPort: 4870, external, by } });
    expect(await lineOf(told)).toEqual({ mapped: { protocol: 'tcp', internalPort: 4870, external, by } });

    const call = (waitMs: number): AsyncIterator<string> =>
      iterate(lab.spawn('caller', process.execPath, ['-e', CALLER, OUTSIDE, '4870', `${waitMs}`]));
    expect((await call(20_000).next()).value).toBe('from outside');

    home.stdin?.end();
    const stopped = await lineOf(told);
    expect(stopped.ports).toMatchObject([{ protocol: 'udp' }, { protocol: 'tcp' }]);
    await once(home, 'exit');
    const rules = lab.run('router', 'nft', 'list', 'table', 'inet', 'nat');
    expect(rules).not.toContain('dnat');
  });

  if (obstacle !== undefined) process.stdout.write(`  SKIPPED: ${obstacle}, port mapping was not tried on a real router\n`);
});
