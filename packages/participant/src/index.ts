// driven: public surface of @batchain/participant.
export * from './adapters/home-library.ts';
export * from './adapters/participant-wire.ts';
export * from './api/dht-api.ts';
export * from './api/json-schemas.ts';
export * from './api/local-api-server.ts';
export * from './client.ts';
export * from './create-participant.ts';
export * from './daemon.ts';
export * from './local-node.ts';
export * from './participant.ts';
export * from './participant-config.ts';
export type { ParticipantEventMap } from './participant-events.ts';
export * from './reach/stranger-pace.ts';
export * from './reach/switching-socket.ts';
export * from './values/values-api.ts';
