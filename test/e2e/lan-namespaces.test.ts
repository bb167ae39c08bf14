// LAN discovery as it runs on real interfaces: network namespaces joined by virtual cables, the well-known port, no internet.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { NetworkNamespaces, namespaceObstacle } from '../support/network-namespaces.ts';

const obstacle = namespaceObstacle();
/** As root in CI this is never skipped: what is missing there is a failure. */
const mustRun = process.env.CI !== undefined && process.getuid?.() === 0;
const built = (path: string): string => new URL(`../../packages/participant/dist/${path}.js`, import.meta.url).href;
const CHILD = fileURLToPath(new URL('../support/lan-child.mjs', import.meta.url));

interface Line {
  readonly started?: readonly { readonly host: string; readonly problem?: string }[];
  readonly found?: number;
  readonly host?: string;
  readonly port?: number;
}

class Member {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(lab: NetworkNamespaces, machine: string, byte: number) {
    this.child = lab.spawn(machine, process.execPath, [CHILD, built('reach/lan-discovery'), built('adapters/lan-interfaces'), `${byte}`]);
    if (this.child.stdout === null) throw new Error('stdout is piped');
    createInterface({ input: this.child.stdout }).on('line', (line) => {
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

describe.skipIf(obstacle !== undefined && !mustRun)('participants in namespaces of their own', () => {
  it('BD-14 BD-41 find each other on one LAN without a route anywhere, and are told of it on an interface that comes later', async () => {
    expect(obstacle).toBeUndefined();
    await using lab = new NetworkNamespaces('lan');
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

  if (obstacle !== undefined && !mustRun)
    process.stdout.write(`  SKIPPED: ${obstacle}, LAN discovery was not tried between two machines\n`);
});
