import { minute, second } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { NETWORK_POLL_MS, NETWORK_SETTLE_MAX_MS } from '../limits.ts';
import { type NetworkChange, NetworkWatch } from './network-watch.ts';

const HOME = ['127.0.0.1', '192.168.1.10'];
const CAFE = ['127.0.0.1', '10.0.0.7'];

let node: ReturnType<ReturnType<typeof createSimRuntime>['node']>;
let clock: ReturnType<typeof createSimRuntime>['clock'];
let hosts: readonly string[];
let told: NetworkChange[];
let watch: NetworkWatch;
let readHosts: () => readonly string[];

beforeEach(() => {
  const simulation = createSimRuntime('network-watch');
  clock = simulation.clock;
  node = simulation.node('laptop');
  hosts = HOME;
  told = [];
  readHosts = () => hosts;
  watch = new NetworkWatch(node.runtime, { ownHosts: () => readHosts(), onChange: (change) => void told.push(change) });
  watch.start();
});

describe('NetworkWatch', () => {
  it('BN-27 tells another network within seconds, once', async () => {
    await clock.runFor(minute);
    expect(told).toEqual([]);
    hosts = CAFE;
    await clock.runFor(NETWORK_POLL_MS + 1 * second);
    expect(told).toEqual([{ hosts: CAFE, why: 'interfaces' }]);
    await clock.runFor(minute);
    expect(told).toHaveLength(1);
  });

  it('tells addresses that come one after the other as one change', async () => {
    hosts = ['127.0.0.1'];
    await clock.runFor(NETWORK_POLL_MS + 100);
    hosts = ['127.0.0.1', 'fe80::1'];
    await clock.runFor(400);
    hosts = CAFE;
    await clock.runFor(3 * second);
    expect(told).toEqual([{ hosts: CAFE, why: 'interfaces' }]);
  });

  it('says nothing of a change that was over before it was told, and of another order', async () => {
    await clock.runFor(NETWORK_POLL_MS - 50);
    hosts = CAFE;
    await clock.runFor(100);
    hosts = HOME.toReversed();
    await clock.runFor(minute);
    expect(told).toEqual([]);
  });

  it('does not wait for ever for an interface that comes and goes', async () => {
    let n = 0;
    readHosts = () => (n++ % 2 === 0 ? CAFE : [...CAFE, '10.0.0.8']);
    await clock.runFor(NETWORK_POLL_MS + NETWORK_SETTLE_MAX_MS + second);
    expect(told).toHaveLength(1);
  });

  it('tells that the machine slept, though its addresses are the same', async () => {
    await clock.runFor(10 * second);
    node.clock.setSkewMs(10 * minute);
    await clock.runFor(NETWORK_POLL_MS + 1 * second);
    expect(told).toEqual([{ hosts: HOME, why: 'woke' }]);
  });

  it('outlives a system that does not tell its addresses', async () => {
    readHosts = () => {
      throw new Error('no such interface');
    };
    await clock.runFor(minute);
    readHosts = () => CAFE;
    await clock.runFor(NETWORK_POLL_MS + 1 * second);
    expect(told).toEqual([{ hosts: CAFE, why: 'interfaces' }]);
  });

  it('is silent once stopped', async () => {
    watch.stop();
    hosts = CAFE;
    await clock.runFor(minute);
    expect(told).toEqual([]);
  });
});
