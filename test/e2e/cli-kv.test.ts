// The built command line and values by key, with real daemons.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { typeCommand } from '../support/command-line.ts';
import { type CommandResult, type Daemon, Network, sha256Of, statusOf, until, writeSeededFile } from './harness.ts';

let network: Network;
let ana: Daemon;
let bo: Daemon;
/** Where the same command was run as a process before. */
const type = ({ home }: Daemon, ...words: string[]): Promise<CommandResult> => typeCommand([...words, '--home', home, '--json']);

beforeAll(async () => {
  network = await Network.create();
  await network.startHosts(2);
  ana = await network.start({ name: 'ana', offer: '0', args: ['--name', 'ana'] });
  bo = await network.start({ name: 'bo', offer: '0', args: ['--name', 'bo'] });
  for (const node of [ana, bo]) await until('all have met', async () => (await statusOf(node.home)).peers.online >= 3);
}, 60_000);
afterAll(async () => {
  await network?.close();
});

it('BD-02 BD-06 SH-09 SH-10 kv puts, gets, lists and removes values, for the owner and for others', async () => {
  const put = await ana.run(['kv', 'put', 'motd', '{"text":"grüße","n":[1,2.5,null]}']);
  expect(put).toMatchObject({ code: 0, last: { type: 'result', key: 'motd', seq: expect.any(Number) } });
  expect(put.last.storedOn).toBeGreaterThan(1);
  const value = { text: 'grüße', n: [1, 2.5, null] };
  const { nodeId } = ana;
  expect((await type(ana, 'kv', 'get', 'motd')).last).toMatchObject({ key: 'motd', value, seq: put.last.seq });
  expect((await bo.run(['kv', 'get', `${nodeId}/motd`])).last).toMatchObject({ value, seq: put.last.seq, owner: nodeId });
  expect(await type(bo, 'kv', 'get', 'motd')).toMatchObject({ code: 4, last: { code: 'BAT_E_VALUE_NOT_FOUND', exit: 4 } });

  const again = await type(ana, 'kv', 'put', 'motd', 'plain text');
  expect(again.last.seq).toBeGreaterThan(put.last.seq);
  expect((await type(bo, 'kv', 'get', `${nodeId}/motd`)).last.value).toBe('plain text');
  await type(ana, 'kv', 'put', 'short', 'x', '--ttl', '1h');
  await type(ana, 'kv', 'put', 'here', '7', '--local');
  const { values } = (await ana.run(['kv', 'ls'])).last;
  expect(values.map(({ key }: { key: string }) => key)).toEqual(['motd', 'short']);
  expect(values[1].expiresAt).toMatch(/^\d{4}-/);
  expect((await type(ana, 'kv', 'ls', '--local')).last.values).toMatchObject([{ key: 'here', isLocal: true }]);

  expect(await type(bo, 'kv', 'rm', `${nodeId}/motd`)).toMatchObject({ code: 8, last: { code: 'BAT_E_NOT_OWNER' } });
  expect(await ana.run(['kv', 'rm', 'motd'])).toMatchObject({ code: 0, last: { key: 'motd' } });
  expect((await type(bo, 'kv', 'get', `${nodeId}/motd`)).code).toBe(4);
});

it('BD-21 BD-58 DF-15 a value by its hash, in pieces, from a file and back; a large one through the hosts', async () => {
  const small = await ana.run(['kv', 'put', '--by-hash', 'some text']);
  expect(small.last.key).toBe('b94f6f125c79e3a5ffaa826f584c10d52ada669e6762051b826b55776d05aed2');
  expect((await type(bo, 'kv', 'get', small.last.key)).last.bytes).toBe(Buffer.from('some text').toString('base64'));
  const source = await writeSeededFile(join(network.folder, 'pieces.bin'), 5000, 3);
  const pieces = await ana.run(['kv', 'put', '--by-hash', '--file', source, '--piece', '256']);
  expect(pieces.last).toMatchObject({ form: 'pieces', pieces: 20, size: 5000 });
  const back = join(network.folder, 'back.bin');
  expect(await bo.run(['kv', 'get', pieces.last.key, '--file', back])).toMatchObject({ code: 0, last: { path: back } });
  expect(await sha256Of(back)).toBe(await sha256Of(source));
  expect(await type(bo, 'kv', 'get', pieces.last.key, '--file', back)).toMatchObject({ code: 8, last: { code: 'BAT_E_TARGET_EXISTS' } });

  const large = await writeSeededFile(join(network.folder, 'large.bin'), 2_000_000, 4);
  expect((await ana.run(['kv', 'put', 'films/large', '--file', large])).last).toMatchObject({ form: 'file', size: 2_000_000 });
  const { nodeId } = ana;
  expect(await type(bo, 'kv', 'get', `${nodeId}/films/large`, '--file', back, '--force')).toMatchObject({ code: 0 });
  expect(await sha256Of(back)).toBe(await sha256Of(large));
  expect((await type(ana, 'ls')).last.files).toMatchObject([{ name: 'kv-films_large' }]);
  await type(ana, 'kv', 'rm', 'films/large');
  await until('the backing file is released', async () => (await statusOf(ana.home)).files.total === 0);
});

it('BD-30 says in one line what is wrong with a key, a file, a flag or a word', async () => {
  for (const [args, code, exit] of [
    [['kv', 'put', 'a'.repeat(1025), 'x'], 'BAT_E_VALUE_KEY', 2],
    [['kv', 'put', 'k', '--file', '/no/such/file'], 'BAT_E_FILE_NOT_FOUND', 4],
    [['kv', 'put', 'k', '{"constructor":1}'], 'BAT_E_VALUE_UNFIT', 2],
    [['kv', 'get', 'k', '--ttl', '1h'], 'BAT_E_USAGE', 2],
    [['kv', 'get', '0'.repeat(64)], 'BAT_E_VALUE_NOT_FOUND', 4],
  ] as const)
    expect(await type(ana, ...args), args.join(' ').slice(0, 60)).toMatchObject({ code: exit, last: { type: 'error', code, exit } });
});
