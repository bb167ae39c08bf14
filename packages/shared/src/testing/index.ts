// driven: public surface of @batchain/shared/testing: the simulated adapters, for tests and demos.
export * from './link-model.ts';
export * from './nat-model.ts';
export * from './prng.ts';
export * from './sim-clock.ts';
export * from './sim-connection.ts';
export * from './sim-datagram-socket.ts';
export * from './sim-dialer.ts';
export * from './sim-host.ts';
export * from './sim-listener.ts';
export * from './sim-network.ts';
export * from './sim-routing.ts';
export * from './sim-runtime.ts';
export * from './sim-signer.ts';
export * from './trace-hash.ts';
export * from './traffic-count.ts';
