// driven: the composition root of a real participant: files, sockets and clocks of this machine.
import { hostname } from 'node:os';
import {
  DataChannelTransport,
  FsOwnerStore,
  FsShardStore,
  LevelKeyValueStore,
  nodeFileSystem,
  RelayClient,
  RelayService,
  TcpPuncher,
  ThreadStagePool,
  TunnelService,
  WsDialer,
  WsListener,
} from '@batchain/bat-node';
import { DatagramDemux, makeKadConfig, networkKey, SessionRpc, UdpSocket } from '@batchain/kad-node';
import { type Address, createCrypto, type DatagramSocket, type KeyPair, type Logger, present, type Runtime } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { FsKadStateStore } from './adapters/fs-kad-state-store.ts';
import { findGateway } from './adapters/gateway-route.ts';
import { keepResolving, type ResolvedJoins, resolveHostPort, resolveJoins } from './adapters/join-addresses.ts';
import { lanInterfaces } from './adapters/lan-interfaces.ts';
import { ownHosts } from './adapters/own-addresses.ts';
import { ownShardKeeper } from './adapters/own-shards.ts';
import type { ParticipantWire } from './adapters/participant-wire.ts';
import { NODE_SETTINGS, type Profile } from './config/node-settings.ts';
import { acquireHomeLock, type HomeLock } from './home/home-lock.ts';
import { type HomePaths, homePaths } from './home/home-paths.ts';
import { loadIdentityFile } from './home/identity-file.ts';
import { ensureHome } from './home/init-home.ts';
import { ensurePrivateDir, removeLeftovers } from './home/private-files.ts';
import { systemSurroundings } from './home/system-surroundings.ts';
import { Participant, type ParticipantParts } from './participant.ts';
import { StrangerPace } from './reach/stranger-pace.ts';
import { SwitchingSocket } from './reach/switching-socket.ts';
import { ValueFiles } from './values/value-files.ts';
import { VERSION } from './version.ts';

export interface ParticipantOptions {
  /** The home directory, or its paths; the platform's own directories when undefined. It is made when there is none. */
  readonly home?: string | HomePaths;
  readonly name?: string;
  /** Shown in status; that of this package by default. */
  readonly version?: string;
  /** `batchain` by default. */
  readonly network?: string;
  readonly networkSecret?: Uint8Array;
  /** 20 GiB by default; 0 hosts nothing. */
  readonly offerBytes?: number;
  readonly keepFreeBytes?: number;
  /** IP address to bind and to advertise; all interfaces by default. */
  readonly host?: string;
  /** 0 = any. */
  readonly kadPort?: number;
  readonly batPort?: number;
  /** Carries connections of others; false by default. */
  readonly relay?: boolean;
  /** Looks for members on the local network; true by default. */
  readonly findsLan?: boolean;
  /** Kad addresses of members, `host:port`. */
  readonly join?: readonly string[];
  /** Told before the promise resolves. */
  readonly onJoinTried?: (report: JoinReport) => void;
  readonly profile?: Profile;
  /**
   * Comes between the participant and its sockets, for who wants to stand there. What opens sockets beside them (data channels, punched
   * TCP) is left out then.
   */
  readonly wrapWire?: (wire: ParticipantWire) => ParticipantWire;
  /** Drops everything by default. */
  readonly log?: Logger;
  /** Stops the participant when it aborts. */
  readonly signal?: AbortSignal;
}

/** What became of each of the `join` addresses, as they were given. */
export interface JoinReport {
  readonly answered: readonly string[];
  /** Nobody answered within 8 s. */
  readonly silent: readonly string[];
  /** Names that could not be looked up. */
  readonly unresolved: readonly string[];
}

function pathsOf(home: string | HomePaths | undefined): HomePaths {
  return typeof home === 'object' ? home : homePaths(home, systemSurroundings());
}

