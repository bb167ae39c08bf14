// driven: the files of a home without its daemon: what `ls` and `info` show when none runs.
import { FileLibrary, FsOwnerStore, nodeFileSystem } from '@batchain/bat-node';
import { createCrypto } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import type { HomePaths } from '../home/home-paths.ts';

/** Reads only. */
export function openHomeLibrary(paths: HomePaths): FileLibrary {
  const store = new FsOwnerStore(nodeFileSystem, createSystemRuntime().random, { manifests: paths.manifestDir, records: paths.ownedDir });
  return new FileLibrary(store, createCrypto().verifier);
}
