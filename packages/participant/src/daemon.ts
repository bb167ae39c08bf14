// driven: the daemon of one home: a participant behind the local API, until it is told to stop.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatChainError, formatAddress, type Logger, type Runtime, systemReason, toHex } from '@batchain/shared';
import { createPinoLogger, createSystemRuntime } from '@batchain/shared/node';
import { ownHosts } from './adapters/own-addresses.ts';
import type { OthersJoin } from './api/api-schemas.ts';
import { LocalApiServer } from './api/local-api-server.ts';
import type { ServeReady } from './api/serve-schemas.ts';
import type { NodeSettings } from './config/node-settings.ts';
import { createParticipant, type JoinReport, type ParticipantOptions } from './create-participant.ts';
import { Gateways } from './gateway/gateways.ts';
import type { HomePaths } from './home/home-paths.ts';
import { ensurePrivateDir } from './home/private-files.ts';
import { LOG_BYTES_MAX } from './limits.ts';
import type { Participant } from './participant.ts';

export interface DaemonReady {
  readonly nodeId: string;
  /** First advertised address, `host:port`. */
  readonly kad: string;
  readonly bat: string;
  /** Path of the control socket. */
  readonly control: string;
  /** Somebody of the network has answered. False is no failure: joining goes on. */
  readonly joined: boolean;
  /** How many members were met before and have not answered since the start. */
  readonly remembered: number;
  /** What became of the `join` addresses. */
  readonly join: JoinReport;
  readonly others: OthersJoin;
  /** Storage over HTTP, where `http-port` asks for it. */
  readonly http?: ServeReady;
}

export interface DaemonOptions {
  readonly paths: HomePaths;
  readonly settings: NodeSettings;
  readonly version: string;
  /** Ends the daemon in good order. */
  readonly signal: AbortSignal;
  /** See `ParticipantOptions`. */
  readonly wrapWire?: ParticipantOptions['wrapWire'];
  /** Ports are bound, stores open, and every `join` answered or 8 s passed. */
  readonly onReady: (ready: DaemonReady) => void;
  /** After `onReady`: members that are remembered were asked too, within 8 s. */
  readonly onSettled?: (ready: DaemonReady) => void;
}

export interface DaemonEnd {
  readonly nodeId: string;
  readonly uptimeMs: number;
}

function openLog(paths: HomePaths, level: NodeSettings['log-level']): Logger {
  ensurePrivateDir(paths.logDir);
  return createPinoLogger({ file: join(paths.logDir, 'batchain.log'), fileBytesMax: LOG_BYTES_MAX, level });
}

/** The bytes of the secret file without the line end that editors add. */
function readSecret(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new BatChainError('BAT_E_CONFIG', {
      what: `the network secret ${path} can not be read`,
      why: systemReason(error),
      fix: `ls -l ${path}`,
      cause: error,
    });
  }
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/\r?\n$/, '');
  if (text === '')
    throw new BatChainError('BAT_E_CONFIG', {
      what: `the network secret ${path} is empty`,
      why: 'the file has no bytes besides a line end',
      fix: 'write the secret of the network into it: all members have the same',
    });
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function participantOptions(
  { paths, settings, version, wrapWire }: DaemonOptions,
  log: Logger,
  onJoinTried: (report: JoinReport) => void,
): ParticipantOptions {
  const secretFile = settings['network-secret-file'];
  return {
    home: paths,
    version,
    network: settings.network,
    offerBytes: settings.offer,
    kadPort: settings['kad-port'],
    batPort: settings['bat-port'],
    join: settings.join,
    onJoinTried,
    profile: settings.profile,
    relay: settings.relay,
    findsLan: !settings['no-lan-discovery'],
    log,
    ...(wrapWire === undefined ? {} : { wrapWire }),
    ...(settings.name === undefined ? {} : { name: settings.name }),
    ...(settings.host === undefined ? {} : { host: settings.host }),
    ...(settings['keep-free'] === undefined ? {} : { keepFreeBytes: settings['keep-free'] }),
    ...(secretFile === undefined ? {} : { networkSecret: readSecret(secretFile) }),
  };
}

/** Storage over HTTP, when it is asked for. */
async function openHttp(gateways: Gateways, settings: NodeSettings): Promise<ServeReady | undefined> {
  const port = settings['http-port'];
  if (port === undefined) return undefined;
  const tokenFile = settings['http-token-file'];
  const served = await gateways.open({ host: settings['http-host'], port, ...(tokenFile === undefined ? {} : { tokenFile }) });
  return served.ready;
}

function makeGateways(runtime: Runtime, participant: Participant, { paths, settings }: DaemonOptions): Gateways {
  const { incomingDir, httpTokenFile: tokenFile } = paths;
  return new Gateways(runtime, participant, { incomingDir, tokenFile, keepFreeBytes: settings['keep-free'], ownHosts });
}

type ReadyFacts = Pick<DaemonReady, 'join'> & { readonly http: ServeReady | undefined };

function readyOf(participant: Participant, { controlPath }: HomePaths, { join, http }: ReadyFacts): DaemonReady {
  return {
    nodeId: toHex(participant.nodeId),
    kad: formatAddress(participant.kadAddress),
    bat: formatAddress(participant.batAddress),
    control: controlPath,
    joined: participant.kad.stats().contacts > 0,
    remembered: participant.rememberedCount,
    join,
    others: participant.others,
    ...(http === undefined ? {} : { http }),
  };
}

/** Runs until the signal aborts or a client asks it to stop. Rejects with what keeps it from starting. */
export async function runDaemon(options: DaemonOptions): Promise<DaemonEnd> {
  const { paths, settings, signal, onReady, onSettled } = options;
  const log = openLog(paths, settings['log-level']);
  const runtime = createSystemRuntime({ log });
  const startedMs = runtime.clock.monotonicMs();
  signal.throwIfAborted();
  let join: JoinReport = { answered: [], silent: [], unresolved: [] };
  const keepReport = (report: JoinReport): void => {
    join = report;
  };
  await using participant = await createParticipant(participantOptions(options, log, keepReport));
  signal.throwIfAborted();
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  const stopped = once(ending.signal, 'abort');
  signal.addEventListener('abort', stop, { once: true });
  const gateways = makeGateways(runtime.fork('http'), participant, options);
  const { controlPath } = paths;
  const server = new LocalApiServer(runtime.fork('api'), participant, {
    controlPath,
    onStopRequest: stop,
    serveHttp: (body) => gateways.open(body),
  });
  const nodeId = toHex(participant.nodeId);
  try {
    const http = await openHttp(gateways, settings);
    await server.start();
    const ready = readyOf(participant, paths, { join, http });
    onReady(ready);
    if (ready.remembered > 0 && settings.join.length === 0) await participant.untilJoined(ending.signal);
    if (!ending.signal.aborted) onSettled?.(readyOf(participant, paths, { join, http }));
    await stopped;
  } finally {
    await Promise.all([gateways.stop(), server.stop()]);
  }
  return { nodeId, uptimeMs: Math.round(runtime.clock.monotonicMs() - startedMs) };
}
