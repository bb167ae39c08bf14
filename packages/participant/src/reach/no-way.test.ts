import { describe, expect, it } from 'vitest';
import { Climb, type RungOutcome } from './climb-log.ts';
import { noWayOf } from './no-way.ts';
import type { RungName } from './reach-types.ts';

type Step = readonly [rung: RungName | 'signal', outcome: RungOutcome, reason: string];

function climb(...steps: readonly Step[]): Climb {
  const made = new Climb('caller', 0, 0);
  for (const [rung, outcome, reason] of steps) {
    if (outcome === 'skipped') made.skipped(rung as RungName, reason);
    else if (outcome === 'trying') made.began(rung, 0);
    else made.began(rung, 0)(outcome, reason, 1);
  }
  return made;
}

const CALLED: Step = ['signal', 'won', ''];
const PUNCHED: Step = ['data-channel', 'failed', 'timeout: 5000 ms'];

describe('why no way leads to a node', () => {
  it('is asked of one that answered the call, and by which nothing was found', () => {
    expect(noWayOf([])).toBeUndefined();
    expect(noWayOf([climb(['direct', 'failed', 'timeout'], ['signal', 'failed', 'timeout'])])).toBeUndefined();
    expect(noWayOf([climb(CALLED, ['reverse', 'won', ''])])).toBeUndefined();
  });

  it('is the relay that is not there, or that refuses: another one helps', () => {
    const skipped = climb(CALLED, ['relay', 'skipped', 'neither knows a participant that relays'], PUNCHED);
    expect(noWayOf([skipped])).toEqual({ reason: 'no relay is known', isRelayWanted: true });
    const full = climb(CALLED, PUNCHED, ['relay', 'failed', 'refused: relay-full']);
    expect(noWayOf([full])).toEqual({ reason: 'the relay has no place left', isRelayWanted: true });
  });

  it('is else what failed last, or that time was short', () => {
    const lost = climb(CALLED, PUNCHED, ['relay', 'failed', 'unreachable: no-counterpart']);
    expect(noWayOf([lost])).toEqual({ reason: 'unreachable: no-counterpart', isRelayWanted: false });
    expect(noWayOf([climb(CALLED, ['relay', 'trying', ''])])).toEqual({ reason: 'none was found in time', isRelayWanted: false });
  });
});
