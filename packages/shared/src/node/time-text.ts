// driven: wall-clock moments as text for people and JSON; the calendar lives here because `Date` is banned elsewhere.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** ISO 8601 in UTC: `2026-11-21T03:12:00.000Z`. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** `21 Nov`, with the year when it is not the one of `nowMs`; in the time zone of this machine. */
export function dayText(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const day = `${at.getDate()} ${MONTHS[at.getMonth()]}`;
  return at.getFullYear() === new Date(nowMs).getFullYear() ? day : `${day} ${at.getFullYear()}`;
}

/** `14:02`, in the time zone of this machine. */
export function clockText(atMs: number): string {
  const at = new Date(atMs);
  return [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** True when both lie on the same day of this machine's time zone. */
export function isSameDay(aMs: number, bMs: number): boolean {
  return new Date(aMs).toDateString() === new Date(bMs).toDateString();
}

/** Milliseconds of an ISO 8601 moment; NaN when it is none. */
export function parseIsoTime(text: string): number {
  return Date.parse(text);
}
