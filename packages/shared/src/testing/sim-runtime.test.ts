import { describe, expect, it } from 'vitest';
import { createSimRuntime, type SimLogLine } from './sim-runtime.ts';
import { TraceHash } from './trace-hash.ts';

describe('createSimRuntime', () => {
  it('gives every node streams of its own, kept apart for choices and for secrets', () => {
    const { runtime } = createSimRuntime(1);
    const [ana, bo] = [runtime.fork('ana'), runtime.fork('bo')];
    const draws = [ana.random, ana.entropy, bo.random, bo.entropy, runtime.random].map((random) => random.u32());
    expect(new Set(draws).size).toBe(5);
    const again = createSimRuntime(1);
    expect([again.runtime.fork('ana').random.u32(), again.node('bo').runtime.entropy.u32()]).toEqual([draws[0], draws[3]]);
  });

  it('stamps log lines with simulated time and the names on the way', async () => {
    const lines: SimLogLine[] = [];
    const simulation = createSimRuntime(1, { onLog: (line) => lines.push(line) });
    const node = simulation.node('ana').runtime;
    node.clock.setTimer(1500, () => node.log.child({ peer: 'bo' }).warn('bat.store.refused', { reason: 'full' }));
    await simulation.clock.runFor(2000);
    expect(lines).toEqual([{ atMs: 1500, level: 'warn', event: 'bat.store.refused', fields: { part: 'ana', peer: 'bo', reason: 'full' } }]);
  });
});

describe('TraceHash', () => {
  const hashOf = (fill: (trace: TraceHash) => void): string => {
    const trace = new TraceHash();
    fill(trace);
    return trace.digest();
  };

  it('differs when anything differs: kind, time, a part, or where one part ends', () => {
    const hashes = [
      hashOf((t) => t.record('udp', 1, 'a', 'bc')),
      hashOf((t) => t.record('udp', 1, 'ab', 'c')),
      hashOf((t) => t.record('tcp', 1, 'a', 'bc')),
      hashOf((t) => t.record('udp', 2, 'a', 'bc')),
      hashOf((t) => t.record('udp', 1, 'a', Buffer.from('bc'))),
      hashOf((t) => t.event(1, 2)),
      hashOf((t) => t.event(2, 1)),
      hashOf(() => undefined),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('is the same however large the records are and whenever it was asked', () => {
    const fill = (isAskedOften: boolean) => (trace: TraceHash) => {
      for (let i = 0; i < 300; i++) {
        trace.record('udp', i, new Uint8Array(i * 300).fill(i));
        if (isAskedOften) trace.digest();
      }
      trace.record('big', 1, new Uint8Array(200_000));
    };
    expect(hashOf(fill(true))).toBe(hashOf(fill(false)));
  });

  it('counts, and shows every record to whoever looks for the place where two runs part', () => {
    const seen: string[] = [];
    const trace = new TraceHash((kind, atMs, parts) => seen.push(`${kind} ${atMs} ${parts.join()}`));
    trace.event(1, 1);
    trace.record('note', 5, 'x', 3);
    expect([trace.eventCount, trace.recordCount, seen]).toEqual([1, 1, ['note 5 x,3']]);
  });
});
