// pure: how long a peer may take: until an answer or credit comes (T1), and for moving so many bytes (T14).
import { ANSWER_TIMEOUT_MS, AUDIT_BYTES_PER_SECOND, SLOW_WINDOW_MS, TRANSFER_BYTES_PER_SECOND_MIN } from '../limits.ts';

/** What must move within SLOW_WINDOW_MS. */
export const SLOW_WINDOW_BYTES: number = (TRANSFER_BYTES_PER_SECOND_MIN * SLOW_WINDOW_MS) / 1000;

/** Until a peer answers that has to work on so many bytes, or that they must reach first: max(5 s, 4 x RTT + bytes at 128 KiB/s), T1. */
export function answerDeadlineMs(bytes: number, rttMs: number | undefined): number {
  return Math.max(ANSWER_TIMEOUT_MS, 4 * (rttMs ?? 0) + (bytes * 1000) / AUDIT_BYTES_PER_SECOND);
}

/** For so many bytes at the slowest pace that is borne, and one window more: 30 s + bytes at 4 KiB/s, T14. */
export function paceDeadlineMs(bytes: number): number {
  return SLOW_WINDOW_MS + (bytes * 1000) / TRANSFER_BYTES_PER_SECOND_MIN;
}
