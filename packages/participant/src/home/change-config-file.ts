// driven: changes settings in config.toml, in one step.
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Random, utf8Bytes } from '@batchain/shared';
import { type ConfigValues, changedConfig } from '../config/config-file.ts';
import { ensurePrivateDir, replaceFile } from './private-files.ts';

/** Leaves all else in the file as it stands, comments too; makes it when there is none. Throws BAT_E_CONFIG. */
export function changeConfigFile(path: string, changes: ConfigValues, entropy: Random): void {
  const { text, isNew } = changedConfig(path, changes);
  if (isNew) ensurePrivateDir(dirname(path));
  // A link, to a folder of settings under version control perhaps, stays one.
  replaceFile(isNew ? path : realpathSync(path), utf8Bytes(text), entropy);
}
