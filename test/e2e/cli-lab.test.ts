// The laboratory as a person uses it: real processes, killed, cut apart and healed; and hundreds of simulated ones behind the same verbs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, runCli, statusOf, until, writeSeededFile } from './harness.ts';

const LAB_ENTRY = new URL('../../packages/lab/dist/index.js', import.meta.url).href;
const RUNTIME_ENTRY = new URL('../../packages/shared/dist/node/index.js', import.meta.url).href;

let state: string;
let folder: string;

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'batchain-state-'));
  folder = join(state, 'batchain', 'lab');
});
afterEach(async () => {
  await lab(['down']);
  await rm(state, { recursive: true, force: true });
});

const lab = (words: readonly string[]): Promise<CommandResult> => runCli(['lab', ...words, '--json'], { env: { XDG_STATE_HOME: state } });

/** The last line of a command that did what it was asked. */
async function done(words: readonly string[]): Promise<Record<string, any>> {
  const result = await lab(words);
  expect(result.code, result.stdout + result.stderr).toBe(0);
  return result.last;
}

type NodeView = {
  readonly name: string;
  readonly nodeId: string;
  readonly state: string;
  readonly pid: number;
  readonly peersOnline: number;
  readonly home: string;
};

const nodesNow = async (): Promise<NodeView[]> => (await done(['status'])).nodes;

/** One that has ended and that nobody has asked after is not. */
function isAlive(pid: number): boolean {
  const found = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return found.stdout.trim() !== '' && !found.stdout.trim().startsWith('Z');
}

/** Resolves when each node has so many peers. */
const untilPeers = (nodes: readonly NodeView[], wanted: readonly number[]): Promise<unknown> =>
  until(`peers ${wanted}`, async () => {
    const all = await Promise.all(nodes.map(({ home }) => statusOf(home)));
    return all.every(({ peers }, i) => peers.online === wanted[i]);
  });

describe('BD-07 BD-32 a laboratory of processes', () => {
  it('comes up joined, falls apart and heals, loses a node and takes it back, and leaves nothing behind', async () => {
    const none = await lab(['status']);
    expect([none.code, none.last.code]).toEqual([5, 'BAT_E_NO_LAB']);

    const { nodes: first } = (await done(['up', '--nodes', '3', '--delay', '1..3'])) as { nodes: NodeView[] };
    expect(first.map(({ name, state: now, peersOnline }) => [name, now, peersOnline])).toEqual([
      ['node1', 'up', 2],
      ['node2', 'up', 2],
      ['node3', 'up', 2],
    ]);
    expect(await done(['partition', '1', '/', '2,3'])).toMatchObject({ groups: [['node1'], ['node2', 'node3']] });
    await untilPeers(first, [0, 1, 1]);
    expect((await nodesNow()).map(({ state: now }) => now)).toEqual(['partitioned', 'partitioned', 'partitioned']);
    await done(['heal']);
    await untilPeers(first, [2, 2, 2]);

    const [ana] = first as [NodeView];
    const source = await writeSeededFile(join(state, 'thesis.txt'), 100_000);
    const put = await runCli(['put', source, '--policy', '1of2', '--home', ana.home, '--json']);
    expect(put.last, put.stderr).toMatchObject({ type: 'result', placed: 2 });
    expect(await done(['kill', '2'])).toMatchObject({ killed: ['node2'] });
    expect(isAlive(first[1]?.pid as number)).toBe(false);
    expect((await nodesNow()).map(({ state: now }) => now)).toEqual(['up', 'killed', 'up']);
    const back = await runCli(['get', put.last.id, '-o', join(state, 'back.txt'), '--home', ana.home, '--json']);
    expect(back.code, back.stderr).toBe(0);
    expect(await readFile(join(state, 'back.txt'))).toEqual(await readFile(source));

    // Its lock names a process that has nothing to do with it: that pid was given to another.
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    await writeFile(join(folder, 'node2', 'lock'), `${stranger.pid} another-boot/1\n`);
    expect(await done(['kill', 'node2'])).toMatchObject({ killed: [] });
    expect((await lab(['kill', '4'])).last).toMatchObject({ code: 'BAT_E_LAB_NODE_UNKNOWN', exit: 4 });
    const { nodes: second } = (await done(['up'])) as { nodes: NodeView[] };
    expect(second.map(({ nodeId }) => nodeId)).toEqual(first.map(({ nodeId }) => nodeId));
    expect(second.every(({ state: now }) => now === 'up')).toBe(true);

    const pids = second.map(({ pid }) => pid);
    expect(await done(['down'])).toMatchObject({ wasUp: true, folder: null });
    expect([...pids, stranger.pid as number].map(isAlive)).toEqual([false, false, false, true]);
    stranger.kill('SIGKILL');
    expect(existsSync(folder)).toBe(false);
    expect(await done(['down'])).toMatchObject({ wasUp: false });
  });

  it('of a program ends with the program, however that ends, and joins whom it was told of', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { nodes, joinedTo } = await firstLine(child);
    expect(nodes).toHaveLength(2);
    expect(joinedTo).toBe(2);
    const pids = nodes.map(({ pid }) => pid);
    expect(pids.map(isAlive)).toEqual([true, true]);
    child.kill('SIGKILL');
    await until('the nodes end', async () => !pids.some(isAlive));
  });
});

