// driven: public surface of @batchain/shared/testing: the simulated adapters, for tests and demos.
export * from './prng.ts';
export * from './sim-clock.ts';
export * from './sim-runtime.ts';
export * from './trace-hash.ts';
