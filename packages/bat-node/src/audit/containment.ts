// pure: questions that a host took and did not answer: kept, asked again later, and given up as lost, never as failed (T1).
import { fromBase64Url, toBase64Url } from '@batchain/shared';
import { CONTAINED_HOSTS_MAX, CONTAINED_QUESTIONS_MAX, type ContainmentTimes } from '../limits.ts';
import type { ContainedHost } from '../storage/owner-store.ts';

/** A challenge for one shard. No leaves: none was sent so far, they are drawn when it is asked. */
export interface Question {
  readonly segment: number;
  readonly index: number;
  readonly leaves: readonly number[];
}

/** How a host met one question. */
export interface AskedQuestion extends Question {
  readonly host: string;
  /**
   * `settled`: it proved the shard, or failed; `silent`: connected, and no valid answer; `refused`: an answer that begins no containment
   * and ends none; `away`: not reached.
   */
  readonly end: 'settled' | 'silent' | 'refused' | 'away';
}

/** Two bytes each: segment, index, count of leaves, leaves. */
export function packQuestions(questions: readonly Question[]): string {
  return toBase64Url(
    Uint8Array.from(
      questions.flatMap(({ segment, index, leaves }) =>
        [segment, index, leaves.length, ...leaves].flatMap((value) => [value >> 8, value & 0xff]),
      ),
    ),
  );
}

export function unpackQuestions(text: string): Question[] {
  const bytes = fromBase64Url(text) ?? new Uint8Array(0);
  const values = Array.from({ length: bytes.length >> 1 }, (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number));
  const questions: Question[] = [];
  for (let at = 0; at + 2 < values.length; ) {
    const [segment = 0, index = 0, count = 0] = values.slice(at, at + 3);
    questions.push({ segment, index, leaves: values.slice(at + 3, at + 3 + count) });
    at += 3 + count;
  }
  return questions;
}

export const placeKey = (host: string, segment: number, index: number): string => `${host}/${segment}/${index}`;

/** All questions that are open, by place. */
export function openQuestions(contained: readonly ContainedHost[]): Map<string, Question> {
  return new Map(
    contained.flatMap((one) =>
      unpackQuestions(one.questions).map((question) => [placeKey(one.host, question.segment, question.index), question] as const),
    ),
  );
}

/** Places whose hosts were asked for the last time in vain. */
export function lostPlaces(contained: readonly ContainedHost[]): Set<string> {
  return new Set(openQuestions(contained.filter(({ isLost }) => isLost)).keys());
}

/** True when the clock is to ask now; also when it was set back since. */
export function isDue({ isLost, nextMs }: ContainedHost, nowMs: number, times: ContainmentTimes): boolean {
  return !isLost && containmentDelayMs(nextMs, nowMs, times) === 0;
}

export function containmentDelayMs(nextMs: number, nowMs: number, { againMs }: ContainmentTimes): number {
  const delayMs = nextMs - nowMs;
  return delayMs > Math.max(...againMs) ? 0 : Math.max(0, delayMs);
}

/**
 * What is open after these answers. A question that is settled goes; one that met silence stays, the same, and when it was its time, the next
 * time is further away, or there is none; a host that was not reached is asked an hour later. `isWhole`: all of the file was asked, so
 * what was not among it is nobody's to answer any more.
 */
export function planContainment(
  before: readonly ContainedHost[],
  asked: readonly AskedQuestion[],
  facts: { readonly nowMs: number; readonly times: ContainmentTimes; readonly isWhole: boolean },
): ContainedHost[] {
  const { nowMs, times, isWhole } = facts;
  const answers = new Map(asked.map((one) => [placeKey(one.host, one.segment, one.index), one]));
  const after = new Map<string, { readonly one: Omit<ContainedHost, 'questions'>; readonly questions: Question[] }>();
  let room = CONTAINED_QUESTIONS_MAX;
  const add = (one: Omit<ContainedHost, 'questions'>, question: Question): void => {
    const key = JSON.stringify([one.host, one.sinceMs, one.nextMs, one.rounds, one.isLost]);
    const group = after.get(key) ?? { one, questions: [] };
    if (room <= 0 || (group.questions.length === 0 && after.size >= CONTAINED_HOSTS_MAX)) return;
    room--;
    group.questions.push({ segment: question.segment, index: question.index, leaves: question.leaves });
    after.set(key, group);
  };
  for (const { questions, ...one } of before) {
    for (const question of unpackQuestions(questions)) {
      const key = placeKey(one.host, question.segment, question.index);
      const answer = answers.get(key);
      answers.delete(key);
      if (answer === undefined) {
        if (!isWhole) add(one, question);
      } else if (answer.end !== 'settled') {
        // What was drawn for the first time is what is asked from now on.
        const same = question.leaves.length > 0 ? question : answer;
        add(isDue({ ...one, questions }, nowMs, times) ? nextRound(one, answer.end === 'away', nowMs, times) : one, same);
      }
    }
  }
  const [firstMs = 0] = times.againMs;
  for (const answer of answers.values()) {
    if (answer.end !== 'silent') continue;
    add({ host: answer.host, sinceMs: nowMs, nextMs: nowMs + firstMs, rounds: 0, isLost: false }, answer);
  }
  return [...after.values()].map(({ one, questions }) => ({ ...one, questions: packQuestions(questions) }));
}

function nextRound(
  one: Omit<ContainedHost, 'questions'>,
  isAway: boolean,
  nowMs: number,
  { againMs }: ContainmentTimes,
): Omit<ContainedHost, 'questions'> {
  if (isAway) return { ...one, nextMs: nowMs + (againMs[0] ?? 0) };
  const rounds = one.rounds + 1;
  const afterMs = againMs[rounds];
  // After an absence or a pause of this machine the times that have passed are not made up for one after the other.
  return afterMs === undefined
    ? { ...one, rounds, isLost: true }
    : { ...one, rounds, nextMs: Math.max(one.sinceMs + afterMs, nowMs + (againMs[0] ?? 0)) };
}
