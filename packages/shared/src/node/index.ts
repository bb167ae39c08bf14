// driven: public surface of @batchain/shared/node: the Runtime of a real process.
export * from './pino-logger.ts';
export * from './system-clock.ts';
export * from './system-random.ts';
export * from './system-runtime.ts';
export * from './time-text.ts';