/** A shell of sorts: a participant of its own, and a laboratory that joins it. */
const PROGRAM = `
import { Lab } from '${LAB_ENTRY}';
import { createParticipant } from '${new URL('../../packages/participant/dist/index.js', import.meta.url).href}';
import { createSystemRuntime } from '${RUNTIME_ENTRY}';
const folder = process.argv[1];
const own = await createParticipant({ home: folder + '-own', network: 'class', host: '127.0.0.1', kadPort: 0, batPort: 0, findsLan: false, profile: 'demo' });
const lab = new Lab(createSystemRuntime(), { folder, endsWithProcess: true, network: 'class' });
const { kadAddress: { host, port } } = own;
const { nodes } = await lab.up({ join: [host + ':' + port] });
console.log(JSON.stringify({ nodes, joinedTo: own.kad.stats().contacts }));
setInterval(() => undefined, 1000);
`;

async function firstLine(child: ChildProcess): Promise<{ readonly nodes: readonly NodeView[]; readonly joinedTo: number }> {
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  return JSON.parse(line);
}

describe('BD-07 a simulated laboratory', () => {
  it('of a hundred nodes on a bad network finds every node that is left when a fifth is killed, and every command can look into it', async () => {
    const up = await done(['up', '--simulated', '--nodes', '100', '--loss', '2%', '--delay', '20..80', '--seed', '4711']);
    expect(up).toMatchObject({ mode: 'simulated', total: 100, up: 100, joined: 100, faults: { lossPercent: 2, delayMs: [20, 80] } });

    expect((await done(['kill', '20%'])).killed).toHaveLength(20);
    const after = await done(['status']);
    expect(after).toMatchObject({ up: 80, killed: 20, simulation: { lookups: { total: 8, found: 8 }, size: { true: 80 } } });
    expect(after.simulation.size.estimate).toBeGreaterThan(40);

    const [{ home }] = after.nodes;
    if (after.nodes[0].state === 'killed') await done(['up']);
    const peers = await runCli(['peers', '--home', home, '--json']);
    expect(peers.last.peers.length, peers.stderr).toBeGreaterThan(15);

    expect((await lab(['kill', '101'])).last).toMatchObject({ code: 'BAT_E_LAB_NODE_UNKNOWN', exit: 4 });
    expect(await done(['down'])).toMatchObject({ wasUp: true });
    expect(existsSync(folder)).toBe(false);
    expect((await lab(['status'])).code).toBe(5);
  });
});
