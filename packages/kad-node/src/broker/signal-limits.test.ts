import { type Address, type NodeId, sha256, uintBytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SIGNAL_PEERS_MAX } from '../limits.ts';
import { BrokerLimits, SignalAllowance } from './signal-limits.ts';

const id = (n: number): NodeId => sha256(uintBytes(n, 4)) as NodeId;
const count = (times: number, take: (n: number) => boolean): number =>
  Array.from({ length: times }, (_, n) => take(n)).filter(Boolean).length;

describe('what a broker passes on', () => {
  it('T8 of one asker: eight at once, then one a second, whatever others ask', () => {
    const limits = new BrokerLimits();
    expect(count(20, () => limits.takeRequester(id(1), 0))).toBe(8);
    expect(count(20, () => limits.takeRequester(id(1), 1000))).toBe(1);
    expect(count(20, () => limits.takeRequester(id(2), 1000))).toBe(8);
  });

  it('T8 to one target: ten in a minute', () => {
    const limits = new BrokerLimits();
    expect(count(30, (n) => limits.takeTarget(id(1), n))).toBe(10);
    expect(count(30, () => limits.takeTarget(id(1), 60_000))).toBe(10);
    expect(limits.takeTarget(id(2), 0)).toBe(true);
  });

  it('T8 to one target: three datagrams in any second, at whatever times', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200 }), (waits) => {
        const limits = new BrokerLimits();
        let nowMs = 0;
        const sent: number[] = [];
        for (const wait of waits) {
          nowMs += wait;
          if (limits.takeDatagram(id(1), nowMs)) sent.push(nowMs);
        }
        for (const fromMs of sent) expect(sent.filter((atMs) => atMs >= fromMs && atMs < fromMs + 1000).length).toBeLessThanOrEqual(3);
      }),
    );
  });

  it('T8 not to a target whose datagrams of this second are used up, and its ten in a minute stay', () => {
    const limits = new BrokerLimits();
    for (let n = 0; n < 3; n++) limits.takeDatagram(id(1), 0);
    expect(count(20, () => limits.takeTarget(id(1), 999))).toBe(0);
    expect(count(20, () => limits.takeTarget(id(1), 1000))).toBe(10);
  });

  it('T8 not to a target that left one unanswered, until it is heard from again', () => {
    const limits = new BrokerLimits();
    expect(limits.isAnswering(id(1), 0)).toBe(true);
    limits.noteSilence(id(1), 5000);
    expect([limits.isAnswering(id(1), 4000), limits.isAnswering(id(1), 5001), limits.isAnswering(id(2), 4000)]).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('remembers as many peers as it may: the last used stay', () => {
    const limits = new BrokerLimits();
    expect(count(8, () => limits.takeRequester(id(0), 0))).toBe(8);
    for (let n = 1; n < SIGNAL_PEERS_MAX; n++) limits.takeRequester(id(n), 0);
    expect(limits.takeRequester(id(0), 0)).toBe(false);
    for (let n = 1; n <= SIGNAL_PEERS_MAX; n++) limits.takeRequester(id(n), 0);
    expect(limits.takeRequester(id(0), 0)).toBe(true);
  });
});

describe('what a node takes', () => {
  const X: Address = { host: '198.51.100.1', port: 4870 };
  const Y: Address = { host: '198.51.100.2', port: 4870 };
  const broker = (n: number): Address => ({ host: `203.0.113.${n % 250}`, port: 4870 });

  it('T8 is eight at once and one a second of each sender, and forty and twenty of all', () => {
    const allowance = new SignalAllowance(0);
    expect(count(20, () => allowance.take(id(1), X, 0))).toBe(8);
    expect(count(1000, (n) => allowance.take(id(n + 2), broker(n), 0))).toBe(32);
    expect(count(1000, (n) => allowance.take(id(n + 2000), broker(n), 1000))).toBe(20);
  });

  it('T8 is twenty at once and five a second through each broker, whatever port it sends from', () => {
    const allowance = new SignalAllowance(0);
    expect(count(100, (n) => allowance.take(id(n), { ...X, port: n }, 0))).toBe(20);
    expect(count(100, (n) => allowance.take(id(n + 1000), X, 1000))).toBe(5);
  });

  it('T8 through one broker is not used up by what another one sends, be it in the name of the same sender', () => {
    const allowance = new SignalAllowance(0);
    for (let ms = 0; ms < 10_000; ms += 20) {
      allowance.take(id(1), X, ms);
      allowance.take(id(ms + 10), X, ms);
    }
    expect(count(20, () => allowance.take(id(1), Y, 10_000))).toBe(8);
  });
});
