// pure: long answers as they were laid out a moment ago, so that their pages are not laid out again for each request (T7).
import { toHex } from '@batchain/shared';
import { LAID_ANSWER_MS, LAID_ANSWERS_MAX } from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';
import type { AnswerPage } from './answer-pages.ts';

interface LaidAnswer {
  readonly basis: unknown;
  readonly untilMs: number;
  readonly pages: readonly AnswerPage[];
}

export class LaidAnswers {
  readonly #answers = new BoundedMap<string, LaidAnswer>(LAID_ANSWERS_MAX);

  /** The pages laid out for this question not long ago from the same `basis`, which is another object or value after every change. */
  find(question: string, key: Uint8Array, basis: unknown, nowMs: number): readonly AnswerPage[] | undefined {
    const answer = this.#answers.get(question + toHex(key));
    return answer !== undefined && answer.basis === basis && answer.untilMs > nowMs ? answer.pages : undefined;
  }

  keep(question: string, key: Uint8Array, basis: unknown, pages: readonly AnswerPage[], nowMs: number): void {
    this.#answers.set(question + toHex(key), { basis, pages, untilMs: nowMs + LAID_ANSWER_MS });
  }
}
