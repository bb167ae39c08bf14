// driven: the daemon of one home: a participant behind the local API, until it is told to stop.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatChainError, formatAddress, type Logger, systemReason, toHex } from '@batchain/shared';
import { createPinoLogger, createSystemRuntime } from '@batchain/shared/node';
import { LocalApiServer } from './api/local-api-server.ts';
import type { NodeSettings } from './config/node-settings.ts';
import { createParticipant, type ParticipantOptions } from './create-participant.ts';
import type { HomePaths } from './home/home-paths.ts';
import { ensurePrivateDir } from './home/private-files.ts';
import { LOG_BYTES_MAX } from './limits.ts';

export interface DaemonReady {
  readonly nodeId: string;
  /** First advertised address, `host:port`. */
  readonly kad: string;
  readonly bat: string;
  /** Path of the control socket. */
  readonly control: string;
  /** Somebody of the network has answered. False is no failure: joining goes on. */
  readonly joined: boolean;
}

export interface DaemonOptions {
  readonly paths: HomePaths;
  readonly settings: NodeSettings;
  readonly version: string;
  /** Ends the daemon in good order. */
  readonly signal: AbortSignal;
  /** Ports are bound, stores open, and every `join` answered or 8 s passed. */
  readonly onReady: (ready: DaemonReady) => void;
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

function participantOptions({ paths, settings, version }: DaemonOptions, log: Logger): ParticipantOptions {
  const secretFile = settings['network-secret-file'];
  return {
    home: paths,
    version,
    network: settings.network,
    offerBytes: settings.offer,
    kadPort: settings['kad-port'],
    batPort: settings['bat-port'],
    join: settings.join,
    profile: settings.profile,
    relay: settings.relay,
    findsLan: !settings['no-lan-discovery'],
    log,
    ...(settings.name === undefined ? {} : { name: settings.name }),
    ...(settings.host === undefined ? {} : { host: settings.host }),
    ...(settings['keep-free'] === undefined ? {} : { keepFreeBytes: settings['keep-free'] }),
    ...(secretFile === undefined ? {} : { networkSecret: readSecret(secretFile) }),
  };
}

/** Runs until the signal aborts or a client asks it to stop. Rejects with what keeps it from starting. */
export async function runDaemon(options: DaemonOptions): Promise<DaemonEnd> {
  const { paths, settings, signal, onReady } = options;
  const log = openLog(paths, settings['log-level']);
  const runtime = createSystemRuntime({ log });
  const startedMs = runtime.clock.monotonicMs();
  signal.throwIfAborted();
  await using participant = await createParticipant(participantOptions(options, log));
  signal.throwIfAborted();
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener('abort', stop, { once: true });
  const server = new LocalApiServer(runtime.fork('api'), participant, { controlPath: paths.controlPath, onStopRequest: stop });
  await server.start();
  const nodeId = toHex(participant.nodeId);
  try {
    onReady({
      nodeId,
      kad: formatAddress(participant.kadAddress),
      bat: formatAddress(participant.batAddress),
      control: paths.controlPath,
      joined: participant.kad.stats().contacts > 0,
    });
    await stopped;
  } finally {
    await server.stop();
  }
  return { nodeId, uptimeMs: Math.round(runtime.clock.monotonicMs() - startedMs) };
}