function makeParts(runtime: Runtime, keyPair: KeyPair, paths: HomePaths, options: ParticipantOptions): ParticipantParts {
  const crypto = createCrypto();
  const { host, networkSecret } = options;
  const name = options.network ?? NODE_SETTINGS.network.default;
  const network = networkSecret === undefined ? { name } : { name, secret: networkSecret };
  const bind = host === undefined ? {} : { host };
  const kadRuntime = runtime.fork('kad');
  const batRuntime = runtime.fork('bat');
  const dialer = new WsDialer(batRuntime, keyPair, { ownHosts });
  const listener = new WsListener(batRuntime, keyPair, { host: host ?? '::', port: options.batPort ?? NODE_SETTINGS['bat-port'].default });
  const own: ParticipantWire = { makeSocket: (port) => new UdpSocket({ ...bind, port }), dialer, listener };
  const wire = options.wrapWire?.(own) ?? own;
  const udp = wire.makeSocket(options.kadPort ?? NODE_SETTINGS['kad-port'].default);
  const switchingSocket = new SwitchingSocket(kadRuntime, udp);
  const openSocket = (): DatagramSocket => wire.makeSocket(0);
  const strangerPace = new StrangerPace(batRuntime);
  const mayApproach = (tunnelTo: string): boolean => strangerPace.takeDatagram(tunnelTo);
  const rpcConfig = { network, ownHosts, strangerBudget: strangerPace };
  const index = new LevelKeyValueStore(paths.indexDir);
  const storeConfig = {
    hostedPath: paths.hostedDir,
    offerBytes: options.offerBytes ?? NODE_SETTINGS.offer.default,
    keepFreeBytes: options.keepFreeBytes,
  };
  return {
    keyPair,
    crypto,
    rpc: new SessionRpc(kadRuntime, new DatagramDemux(kadRuntime, switchingSocket), keyPair, crypto, rpcConfig),
    strangerPace,
    openSocket,
    ...(wire === own ? besideTheWire(batRuntime, keyPair, host) : {}),
    kadStateStore: new FsKadStateStore(paths.kadStateFile, runtime.random),
    dialer: wire.dialer,
    listener: wire.listener,
    switchingSocket,
    relayClient: new RelayClient(batRuntime, { dialer, listener }),
    portMapping: { openSocket: (ownHost) => new UdpSocket({ host: ownHost, port: 0 }), findGateway: () => findGateway(udp.localAddress) },
    tunnels: new TunnelService(batRuntime, { makeSocket: openSocket, ownHosts, publicHost: () => undefined, mayApproach }),
    ...(options.relay === true ? { relay: new RelayService(batRuntime) } : {}),
    ...(options.findsLan === false ? {} : { lanInterfaces }),
    shardStore: new FsShardStore(batRuntime, nodeFileSystem, index, storeConfig),
    ownerStore: new FsOwnerStore(nodeFileSystem, runtime.random, { manifests: paths.manifestDir, records: paths.ownedDir }),
    valueStore: new LevelKeyValueStore(paths.valueTableDir),
    valueFiles: new ValueFiles(paths.valuesDir, runtime.random),
    stagePool: new ThreadStagePool(),
    keepOwnShard: ownShardKeeper(paths.shardsDir, runtime.random),
    ownHosts,
    resolveHost: (hostPort) => resolveHostPort(runtime, hostPort),
    memoryBytes: () => process.memoryUsage.rss(),
  };
}

/** Ways with sockets of their own. */
function besideTheWire(
  runtime: Runtime,
  keyPair: KeyPair,
  host: string | undefined,
): Pick<ParticipantParts, 'dataChannels' | 'tcpPunching'> {
  return {
    dataChannels: new DataChannelTransport(runtime, { ownHosts, ...(host === undefined ? {} : { bindHost: host }) }),
    tcpPunching: new TcpPuncher(runtime, keyPair, { ownHosts }),
  };
}

function openIdentity(paths: HomePaths, runtime: Runtime): KeyPair {
  const known = loadIdentityFile(paths.identityFile);
  if (known !== undefined) return known;
  ensureHome(paths, runtime.entropy);
  return present(loadIdentityFile(paths.identityFile), 'the identity of a home that was made');
}

