import { hour } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTAINED_HOSTS_MAX, CONTAINED_QUESTIONS_MAX, OWNER_TIMES } from '../limits.ts';
import type { ContainedHost } from '../storage/owner-store.ts';
import { packFindings, unpackFindings } from './audit-memory.ts';
import {
  type AskedQuestion,
  containmentDelayMs,
  isDue,
  lostPlaces,
  openQuestions,
  packQuestions,
  planContainment,
  unpackQuestions,
} from './containment.ts';

const times = OWNER_TIMES.normal.containment;
const NOW_MS = 1_700_000_000_000;
const asked = (end: AskedQuestion['end'], more: Partial<AskedQuestion> = {}): AskedQuestion => ({
  host: 'ana',
  segment: 0,
  index: 1,
  leaves: [3, 7],
  end,
  ...more,
});
const plan = (before: readonly ContainedHost[], answers: readonly AskedQuestion[], afterMs: number, isWhole = false) =>
  planContainment(before, answers, { nowMs: NOW_MS + afterMs, times, isWhole });
const silent = (): ContainedHost[] => plan([], [asked('silent')], 0, true);
const only = (contained: readonly ContainedHost[]): ContainedHost => {
  expect(contained).toHaveLength(1);
  return contained[0] as ContainedHost;
};

describe('BN-05 a question without an answer', () => {
  it('is kept, the same, to be asked after an hour', () => {
    const one = only(silent());
    expect(one).toMatchObject({ host: 'ana', sinceMs: NOW_MS, nextMs: NOW_MS + hour, rounds: 0, isLost: false });
    expect(unpackQuestions(one.questions)).toEqual([{ segment: 0, index: 1, leaves: [3, 7] }]);
  });

  it('is asked after 1, 6 and 24 hours, then counts as lost and is not asked any more', () => {
    let contained = silent();
    for (const afterMs of [1 * hour, 6 * hour, 24 * hour]) {
      const before = only(contained);
      expect(before.nextMs).toBe(NOW_MS + afterMs);
      expect(isDue(before, NOW_MS + afterMs - 1, times)).toBe(false);
      expect(isDue(before, NOW_MS + afterMs, times)).toBe(true);
      expect(lostPlaces(contained).size).toBe(0);
      contained = plan(contained, [asked('silent')], afterMs);
    }
    expect(only(contained)).toMatchObject({ isLost: true, rounds: 3 });
    expect(isDue(only(contained), NOW_MS + 1000 * hour, times)).toBe(false);
    expect(lostPlaces(contained)).toEqual(new Set(['ana/0/1']));
  });

  it('goes when it is answered, also late', () => {
    expect(plan(silent(), [asked('settled')], 2 * hour)).toEqual([]);
    const lost = [{ ...only(silent()), isLost: true, rounds: 3 }];
    expect(plan(lost, [asked('silent')], 30 * hour, true)).toEqual(lost);
    expect(plan(lost, [asked('settled')], 30 * hour, true)).toEqual([]);
  });

  it('keeps its times when somebody audits in between, and its leaves', () => {
    const again = plan(silent(), [asked('silent', { leaves: [9] })], 0.5 * hour, true);
    expect(again).toEqual(silent());
  });

  it('waits for a host that is not reached, and is no excuse for one that refuses', () => {
    expect(only(plan(silent(), [asked('away')], 1 * hour))).toMatchObject({ rounds: 0, nextMs: NOW_MS + 2 * hour });
    expect(only(plan(silent(), [asked('refused')], 1 * hour))).toMatchObject({ rounds: 1, nextMs: NOW_MS + 6 * hour });
  });

  it('is not begun by a host that refuses or is away', () => {
    expect(plan([], [asked('away'), asked('refused', { index: 2 }), asked('settled', { index: 3 })], 0, true)).toEqual([]);
  });

  it('that was never sent gets its leaves when it is asked', () => {
    const unsent = plan([], [asked('silent', { leaves: [] })], 0, true);
    expect(unpackQuestions(only(unsent).questions)).toEqual([{ segment: 0, index: 1, leaves: [] }]);
    const sent = plan(unsent, [asked('silent', { leaves: [5] })], 1 * hour);
    expect(unpackQuestions(only(sent).questions)).toEqual([{ segment: 0, index: 1, leaves: [5] }]);
  });

  it('is dropped when the whole file was asked and the host no longer answers for the shard', () => {
    expect(plan(silent(), [], 1 * hour, true)).toEqual([]);
    expect(plan(silent(), [], 1 * hour, false)).toEqual(silent());
  });

  it('leaves the times that were slept through, and does not wait for a clock that was set back', () => {
    // Six days off: asked once now, once an hour later, once more, not three times at once.
    const late = only(plan(silent(), [asked('silent')], 144 * hour));
    expect(late).toMatchObject({ rounds: 1, nextMs: NOW_MS + 145 * hour });
    expect(containmentDelayMs(late.nextMs, NOW_MS - 1000 * hour, times)).toBe(0);
  });

  it('is one of a bounded number', () => {
    const many = Array.from({ length: CONTAINED_QUESTIONS_MAX + 5 }, (_, i) => asked('silent', { segment: i % 4096, index: i >> 12 }));
    expect(openQuestions(plan([], many, 0, true)).size).toBe(CONTAINED_QUESTIONS_MAX);
    const hosts = Array.from({ length: CONTAINED_HOSTS_MAX + 5 }, (_, i) => asked('silent', { host: `host ${i}` }));
    expect(plan([], hosts, 0, true)).toHaveLength(CONTAINED_HOSTS_MAX);
  });
});

describe('what is kept as text', () => {
  it('comes back: questions', () => {
    const question = fc.record({ segment: fc.nat(4095), index: fc.nat(255), leaves: fc.array(fc.nat(5000), { maxLength: 20 }) });
    fc.assert(
      fc.property(fc.array(question, { maxLength: 20 }), (questions) => {
        expect(unpackQuestions(packQuestions(questions))).toEqual(questions);
      }),
      { numRuns: 200, seed: 5 },
    );
    expect(unpackQuestions('nothing of the kind!')).toEqual([]);
  });

  it('comes back: findings, which fit one file only', () => {
    const finding = fc.record({ passed: fc.uniqueArray(fc.nat(23)).map((list) => new Set(list)), isAnswered: fc.boolean() });
    fc.assert(
      fc.property(fc.array(finding, { minLength: 1, maxLength: 20 }), (findings) => {
        const packed = packFindings(findings, 24);
        expect(unpackFindings(packed, findings.length, 24)).toEqual(findings);
        expect(unpackFindings(packed, findings.length + 1, 24)).toBeUndefined();
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});
