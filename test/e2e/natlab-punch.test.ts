// TCP simultaneous open and hand punch between processes behind real NATs, which the machine's own kernel makes.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NatFacts } from '../../packages/participant/src/reach/hand-punch/plan-hand-punch.ts';
import { say } from '../sim/simulator.ts';

const NATLAB = process.env.NATLAB ?? fileURLToPath(new URL('../natlab/natlab', import.meta.url));
const CHILD = fileURLToPath(new URL('../support/punch-peer-child.ts', import.meta.url));
const env = { ...process.env, NATLAB_LAB: `t-${process.pid}-punch` };
const OBSERVERS = ['203.0.113.10', '198.51.100.20'];

/** Why no lab can be built here; as root in CI it must be possible. */
const obstacle = ((): string | undefined => {
  const check = existsSync(NATLAB) ? spawnSync(NATLAB, ['check'], { encoding: 'utf8' }) : undefined;
  if (check?.status === 0) return undefined;
  const why = check?.stderr.trim() ?? `${NATLAB} is not there`;
  if (process.env.CI === 'true' && process.getuid?.() === 0) throw new Error(`the NAT laboratory must run here and cannot: ${why}`);
  return why;
})();
if (obstacle !== undefined) say(`  SKIPPED: no NAT laboratory: ${obstacle}`);

const cone: NatFacts = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  preservesPort: false,
  portDelta: undefined,
};
const moving: NatFacts = { ...cone, mapping: 'address-and-port-dependent' };
/** What a node finds out about itself behind a router of each type. */
const NATS: Readonly<Record<string, NatFacts>> = {
  'port-restricted': cone,
  linux: { ...cone, preservesPort: true },
  'linux-open': { ...cone, preservesPort: true },
  fw: { ...cone, mapping: 'none', preservesPort: true },
  'symmetric-seq': { ...moving, portDelta: 1 },
  symmetric: moving,
  'linux/symmetric': moving,
};

interface Peer {
  readonly process: ChildProcess;
  next(): Promise<Record<string, unknown>>;
  tell(message: unknown): void;
}

const running = new Set<ChildProcess>();
const natlab = (...args: string[]): string => execFileSync(NATLAB, args, { env, encoding: 'utf8' }).trim();

function start(node: string, ...args: string[]): Peer {
  const command = [process.execPath, '--conditions=@batchain/source', '--import', 'tsx', CHILD, ...args];
  const child = spawn(NATLAB, ['exec', node, ...command], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    next: async () => {
      const line = await lines.next();
      if (line.done === true) throw new Error(`the process on ${node} ended`);
      return JSON.parse(line.value) as Record<string, unknown>;
    },
    tell: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`),
  };
}

async function stop(): Promise<void> {
  for (const child of running) {
    running.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

type Ends = readonly [caller: Record<string, unknown>, called: Record<string, unknown>];

async function punchUdp(caller: string, called: string): Promise<Ends> {
  natlab('up', `pair:${caller},${called}`);
  const observers = OBSERVERS.map((host, i) => start(`kad${i + 1}`, 'observer', host));
  await Promise.all(observers.map((observer) => observer.next()));
  const nat = (kind: string): string => JSON.stringify(NATS[kind]);
  const ana = start('a', 'udp', 'caller', nat(caller), ...OBSERVERS);
  const bo = start('b', 'udp', 'called', nat(called), ...OBSERVERS);
  const [ofAna, ofBo] = await Promise.all([ana.next(), bo.next()]);
  bo.tell(ofAna);
  ana.tell(ofBo);
  return Promise.all([ana.next(), bo.next()]);
}

async function punchTcp(caller: string, called: string): Promise<Ends> {
  natlab('up', `pair:${caller},${called}`);
  const ana = start('a', 'tcp', 'caller');
  const bo = start('b', 'tcp', 'called');
  const [ofAna, ofBo] = await Promise.all([ana.next(), bo.next()]);
  bo.tell([{ host: natlab('outside', 'a'), port: ofAna.localPort }]);
  ana.tell([{ host: natlab('outside', 'b'), port: ofBo.localPort }]);
  return Promise.all([ana.next(), bo.next()]);
}

describe.skipIf(obstacle !== undefined)('behind real NATs', () => {
  beforeAll(() => void natlab('down'));
  afterEach(stop);
  afterAll(() => void natlab('down'));

  it.each([
    ['linux', 'fw'],
    ['linux-open', 'linux'],
  ])('two ends open one TCP connection from both sides at once: %s and %s', async (a, b) => {
    const [caller, called] = await punchTcp(a, b);
    expect([caller, called]).toMatchObject([
      { ok: true, path: 'punched' },
      { ok: true, path: 'punched', bytes: caller.bytes },
    ]);
    say(`tcp ${a} x ${b}: ${caller.ms} and ${called.ms} ms, ${Math.round(Number(caller.bytes) / 1e6)} MB in a second`);
  });

  it('TCP from both sides fails with a reason, in time, where routers choose ports', async () => {
    const [caller, called] = await punchTcp('linux', 'symmetric');
    for (const end of [caller, called]) {
      expect(end).toMatchObject({ ok: false, reason: 'timeout' });
      expect(Number(end.ms)).toBeLessThan(8_000);
    }
  });

  // What takes luck (a birthday burst) is met by the daemons of natlab-pairs.test.ts, which may try again.
  it.each([
    ['port-restricted', 'linux-open', 'ordered'],
    ['port-restricted', 'symmetric-seq', 'predict'],
    ['linux-open', 'symmetric', 'birthday'],
  ])('a path is punched by hand and can be handed over: %s and %s', async (a, b, method) => {
    const [caller, called] = await punchUdp(a, b);
    say(`udp ${a} x ${b}: ${method} in ${caller.ms} and ${called.ms} ms`);
    expect([caller, called]).toMatchObject([
      { ok: true, method, isHandedOver: true },
      { ok: true, method, isHandedOver: true },
    ]);
  });
});
