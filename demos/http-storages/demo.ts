// SDHT's self-test (SH-13): four storages on ports 8000 to 8003; values set through one are got through the others, also when one is gone.
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { Daemon } from '../lib/local-network.ts';
import { CheckFailed, type Demo, type Stage } from '../lib/stage.ts';

const PORTS = [8000, 8001, 8002, 8003] as const;
const KiB = 1024;

/** One of each type that JSON has, and bytes of every size: in a record, in pieces, and on hosts. */
const VALUES: readonly (readonly [key: string, value: unknown])[] = [
  ['nothing', null],
  ['yes', true],
  ['number', -1.5e300],
  ['text', 'grüße, Welt \u{1f987}'],
  ['empty', ''],
  ['list', [1, [2, [3, []]], 'four']],
  ['object', { name: 'ana', tags: ['a', 'b'], nested: { deep: { deeper: null } } }],
  ['path/like/../key', 'a key is a name, not a path'],
  ['schlüssel mit leerzeichen', 7],
];
const BYTES: readonly (readonly [key: string, length: number])[] = [
  ['bytes', 300],
  ['bytes in pieces', 40 * KiB],
  ['bytes on hosts', 2048 * KiB],
];

function makeBytes(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => createHash('sha256').update(`${length} ${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function set(storage: Daemon, key: string, body: Buffer | string, type: string): Promise<void> {
  const url = `${storage.url}kv/${encodeURIComponent(key)}`;
  const answer = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body });
  if (answer.status !== 201 && answer.status !== 200)
    throw new CheckFailed(`PUT ${url} was answered with ${answer.status}: ${await answer.text()}`);
}

/** A value of another storage is named by its owner. */
async function get(storage: Daemon, owner: Daemon, key: string): Promise<Buffer> {
  const url = `${storage.url}kv/${storage === owner ? '' : `${owner.nodeId}/`}${encodeURIComponent(key)}`;
  const answer = await fetch(url);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) throw new CheckFailed(`GET ${url} was answered with ${answer.status}: ${bytes.toString()}`);
  return bytes;
}

async function checkAll(stage: Stage, storage: Daemon, owner: Daemon): Promise<void> {
  const texts = VALUES.map(async ([key, value]) => {
    const text = (await get(storage, owner, key)).toString();
    if (text !== JSON.stringify(value)) throw new CheckFailed(`${storage.url} gives ${text} for ${key}`);
  });
  const bytes = BYTES.map(async ([key, length]) => {
    if (!(await get(storage, owner, key)).equals(makeBytes(length))) throw new CheckFailed(`${storage.url} gives other bytes for ${key}`);
  });
  await Promise.all([...texts, ...bytes]);
  stage.check(true, `${storage.url} gives all ${VALUES.length + BYTES.length} values, equal`);
}

function start(stage: Stage, port: number, join: readonly string[]): Promise<Daemon> {
  stage.say(`  $ batchain start --http-port ${port}${join.map((address) => ` --join ${address}`).join('')}`);
  return stage.network.start({ name: `storage${port}`, join, offer: '100MiB', args: ['--http-port', String(port)] });
}

/** The first one had nobody to join: it is in the network as soon as the others have found it. */
async function untilJoined(storage: Daemon): Promise<void> {
  for (let tries = 0; tries < 30; tries++) if ((await storage.run(['status'])).last.joined === true) return;
  throw new CheckFailed(`${storage.url} has not found the others`);
}

export const httpStorages: Demo = {
  name: 'http-storages',
  title: 'HTTP storages: four on ports 8000 to 8003, one of them taken away',
  async run(stage) {
    for (const port of PORTS)
      if (!(await isFree(port))) throw new CheckFailed(`port ${port} is taken by another program; this demo needs ${PORTS.join(', ')}`);
    const [firstPort, ...otherPorts] = PORTS;
    const first = await start(stage, firstPort, []);
    const others = await Promise.all(otherPorts.map((port) => start(stage, port, [first.kad])));
    const storages = [first, ...others];
    for (const storage of storages) stage.check((await fetch(`${storage.url}health`)).ok, `${storage.url} answers`);

    await untilJoined(first);
    stage.say(`Setting values of many types through ${first.url}`);
    await Promise.all(VALUES.map(([key, value]) => set(first, key, JSON.stringify(value), 'application/json')));
    await Promise.all(BYTES.map(([key, length]) => set(first, key, makeBytes(length), 'application/octet-stream')));
    for (const storage of storages) await checkAll(stage, storage, first);

    const gone = others.at(-1) as Daemon;
    stage.say(`Removing ${gone.url}: it hands over what it holds, then it stops`);
    const left = await stage.run(gone, 'leave', '--within', '30s');
    stage.check(left.moved.records > 0 && left.left.length === 0, 'the others have taken all that it held', JSON.stringify(left.left));
    await stage.run(gone, 'stop');
    for (const storage of storages.filter((one) => one !== gone)) await checkAll(stage, storage, first);

    await fetch(`${first.url}kv/text`, { method: 'DELETE' });
    const after = await fetch(`${others[0]?.url}kv/${first.nodeId}/text`);
    stage.check(after.status === 404, 'a value that was deleted through one is gone at the others', String(after.status));
  },
};
