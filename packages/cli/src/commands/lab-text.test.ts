import type { LabStatus } from '@batchain/lab';
import { describe, expect, it } from 'vitest';
import { labCounts, labText, nextText } from './lab-text.ts';
import { delayValue, lossValue, speedValue } from './lab-values.ts';

const style = { isColored: false, isAscii: true, width: 100, tint: (_: string, text: string) => text } as unknown as Parameters<
  typeof labText
>[0];
const node = (number: number, state: 'up' | 'killed' | 'partitioned') => ({
  name: `node${number}`,
  nodeId: `${number}`.repeat(64).slice(0, 64),
  state,
  pid: state === 'killed' ? null : 100 + number,
  home: `/lab/node${number}`,
  kad: `127.0.0.1:${4000 + number}`,
  bat: `127.0.0.1:${5000 + number}`,
  control: `/lab/node${number}/control.sock`,
  joined: state !== 'killed',
  peersOnline: state === 'killed' ? 0 : 2,
});
const LAB: LabStatus = {
  folder: '/lab',
  mode: 'processes',
  network: 'batchain-lab',
  faults: { lossPercent: 2, delayMs: [20, 80], groups: [['node1'], ['node3']] },
  nodes: [node(1, 'partitioned'), node(2, 'killed'), node(3, 'partitioned')],
};

describe('a laboratory in text', () => {
  it('tells who is up, what the paths suffer, and each node', () => {
    expect(labText(style, LAB, false)).toEqual([
      'Lab       3 nodes on 127.0.0.1, each a process with a home: 2 up, 1 killed, 2 joined',
      'Folder    /lab',
      'Faults    loss 2 %, delay 20 to 80 ms, partition: node1 | node3',
      '',
      'NAME   STATE        PEERS  KAD             BAT             NODE',
      'node1  partitioned  2      127.0.0.1:4001  127.0.0.1:5001  11111111',
      'node2  killed       -      127.0.0.1:4002  127.0.0.1:5002  22222222',
      'node3  partitioned  2      127.0.0.1:4003  127.0.0.1:5003  33333333',
    ]);
    expect(labCounts(LAB)).toEqual({ total: 3, up: 2, killed: 1, joined: 2 });
    expect(nextText(LAB, ' --home /lab')).toContain('Use a node:  batchain put FILE --home /lab/node1');
  });

  it('of hundreds of simulated nodes fits a screen unless all are wanted', () => {
    const simulation = {
      seed: '7',
      nat: 'none',
      elapsedMs: 34_500,
      speed: 2,
      speedReached: 1.9,
      size: { estimate: 222, errorRatio: 0.144, true: 240 },
    };
    const lab: LabStatus = {
      ...LAB,
      mode: 'simulated',
      faults: { lossPercent: 0, delayMs: [0, 0], groups: [] },
      nodes: Array.from({ length: 300 }, (_, i) => node(i + 1, 'up')),
      simulation: { ...simulation, lookups: { total: 8, found: 8 } },
    };
    const lines = labText(style, lab, false);
    expect(lines).toContain('Faults    none');
    expect(lines).toContain('Time      34.5 s simulated, 1.9 times as fast as the clock (asked for: 2); NAT none, seed 7');
    expect(lines).toContain('Size      one node takes it for 222 nodes, give or take 14 %; it is 240');
    expect(lines).toContain('Lookups   8 of 8 nodes found');
    expect(lines.length).toBeLessThan(10);
    expect(labText(style, lab, true).length).toBeGreaterThan(300);
  });
});

describe('the values of the flags', () => {
  it.each([
    ['2', 2],
    ['2%', 2],
    ['0.5%', 0.5],
    ['0', 0],
  ])('a loss of %s is %d percent', (text, percent) => expect(lossValue.parse(text)).toBe(percent));

  it.each([
    ['50', [50, 50]],
    ['20..80', [20, 80]],
    ['20ms..80ms', [20, 80]],
    ['0', [0, 0]],
  ])('a delay of %s is %j', (text, range) => expect(delayValue.parse(text)).toEqual(range));

  it('that mean nothing are refused', () => {
    for (const text of ['', '91', '-1', 'much', '1e9']) expect(lossValue.safeParse(text).success, text).toBe(false);
    for (const text of ['', '80..20', '10001', '1..2..3', '1s']) expect(delayValue.safeParse(text).success, text).toBe(false);
    for (const text of ['', '0', '-1', '1001', 'fast']) expect(speedValue.safeParse(text).success, text).toBe(false);
  });
});
