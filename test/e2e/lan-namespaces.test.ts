// LAN discovery as it runs on real interfaces: network namespaces joined by virtual cables, the well-known port, no internet.
import { type ChildProcess, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { builtParticipant, closeLabs, linesOf, type NetworkNamespaces, namespaceObstacle, openLab } from '../support/network-namespaces.ts';

const obstacle = namespaceObstacle();
/** As root in CI this is never skipped: what is missing there is a failure. */
const mustRun = process.env.CI !== undefined && process.getuid?.() === 0;
const hasNft = spawnSync('nft', ['--version']).error === undefined;
const CHILD = fileURLToPath(new URL('../support/lan-child.mjs', import.meta.url));

type Interfaces = readonly { readonly host: string; readonly problem?: string }[];

interface Line {
  readonly started?: Interfaces;
  readonly interfaces?: Interfaces;
  readonly found?: number;
  readonly host?: string;
  readonly port?: number;
}

class Member {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(lab: NetworkNamespaces, machine: string, byte: number) {
    this.child = lab.spawn(machine, process.execPath, [
      CHILD,
      builtParticipant('reach/lan-discovery'),
      builtParticipant('adapters/lan-interfaces'),
      `${byte}`,
    ]);
    linesOf(this.child).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      for (const look of this.#waiting) look();
    });
  }

  line(matches: (line: Line) => boolean): Promise<Line> {
    return new Promise((resolve) => {
      const look = (): void => {
        const line = this.lines.find(matches);
        if (line === undefined) return;
        this.#waiting.delete(look);
        resolve(line);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** As `line`, but of the last one of the state of its interfaces, and those to come. */
  stateIs(matches: (interfaces: Interfaces) => boolean): Promise<Line> {
    const isLast = (line: Line): boolean => line === this.lines.findLast(({ interfaces }) => interfaces !== undefined);
    return this.line((line) => line.interfaces !== undefined && isLast(line) && matches(line.interfaces));
  }

  finds(byte: number): Promise<Line> {
    return this.line(({ found }) => found === byte);
  }

  /** Its exit code, after a stop in good order. */
  stop(): Promise<number | null> {
    return new Promise((resolve) => {
      this.child.once('exit', resolve);
      this.child.stdin?.end();
    });
  }
}

afterEach(closeLabs);

describe.skipIf(obstacle !== undefined && !mustRun)('participants in namespaces of their own', () => {
  it('BD-14 BD-41 find each other on one LAN without a route anywhere, and are told of it on an interface that comes later', async () => {
    expect(obstacle).toBeUndefined();
    const lab = openLab('lan');
    for (const machine of ['a', 'b', 'c']) lab.add(machine);
    lab.connect(['a', 'lan0', '192.168.77.1/24'], ['b', 'lan0', '192.168.77.2/24']);
    const [a, b, c] = [new Member(lab, 'a', 1), new Member(lab, 'b', 2), new Member(lab, 'c', 3)];

    expect(await a.finds(2)).toMatchObject({ host: '192.168.77.2', port: 4870 });
    expect(await b.finds(1)).toMatchObject({ host: '192.168.77.1', port: 4870 });
    expect((await c.line(({ started }) => started !== undefined)).started).toEqual([]);

    // A second LAN, on another interface of the same machine: what is heard there stays there.
    lab.connect(['a', 'lan1', '10.9.0.1/24'], ['c', 'wifi', '10.9.0.3/24']);
    expect(await a.finds(3)).toMatchObject({ host: '10.9.0.3' });
    expect(await c.finds(1)).toMatchObject({ host: '10.9.0.1' });

    expect(await Promise.all([a, b, c].map((member) => member.stop()))).toEqual([0, 0, 0]);
    expect(b.lines.filter(({ found }) => found === 3)).toEqual([]);
  });

  it('find each other again when an interface was taken away and came back under the same address', async () => {
    const lab = openLab('re');
    for (const machine of ['a', 'b', 'c']) lab.add(machine);
    lab.connect(['a', 'lan0', '192.168.77.1/24'], ['b', 'lan0', '192.168.77.2/24']);
    const a = new Member(lab, 'a', 1);
    await a.line(({ started }) => started !== undefined);
    lab.configure('a', 'link', 'delete', 'lan0');
    lab.connect(['a', 'lan0', '192.168.77.1/24'], ['c', 'lan0', '192.168.77.3/24']);
    const c = new Member(lab, 'c', 3);
    await Promise.all([a.finds(3), c.finds(1)]);
    expect(await Promise.all([a, c].map((member) => member.stop()))).toEqual([0, 0]);
  });

  it.skipIf(!hasNft && !mustRun)('notice that a firewall lets nothing in, and when it does again', async () => {
    const lab = openLab('fw');
    for (const machine of ['a', 'b']) lab.add(machine);
    lab.connect(['a', 'lan0', '192.168.77.1/24'], ['b', 'lan0', '192.168.77.2/24']);
    lab.run(
      'a',
      'nft',
      'add table inet f; add chain inet f i { type filter hook input priority 0; }; add rule inet f i udp dport 5353 drop',
    );
    const [a, b] = [new Member(lab, 'a', 1), new Member(lab, 'b', 2)];
    await a.stateIs(([lan]) => lan?.problem?.includes('firewall') === true);
    // It is heard all the same.
    expect(await b.finds(1)).toMatchObject({ host: '192.168.77.1' });
    expect(a.lines.filter(({ found }) => found !== undefined)).toEqual([]);
    lab.run('a', 'nft', 'delete table inet f');
    await a.finds(2);
    await a.stateIs(([lan]) => lan !== undefined && lan.problem === undefined);
    expect(await Promise.all([a, b].map((member) => member.stop()))).toEqual([0, 0]);
  });

  if (obstacle !== undefined && !mustRun)
    process.stdout.write(`  SKIPPED: ${obstacle}, LAN discovery was not tried between two machines\n`);
});
