import { type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { areSameBrokers, type BrokerCandidate, planBrokers } from './broker-plan.ts';

const SELF = new Uint8Array(32) as NodeId;
/** The n-th nearest to us. */
const server = (n: number, host: string): BrokerCandidate => ({
  nodeId: Uint8Array.of(n, ...sha256(uintBytes(n, 4)).subarray(1)) as NodeId,
  address: { host, port: 4870 },
});
const hosts = (plan: readonly BrokerCandidate[]): string[] => plan.map(({ address }) => address.host);

describe('the plan of brokers', () => {
  it('takes the nearest', () => {
    const others = [4, 2, 5, 1, 3].map((n) => server(n, `198.51.${n}.1`));
    expect(hosts(planBrokers(SELF, { current: [], others }, 3))).toEqual(['198.51.1.1', '198.51.2.1', '198.51.3.1']);
  });

  it('takes one of each network before a second one of any', () => {
    const others = [server(1, '198.51.1.1'), server(2, '198.51.1.2'), server(3, '198.51.1.3'), server(9, '203.0.113.9')];
    expect(hosts(planBrokers(SELF, { current: [], others }, 3))).toEqual(['198.51.1.1', '203.0.113.9', '198.51.1.2']);
  });

  it('takes private ones only when there are no others', () => {
    const others = [server(1, '10.0.0.1'), server(2, '192.168.0.1'), server(7, '198.51.7.1')];
    expect(hosts(planBrokers(SELF, { current: [server(3, '10.0.0.3')], others }, 3))).toEqual(['198.51.7.1', '10.0.0.3', '10.0.0.1']);
  });

  it('keeps what we have, nearer ones or not, unless another network can be had', () => {
    const current = [server(7, '198.51.7.1'), server(8, '198.51.7.2'), server(9, '198.51.7.3')];
    const near = [server(1, '198.51.7.4'), server(2, '198.51.7.5')];
    expect(planBrokers(SELF, { current, others: near }, 3)).toEqual(current);
    const apart = planBrokers(SELF, { current, others: [...near, server(20, '203.0.113.1'), current[0] as BrokerCandidate] }, 3);
    expect(hosts(apart)).toEqual(['198.51.7.1', '203.0.113.1', '198.51.7.2']);
  });

  it('is the same in another order, and not at another address', () => {
    const [a, b] = [server(1, '198.51.1.1'), server(2, '198.51.2.1')];
    expect(areSameBrokers([a, b], [b, a])).toBe(true);
    expect(areSameBrokers([a, b], [a])).toBe(false);
    expect(areSameBrokers([a, b], [a, { ...b, address: { ...b.address, port: 1 } }])).toBe(false);
  });
});
