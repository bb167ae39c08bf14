import { describe, expect, it } from 'vitest';
import { clockText, dayText, isoTime, isSameDay, parseIsoTime } from './time-text.ts';

describe('time as text', () => {
  const noon = new Date(2026, 10, 21, 12).getTime();

  it('gives UTC to programs', () => {
    expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(parseIsoTime(isoTime(noon + 7))).toBe(noon + 7);
    expect(parseIsoTime('tomorrow')).toBeNaN();
  });

  it('names the day, and the year only when it is another one', () => {
    expect(dayText(noon, noon)).toBe('21 Nov');
    expect(dayText(new Date(2025, 9, 3, 12).getTime(), noon)).toBe('3 Oct 2025');
  });

  it('tells the time of day', () => {
    expect(clockText(new Date(2026, 10, 21, 9, 5).getTime())).toBe('09:05');
  });

  it('knows the same day from the one before', () => {
    expect(isSameDay(noon, noon + 3_600_000)).toBe(true);
    expect(isSameDay(noon, noon - 86_400_000)).toBe(false);
  });
});
