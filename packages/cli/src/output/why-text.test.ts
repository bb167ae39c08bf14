import type { WhyResult } from '@batchain/participant/client';
import { describe, expect, it } from 'vitest';
import { whyText } from './why-text.ts';

const NOW_MS = Date.UTC(2026, 10, 26, 12, 0, 0);
const RESULT: WhyResult = {
  nodeId: '7f3a91c2'.padEnd(64, '0'),
  path: 'relayed',
  awaySince: null,
  attempts: [
    {
      role: 'caller',
      at: '2026-11-26T11:58:00.000Z',
      rungs: [
        { rung: 'direct', startedMs: null, durationMs: null, outcome: 'skipped', reason: 'it can not be dialled from outside' },
        { rung: 'signal', startedMs: 0, durationMs: 41, outcome: 'won', reason: '' },
        { rung: 'data-channel', startedMs: 42, durationMs: 5000, outcome: 'failed', reason: 'timeout' },
        { rung: 'relay', startedMs: 2542, durationMs: 30, outcome: 'won', reason: '' },
      ],
    },
  ],
};

describe('the words of peers --why', () => {
  it('tell each way, what came of it and why', () => {
    expect(whyText(RESULT, NOW_MS, 100)).toEqual([
      '7f3a91c2  connected: relayed',
      '',
      'This node tried to reach it, 2 min ago:',
      'WAY                               RESULT    BEGAN    TOOK     REASON',
      'ask it through its brokers        ok        0 ms     41 ms',
      'punch through both routers (UDP)  failed    42 ms    5000 ms  timeout',
      'through a relay                   ok        2542 ms  30 ms',
      'dial it                           left out  -        -        it can not be dialled from outside',
    ]);
  });

  it('say when there was nothing', () => {
    const none = { ...RESULT, path: 'none' as const, attempts: [] };
    expect(whyText(none, NOW_MS, 80)).toEqual(['7f3a91c2  no connection now; nothing was tried since this node started']);
    expect(whyText({ ...none, awaySince: '2026-11-26T09:00:00.000Z' }, NOW_MS, 80)).toEqual([
      '7f3a91c2  no connection now; a member remembered from before, last seen 3 h ago; nothing was tried since this node started',
    ]);
  });
});
