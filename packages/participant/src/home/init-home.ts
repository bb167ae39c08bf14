// driven: makes a home: its directories, its identity, its config file.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { BatChainError, type KeyPair, type Random, systemReason, utf8Bytes } from '@batchain/shared';
import { type ConfigValues, formatConfig } from '../config/config-file.ts';
import { changeConfigFile } from './change-config-file.ts';
import type { HomePaths } from './home-paths.ts';
import { createIdentityFile, loadIdentityFile } from './identity-file.ts';
import { createFile, ensurePrivateDir } from './private-files.ts';

/** Creates the home; in a config file that is there already only the given settings change. Throws BAT_E_HOME_EXISTS when it has an identity already, BAT_E_HOME_UNUSABLE. */
export function initHome(paths: HomePaths, settings: ConfigValues, entropy: Random): KeyPair {
  // Its permissions would be narrowed to us, and the whole machine with it.
  if (dirname(paths.home) === paths.home) {
    throw new BatChainError('BAT_E_HOME_UNUSABLE', {
      what: `${paths.home} can not be a home`,
      why: 'it is the root of the file system',
      fix: 'choose a folder of your own: batchain init --home ./batchain',
    });
  }
  try {
    ensurePrivateDir(paths.home);
    // A folder that is there may hold other things: the file is private by itself.
    if (!existsSync(dirname(paths.configFile))) ensurePrivateDir(dirname(paths.configFile));
    if (loadIdentityFile(paths.identityFile) !== undefined) {
      throw new BatChainError('BAT_E_HOME_EXISTS', { what: `${paths.home} is set up already` });
    }
    const isNew = createFile(paths.configFile, utf8Bytes(formatConfig(settings)), entropy);
    if (!isNew && Object.keys(settings).length > 0) changeConfigFile(paths.configFile, settings, entropy);
    return createIdentityFile(paths.identityFile, entropy);
  } catch (error) {
    if (error instanceof BatChainError) throw error;
    throw new BatChainError('BAT_E_HOME_UNUSABLE', {
      what: `${paths.home} can not be set up`,
      why: systemReason(error),
      cause: error,
    });
  }
}

/** Makes the home unless it has an identity; false when it has, be it since a moment ago. Throws BAT_E_HOME_UNUSABLE. */
export function ensureHome(paths: HomePaths, entropy: Random): boolean {
  try {
    initHome(paths, {}, entropy);
    return true;
  } catch (error) {
    if (error instanceof BatChainError && error.code === 'BAT_E_HOME_EXISTS') return false;
    throw error;
  }
}
