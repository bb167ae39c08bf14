// pure: the ManifestStore port: the manifests in an owner's home, and the names of their files.
import { NAME_BYTES_MAX, shortened } from './file-names.ts';

export interface StoredManifest {
  /** Without `.batchain`. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** Wall clock. */
  readonly modifiedMs: number;
}

/** Durable when a write resolves; no file is ever overwritten but by `replace`. */
export interface ManifestStore {
  /** Writes `NAME.batchain`, or `NAME-2.batchain` and so on where names are taken; the path. */
  save(name: string, bytes: Uint8Array): Promise<string>;
  /** Writes a newer manifest in the place of one that `save` gave the path of (its hints changed). */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** In order of their names. */
  list(): Promise<readonly StoredManifest[]>;
  /** At most 16 MiB. Throws BAT_E_REF_NOT_FOUND, BAT_E_MANIFEST_MALFORMED. */
  read(path: string): Promise<Uint8Array>;
  /** No error when it is gone already. */
  remove(path: string): Promise<void>;
}

export const MANIFEST_SUFFIX = '.batchain';
/** Separators, control and direction characters, and what some systems refuse in names. */
const UNFIT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069/\\:*?"<>|]/gu;
/** Devices of Windows, with or without an extension. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d) *(?:\.|$)/i;

/**
 * The file name for the manifest of a file with this name: one component that fits every system, whatever the name holds
 * (T12). `copy` 1 is the plain one.
 */
export function manifestFileName(name: string, copy: number): string {
  const end = copy === 1 ? MANIFEST_SUFFIX : `-${copy}${MANIFEST_SUFFIX}`;
  const fit = name.normalize('NFC').replace(UNFIT, '_').replace(/^\.+/, '_');
  const safe = fit === '' || DEVICE.test(fit) ? `_${fit}` : fit;
  return `${shortened(safe, NAME_BYTES_MAX - end.length)}${end}`;
}
