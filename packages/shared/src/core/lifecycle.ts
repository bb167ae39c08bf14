// pure: the contract of things that start and stop.

/** Both calls are idempotent; `stop` resolves when nothing of it runs any more. */
export interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
}
