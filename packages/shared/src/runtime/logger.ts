// pure: the Logger port. Event names are flat and stable (`kad.lookup.done`); fields are plain JSON values.

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  trace(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

const nothing = (): void => undefined;

/** Drops everything. */
export const NULL_LOGGER: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => NULL_LOGGER,
};
