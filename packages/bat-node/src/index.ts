// pure: public surface of @batchain/bat-node.
export * from './bat-node-api.ts';
export * from './connection/ws-transport.ts';
export * from './flow/flow-types.ts';
export * from './ids.ts';
export * from './ports.ts';
