// driven: public surface of @batchain/participant/client: what speaks to a daemon, without what a daemon is made of.

export * from './api/api-calls.ts';
export * from './api/api-schemas.ts';
export * from './api/local-api-client.ts';
export * from './api/problem.ts';
export * from './api/result-views.ts';
export * from './api/serve-schemas.ts';
export * from './api/values-client.ts';
export * from './api/values-schemas.ts';
export * from './config/config-file.ts';
export * from './config/durations.ts';
export * from './config/node-settings.ts';
export * from './config/resolve-settings.ts';
export * from './config/settings.ts';
export * from './config/sizes.ts';
export * from './home/change-config-file.ts';
export * from './home/home-lock.ts';
export * from './home/home-paths.ts';
export * from './home/identity-file.ts';
export * from './home/init-home.ts';
export * from './home/private-files.ts';
export * from './home/system-surroundings.ts';
export * from './version.ts';
