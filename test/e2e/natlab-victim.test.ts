// A hostile operator has honest nodes greet, check, knock at and dial a third party: what reaches that host, packet by packet on the wire (T8).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Address } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { type Arrival, ArrivalWatch, datagrams, dials, kindOf, mostInOneSecond } from '../natlab/arrivals.ts';
import { Lab, labObstacle, NATLAB, PUBLIC_KADS } from '../natlab/lab.ts';
import { say } from '../sim/simulator.ts';

const obstacle = labObstacle();
const CHILD = fileURLToPath(new URL('../support/hostile-caller-child.ts', import.meta.url));
const ATTACK_MS = 36_000;
const DATAGRAMS_PER_S = 3;
const DIALS_PER_S = 1;
/** A check of ICE has 100 bytes, a knock 24, a probe 10. A HELLO is longer than any answer to it (T6). */
const SMALL_BYTES = 200;

/** One drops what comes, as most hosts do; the other refuses it, so that who was refused may dial again. */
const VICTIMS = ['dropping', 'refusing'] as const;
const HONEST = ['a', 'b', 'c'] as const;
const TOPOLOGY = `
public kad1 addr=203.0.113.10 also=203.0.113.11
public kad2 addr=198.51.100.20
public a addr=203.0.113.40
nat rb type=linux
host b via=rb
nat rc type=port-restricted
host c via=rc
public dropping addr=192.0.2.66 fw=stateful
public refusing addr=198.18.7.66
public hostile addr=198.18.9.9
`;

function addressOf(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** The operator's process attacks for a while; what it says of it. */
async function attack(lab: Lab, orders: unknown): Promise<Record<string, number>> {
  const command = [process.execPath, '--conditions=@batchain/source', '--import', 'tsx', CHILD, JSON.stringify(orders)];
  const child = spawn(NATLAB, ['exec', 'hostile', ...command], { env: lab.env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  await new Promise((resolve) => setTimeout(resolve, ATTACK_MS));
  child.stdin.end();
  const last = await lines.next();
  if (last.done === true) throw new Error('the attack ended before its time');
  if (child.exitCode === null) await once(child, 'exit');
  return JSON.parse(last.value) as Record<string, number>;
}

/** An honest node stores one file after the other, on hosts of the operator as well: it calls them. */
async function keepStoring(lab: Lab, node: string, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const path = join(lab.folder, `${node}-${n}`);
    await writeFile(path, path);
    const put = lab.client(node).put({ path, policy: { k: 1, n: 4 } }, { signal });
    await put.catch(() => undefined);
  }
}

function summary(arrivals: readonly Arrival[]): string {
  const sent = datagrams(arrivals);
  const kinds = [...new Set(sent.map(kindOf))].map((kind) => {
    const ofKind = sent.filter((one) => kindOf(one) === kind);
    return `${ofKind.length} ${kind} of ${Math.max(...ofKind.map(({ bytes }) => bytes))} bytes`;
  });
  const dialled = dials(arrivals);
  return `${mostInOneSecond(sent)} datagrams in a second (${kinds.join(', ')}), ${mostInOneSecond(dialled)} dials (${dialled.length})`;
}

describe.skipIf(obstacle !== undefined)('T8 a third party that a hostile operator names', () => {
  it('gets from each honest node at most 3 datagrams, none large but HELLOs, and 1 dial in any second', async () => {
    await using lab = await Lab.up(TOPOLOGY);
    await lab.startPublic();
    await Promise.all(HONEST.map((node) => lab.start(node, { offer: '1GiB' })));
    const outside = new Map((await lab.nodes()).map((node) => [node.name, node.outside]));
    using dropping = await ArrivalWatch.start(lab, 'dropping');
    using refusing = await ArrivalWatch.start(lab, 'refusing');
    const brokers = PUBLIC_KADS.map(addressOf);
    const ownBroker = { host: outside.get('a') ?? '', port: addressOf(lab.daemon('a').kad).port };
    const targets = HONEST.map((node) => ({
      nodeId: lab.daemon(node).nodeId,
      brokers: node === 'a' ? [ownBroker] : [...brokers, ownBroker],
    }));
    const storing = new AbortController();
    const stores = HONEST.map((node) => keepStoring(lab, node, storing.signal));
    let counts: Record<string, number>;
    try {
      counts = await attack(lab, { victims: VICTIMS.map((name) => outside.get(name)), brokers, targets });
    } finally {
      storing.abort();
      await Promise.all(stores);
    }
    say(`  the operator: ${JSON.stringify(counts)}`);
    // Calls were followed, honest nodes called the operator's hosts, and keep records of ids that are nowhere.
    const { answers = 0, punches = 0, callsOfOthers = 0, probes = 0, records = 0 } = counts;
    expect(Math.min(answers, punches, callsOfOthers, probes, records)).toBeGreaterThan(0);

    const failures: string[] = [];
    for (const [victim, { arrivals }] of [
      ['dropping', dropping],
      ['refusing', refusing],
    ] as const) {
      for (const node of [...HONEST, 'kad1', 'kad2']) {
        const ofNode = arrivals.filter(({ from }) => from === outside.get(node));
        const sent = datagrams(ofNode);
        say(`  ${node} to ${victim}: ${summary(ofNode)}`);
        const isWithin = mostInOneSecond(sent) <= DATAGRAMS_PER_S && mostInOneSecond(dials(ofNode)) <= DIALS_PER_S;
        const isAnyLarge = sent.some((one) => one.bytes >= SMALL_BYTES && kindOf(one) !== 'hello');
        if (!isWithin || isAnyLarge) failures.push(`${node} to ${victim}: ${summary(ofNode)}`);
        // Brokers are not called themselves.
        if (node.startsWith('kad')) continue;
        const kinds = new Set(sent.map(kindOf));
        const isAttacked = kinds.has('hello') && kinds.has('check') && kinds.has('knock') && dials(ofNode).length > 0;
        if (!isAttacked) failures.push(`${node} to ${victim}: no attack`);
      }
    }
    expect(failures).toEqual([]);
  });
});
