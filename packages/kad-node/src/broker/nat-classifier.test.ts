import type { Address } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { MAPPING_SAMPLE_AGE_MS, MAPPING_SAMPLES_MAX } from '../limits.ts';
import { MappingSamples } from './mapping-samples.ts';
import { classifyMapping, type MappingView, UNKNOWN_MAPPING } from './nat-classifier.ts';

const address = (text: string): Address => {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};
const OURS = '192.168.1.10';
const NAT = '203.0.113.9';

/** [voter, observed], in the order in which they were first said, a second apart. */
function judge(said: readonly (readonly [voter: string, observed: string])[], hosts: readonly string[] = [OURS]): MappingView {
  const samples = new MappingSamples();
  said.forEach(([voter, observed], i) => void samples.note(address(voter), address(observed), i * 1000));
  return classifyMapping(samples.current(said.length * 1000), 4870, hosts);
}

describe('classifyMapping', () => {
  it('knows nothing before anybody has said anything', () => {
    expect(judge([])).toEqual(UNKNOWN_MAPPING);
  });

  it.each<[string, readonly (readonly [string, string])[], Partial<MappingView>]>([
    ['one voter who sees our own address', [['11.0.1.1:1', `${OURS}:4870`]], { mapping: 'none', isBehindNat: false, preservesPort: true }],
    [
      'one voter behind a NAT',
      [['11.0.1.1:1', `${NAT}:4870`]],
      { mapping: 'unknown', isBehindNat: true, preservesPort: true, external: address(`${NAT}:4870`) },
    ],
    [
      'the same port for all, our own (most home routers)',
      [
        ['11.0.1.1:1', `${NAT}:4870`],
        ['11.0.2.1:1', `${NAT}:4870`],
      ],
      { mapping: 'endpoint-independent', preservesPort: true, portDelta: undefined, external: address(`${NAT}:4870`) },
    ],
    [
      'the same port for all, another',
      [
        ['11.0.1.1:1', `${NAT}:999`],
        ['11.0.2.1:1', `${NAT}:999`],
      ],
      { mapping: 'endpoint-independent', preservesPort: false, external: address(`${NAT}:999`) },
    ],
    [
      'two nodes of one operator are enough for the class',
      [
        ['11.0.1.1:1', `${NAT}:999`],
        ['11.0.1.2:1', `${NAT}:999`],
      ],
      { mapping: 'endpoint-independent' },
    ],
    [
      'two ports of one IP alike, another IP not: symmetric-ip',
      [
        ['11.0.1.1:1', `${NAT}:999`],
        ['11.0.1.1:2', `${NAT}:999`],
        ['11.0.2.1:1', `${NAT}:20000`],
      ],
      { mapping: 'address-dependent', portDelta: undefined },
    ],
    [
      'every endpoint another port at random: symmetric',
      [
        ['11.0.1.1:1', `${NAT}:9000`],
        ['11.0.1.1:2', `${NAT}:50000`],
        ['11.0.2.1:1', `${NAT}:20000`],
        ['11.0.3.1:1', `${NAT}:31000`],
      ],
      { mapping: 'address-and-port-dependent', portDelta: undefined, external: address(`${NAT}:31000`) },
    ],
    [
      'the next port for each, in whatever order the answers came: symmetric-seq',
      [
        ['11.0.1.1:1', `${NAT}:40002`],
        ['11.0.2.1:1', `${NAT}:40001`],
        ['11.0.3.1:1', `${NAT}:40007`],
        ['11.0.4.1:1', `${NAT}:40004`],
        ['11.0.5.1:1', `${NAT}:40003`],
      ],
      { mapping: 'address-and-port-dependent', portDelta: 1 },
    ],
    [
      'every second port, with two voters',
      [
        ['11.0.1.1:1', `${NAT}:40002`],
        ['11.0.2.1:1', `${NAT}:40004`],
      ],
      { mapping: 'address-and-port-dependent', portDelta: 2 },
    ],
    [
      'two ports of one IP apart, and nobody else',
      [
        ['11.0.1.1:1', `${NAT}:9000`],
        ['11.0.1.1:2', `${NAT}:50000`],
      ],
      { mapping: 'address-and-port-dependent' },
    ],
    [
      'two ports of one IP alike, and nobody else',
      [
        ['11.0.1.1:1', `${NAT}:9000`],
        ['11.0.1.1:2', `${NAT}:9000`],
      ],
      { mapping: 'unknown' },
    ],
  ])('tells %s', (_name, said, expected) => {
    expect(judge(said)).toMatchObject(expected);
  });

  it('takes a firewall in front of a public address for no mapping', () => {
    const view = judge(
      [
        ['11.0.1.1:1', `${NAT}:4870`],
        ['11.0.2.1:1', `${NAT}:4870`],
      ],
      [NAT, '127.0.0.1'],
    );
    expect(view).toEqual({
      mapping: 'none',
      external: address(`${NAT}:4870`),
      preservesPort: true,
      portDelta: undefined,
      isBehindNat: false,
    });
  });

  it('T4 T8 outvotes a liar, whenever it speaks and however many nodes it has in one network', () => {
    const honest: [string, string][] = [1, 2, 3].map((n) => [`11.0.${n}.1:1`, `${NAT}:4870`]);
    const lies: [string, string][] = [1, 2, 3, 4, 5].map((n) => [`66.6.6.${n}:1`, '66.66.66.66:1']);
    const truth = { mapping: 'endpoint-independent', external: address(`${NAT}:4870`) };
    expect(judge([...lies, ...honest])).toMatchObject(truth);
    expect(judge([...honest, ...lies])).toMatchObject(truth);
    const portLies: [string, string][] = [1, 2, 3].map((n) => [`66.6.6.${n}:1`, `${NAT}:${n}`]);
    expect(judge([...honest, ...portLies])).toMatchObject(truth);
    expect(judge([...portLies, ...honest.slice(0, 2)])).toMatchObject(truth);
  });

  it('BN-27 takes a changed address when two voters have seen it, while the others have not been asked again', () => {
    const before: [string, string][] = [1, 2, 3, 4, 5].map((n) => [`11.0.${n}.1:1`, `${NAT}:4870`]);
    const after: [string, string][] = [1, 2].map((n) => [`11.0.${n}.1:1`, '203.0.113.77:4870']);
    expect(judge([...before, ...after.slice(0, 1)]).external).toEqual(address(`${NAT}:4870`));
    expect(judge([...before, ...after])).toMatchObject({ external: address('203.0.113.77:4870'), mapping: 'endpoint-independent' });
    const otherPort: [string, string][] = [1, 2].map((n) => [`11.0.${n}.1:1`, `${NAT}:31000`]);
    expect(judge([...before, ...otherPort]).external, 'a router that has restarted').toEqual(address(`${NAT}:31000`));
  });

  it('prefers voters on the Internet, and IPv4 where both are in use', () => {
    const said: [string, string][] = [
      ['192.168.1.20:4870', `${OURS}:4870`],
      ['2001:db8::1:4870', '2001:db8:5::1:4870'],
      ['11.0.1.1:1', `${NAT}:999`],
      ['11.0.2.1:1', `${NAT}:999`],
    ];
    expect(judge(said)).toMatchObject({ mapping: 'endpoint-independent', external: address(`${NAT}:999`) });
    expect(judge(said.slice(0, 1)), 'on a LAN without the Internet').toMatchObject({ mapping: 'none', isBehindNat: false });
  });
});

describe('MappingSamples', () => {
  it('forgets what was not said again, and who was silent for longest', () => {
    const samples = new MappingSamples();
    expect(samples.note(address('11.0.1.1:1'), address(`${NAT}:1`), 0)).toBe(true);
    expect(samples.note(address('11.0.1.1:1'), address(`${NAT}:1`), 5000)).toBe(false);
    expect(samples.current(5000 + MAPPING_SAMPLE_AGE_MS)).toMatchObject([{ sinceMs: 0, atMs: 5000 }]);
    expect(samples.current(5001 + MAPPING_SAMPLE_AGE_MS)).toEqual([]);
    for (let n = 1; n <= MAPPING_SAMPLES_MAX; n++) samples.note(address(`11.1.${n}.1:1`), address(`${NAT}:1`), 6000);
    const kept = samples.current(6000);
    expect([kept.length, kept.some(({ voter }) => voter.host === '11.0.1.1')]).toEqual([MAPPING_SAMPLES_MAX, false]);
  });
});
