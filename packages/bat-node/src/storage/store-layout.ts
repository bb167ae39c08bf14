// pure: where the store's files lie under HOME/hosted; docs/spec/store.md shows it as a tree.
import { join } from 'node:path';

const BYTE_COUNT = 256;

export class StoreLayout {
  readonly hostedPath: string;
  readonly formatPath: string;
  readonly clockPath: string;
  readonly leavingPath: string;
  readonly partsPath: string;
  readonly journalsPath: string;
  readonly rostersPath: string;

  constructor(hostedPath: string) {
    this.hostedPath = hostedPath;
    this.formatPath = join(hostedPath, 'format');
    this.clockPath = join(hostedPath, 'clock');
    this.leavingPath = join(hostedPath, 'leaving');
    this.partsPath = join(hostedPath, 'tmp');
    this.journalsPath = join(hostedPath, 'files');
    this.rostersPath = join(hostedPath, 'rosters');
  }

  /** The 256 folders by first byte of the shard id, so that none grows large. */
  shardFolders(): string[] {
    return Array.from({ length: BYTE_COUNT }, (_, byte) => this.#folder(byte.toString(16).padStart(2, '0')));
  }

  folders(): string[] {
    return [this.hostedPath, this.partsPath, this.journalsPath, this.rostersPath, ...this.shardFolders()];
  }

  shardFolder(shard: string): string {
    return this.#folder(shard.slice(0, 2));
  }

  shardPath(shard: string): string {
    return join(this.shardFolder(shard), shard);
  }

  partPath(shard: string): string {
    return join(this.partsPath, `${shard}.part`);
  }

  journalPath(file: string): string {
    return join(this.journalsPath, file);
  }

  /** Named by its id too, so that a new roster never lies under the id of the old one. */
  rosterPath(file: string, rosterId: string): string {
    return join(this.rostersPath, `${file}.${rosterId}`);
  }

  #folder(name: string): string {
    return join(this.hostedPath, name);
  }
}

const HEX_ID_PATTERN = /^[0-9a-f]{64}$/;
const PART_PATTERN = /^([0-9a-f]{64})\.part$/;

/** True for the name of a shard or journal file. */
export function isHexId(name: string): boolean {
  return HEX_ID_PATTERN.test(name);
}

/** The shard id (hex) of a part file's name. */
export function shardOfPart(name: string): string | undefined {
  return PART_PATTERN.exec(name)?.[1];
}