/** Gives the lock back when the participant has stopped, and stops it when the signal aborts. */
function bindLife(participant: Participant, lock: HomeLock, signal: AbortSignal | undefined): void {
  const stop = (): void => {
    participant.stop().catch(() => undefined);
  };
  signal?.addEventListener('abort', stop, { once: true });
  participant.events.once('stopped', () => {
    signal?.removeEventListener('abort', stop);
    lock.release();
  });
}

/** Resolves as `join` does; names that can not be looked up yet are looked up again while the participant runs. */
async function joinMembers(
  runtime: Runtime,
  participant: Participant,
  joins: readonly string[],
  signal: AbortSignal | undefined,
): Promise<JoinReport> {
  const { byName, unresolved } = await resolveJoins(runtime, joins);
  const resolve = (names: readonly string[]): Promise<ResolvedJoins> => resolveJoins(runtime, names);
  const end = keepResolving(runtime.clock, unresolved, resolve, ({ byName: found }) => participant.join([...found.values()].flat()));
  participant.events.once('stopped', end);
  await participant.join([...byName.values()].flat(), signal);
  const answered: string[] = [];
  for (const [name, addresses] of byName) if (await hasAnswered(runtime, participant, addresses)) answered.push(name);
  return { answered, silent: [...byName.keys()].filter((name) => !answered.includes(name)), unresolved };
}

/** As far as is known now. */
async function hasAnswered({ clock }: Runtime, { kad }: Participant, addresses: readonly Address[]): Promise<boolean> {
  const undecided = clock.sleep(0).then(() => false);
  const answers = await Promise.all(addresses.map((address) => Promise.race([kad.answersAt(address), undecided])));
  return answers.includes(true);
}

/**
 * A started participant: `await using node = await createParticipant({ home })`. Resolves when ports are bound, stores
 * open, and the `join` addresses answered (or 8 s passed). Rejects with BAT_E_HOME_IN_USE when another process has the
 * home, BAT_E_IDENTITY_* when its key can not be used, BAT_E_PORT_IN_USE.
 */
export async function createParticipant(options: ParticipantOptions = {}): Promise<Participant> {
  options.signal?.throwIfAborted();
  const runtime = createSystemRuntime(options.log === undefined ? {} : { log: options.log });
  const paths = pathsOf(options.home);
  ensurePrivateDir(paths.home);
  const lock = acquireHomeLock(paths.lockFile, runtime.entropy);
  let participant: Participant;
  try {
    for (const file of [paths.identityFile, paths.configFile, paths.kadStateFile, paths.httpTokenFile]) removeLeftovers(file);
    const keyPair = openIdentity(paths, runtime);
    for (const folder of [paths.manifestDir, paths.hostedDir, paths.dbDir, paths.indexDir, paths.valueTableDir]) ensurePrivateDir(folder);
    const network = options.network ?? NODE_SETTINGS.network.default;
    const secret = options.networkSecret === undefined ? {} : { secret: options.networkSecret };
    participant = new Participant(runtime, makeParts(runtime, keyPair, paths, options), {
      name: options.name ?? hostname(),
      home: paths.home,
      version: options.version ?? VERSION,
      network,
      networkKey: networkKey({ name: network, ...secret }),
      kad: makeKadConfig({}, options.profile === 'demo' ? 'demo' : 'default'),
      journalFolder: paths.journalDir,
      ...(options.profile === undefined ? {} : { profile: options.profile }),
    });
  } catch (error) {
    lock.release();
    throw error;
  }
  bindLife(participant, lock, options.signal);
  try {
    await participant.start();
    const report = await joinMembers(runtime, participant, options.join ?? [], options.signal);
    options.onJoinTried?.(report);
    options.signal?.throwIfAborted();
  } catch (error) {
    await participant.stop().catch(() => undefined);
    options.signal?.throwIfAborted();
    throw error;
  }
  return participant;
}
