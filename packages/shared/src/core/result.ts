// pure: results as data, for everything a remote side or a disk may refuse.

export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

export interface Fail<R extends string = string> {
  readonly ok: false;
  readonly reason: R;
  readonly detail?: string;
}

export type Result<T, R extends string = string> = Ok<T> | Fail<R>;

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

export function fail<R extends string>(reason: R, detail?: string): Fail<R> {
  return detail === undefined ? { ok: false, reason } : { ok: false, reason, detail };
}
