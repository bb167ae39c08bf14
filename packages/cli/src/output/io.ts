// pure: what the command line needs of its process, so that its parts can be driven without one.
import type { Readable, Writable } from 'node:stream';
import type { StreamFacts } from './style.ts';

export interface CliIo {
  readonly stdout: Writable & StreamFacts;
  readonly stderr: Writable & StreamFacts;
  readonly stdin: Readable & { readonly isTTY: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}
