// driven: moments as people say them.
import { day, hour, minute } from '@batchain/shared';
import { clockText, dayText, isSameDay } from '@batchain/shared/node';

/** `just now`, `2 min ago`, `1 h ago`, `3 d ago`, then the day. */
export function agoText(atMs: number, nowMs: number): string {
  const ageMs = nowMs - atMs;
  if (ageMs < minute) return 'just now';
  if (ageMs < hour) return `${Math.floor(ageMs / minute)} min ago`;
  if (ageMs < day) return `${Math.floor(ageMs / hour)} h ago`;
  return ageMs < 7 * day ? `${Math.floor(ageMs / day)} d ago` : dayText(atMs, nowMs);
}

/** `today 14:02`, `yesterday`, then the day. */
export function dayWord(atMs: number, nowMs: number): string {
  if (isSameDay(atMs, nowMs)) return `today ${clockText(atMs)}`;
  return isSameDay(atMs, nowMs - day) ? 'yesterday' : dayText(atMs, nowMs);
}
