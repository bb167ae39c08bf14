// driven: the way into a simulated laboratory for every command of this computer: node1 behind a control socket of its own.
import { FsOwnerStore, nodeFileSystem, type OwnerStore } from '@batchain/bat-node';
import { LocalApiServer, type Participant } from '@batchain/participant';
import {
  acquireHomeLock,
  ensureHome,
  ensurePrivateDir,
  type HomeLock,
  type HomePaths,
  loadIdentityFile,
} from '@batchain/participant/client';
import { type KeyPair, present, type Runtime } from '@batchain/shared';

export class SimDoor {
  readonly keyPair: KeyPair;
  readonly ownerStore: OwnerStore;
  readonly paths: HomePaths;
  readonly #runtime: Runtime;
  readonly #onStopRequest: () => void;
  #server: LocalApiServer | undefined;
  #lock: HomeLock | undefined;

  /** Makes the home. */
  constructor(runtime: Runtime, paths: HomePaths, onStopRequest: () => void) {
    this.#runtime = runtime;
    this.#onStopRequest = onStopRequest;
    this.paths = paths;
    ensureHome(paths, runtime.entropy);
    for (const folder of [paths.manifestDir, paths.ownedDir, paths.journalDir]) ensurePrivateDir(folder);
    this.keyPair = present(loadIdentityFile(paths.identityFile), 'the identity of a home that was made');
    this.ownerStore = new FsOwnerStore(nodeFileSystem, runtime.random, { manifests: paths.manifestDir, records: paths.ownedDir });
  }

  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  async open(participant: Participant): Promise<void> {
    this.#lock = acquireHomeLock(this.paths.lockFile, this.#runtime.entropy);
    this.#server = new LocalApiServer(this.#runtime, participant, {
      controlPath: this.paths.controlPath,
      onStopRequest: this.#onStopRequest,
    });
    await this.#server.start();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
    this.#lock?.release();
    this.#lock = undefined;
  }
}
