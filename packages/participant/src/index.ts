// driven: public surface of @batchain/participant.
export * from './adapters/home-library.ts';
export * from './api/json-schemas.ts';
export * from './api/local-api-server.ts';
export * from './client.ts';
export * from './create-participant.ts';
export * from './daemon.ts';
export * from './gateway/gateways.ts';
export type { GatewayNode } from './gateway/http-gateway.ts';
export * from './local-node.ts';
export * from './participant.ts';
export * from './participant-config.ts';
export * from './values/values-api.ts';
