// pure: durations as people write them: `500ms`, `30s`, `1h30m`, `7d`, `90` (seconds); and the way back.
import { day, hour, minute, second } from '@batchain/shared';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: second, m: minute, h: hour, d: day, w: 7 * day };

/** Milliseconds; a bare number counts seconds. Undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const compact = text.trim().toLowerCase();
  if (/^\d{1,10}$/.test(compact)) return Number(compact) * second;
  if (!/^(?:\d{1,10}(?:\.\d{1,3})?(?:ms|s|m|h|d|w)){1,6}$/.test(compact)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of compact.matchAll(/([\d.]+)(ms|s|m|h|d|w)/g)) totalMs += Number(amount) * (UNIT_MS[unit ?? ''] as number);
  return Math.round(totalMs);
}

/** `0.6 s`, `8.6 s`, `20 min`, `4 d 2 h`: at most two parts, enough for a person. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 60 * second) return `${(durationMs / second).toFixed(1)} s`;
  const parts: readonly (readonly [string, number])[] = [
    ['d', day],
    ['h', hour],
    ['min', minute],
    ['s', second],
  ];
  const first = parts.findIndex(([, unitMs]) => durationMs >= unitMs);
  let restMs = durationMs;
  const words: string[] = [];
  for (const [name, unitMs] of parts.slice(first, first + 2)) {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    if (count > 0) words.push(`${count} ${name}`);
  }
  return words.join(' ');
}
