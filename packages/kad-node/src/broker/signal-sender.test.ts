// A signal that nobody waits for any more: whether brokers were busy meanwhile.
import { fail, type NodeId } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { SignalSender } from './signal-sender.ts';

const SELF = new Uint8Array(32).fill(1) as NodeId;
const TARGET = new Uint8Array(32).fill(2) as NodeId;

describe('SignalSender', () => {
  it.each(['busy', 'timeout'] as const)('tells at its abort whether a broker was too busy: %s', async (reason) => {
    const { runtime, clock } = createSimRuntime('signal-sender');
    const sender = new SignalSender(runtime, {
      selfId: SELF,
      ask: async () => fail(reason),
      findContact: () => new Promise(() => undefined),
      addressesOf: () => [{ host: '203.0.113.1', port: 4870 }],
      ownBrokers: () => [],
    });
    const abort = new AbortController();
    const sending = sender.send({ nodeId: TARGET }, new Uint8Array(1), abort.signal);
    await clock.runFor(2000);
    abort.abort();
    expect(await sending).toEqual(reason === 'busy' ? fail('refused', 'busy') : fail('aborted'));
  });
});
