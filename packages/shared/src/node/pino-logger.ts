// driven: the Logger port over pino: one JSON line per event, secrets taken out.
import { renameSync, statSync } from 'node:fs';
import { type DestinationStream, destination, type Logger as Pino, pino, stdTimeFunctions } from 'pino';
import { toHex } from '../core/bytes.ts';
import type { LogFields, Logger } from '../runtime/logger.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface PinoLoggerOptions {
  /** Lowest level that is written; `info` by default. */
  readonly level?: LogLevel;
  /** A file to append to, made with mode 0600; standard error by default. */
  readonly file?: string;
  /** The file is renamed to `FILE.1`, in the place of the one before, when it would grow beyond this; unbounded by default. */
  readonly fileBytesMax?: number;
  /** Takes whole lines; for tests and for an embedding program. Goes before `file`. */
  readonly stream?: DestinationStream;
}

/** Fields that never reach a log, by name, whoever logs them. Public keys and ids have names of their own. */
const SECRET_FIELDS = [
  'key',
  'keys',
  'privateKey',
  'secretKey',
  'signingKey',
  'seed',
  'secret',
  'secrets',
  'networkSecret',
  'networkKey',
  'sharedSecret',
  'fileKey',
  'segmentKey',
  'salt',
  'salts',
  'access',
  'accessKey',
  'token',
  'tokens',
  'cookie',
  'authorization',
  'invite',
  'invites',
  'password',
  'passphrase',
  'mnemonic',
  'recoveryPhrase',
] as const;
/** Levels of nesting in which the names are looked for; fields are flat or nearly so. */
const SECRET_DEPTH_MAX = 3;
const SECRET_PATHS = Array.from({ length: SECRET_DEPTH_MAX }, (_, depth) => SECRET_FIELDS.map((name) => '*.'.repeat(depth) + name)).flat();
const CENSOR = '[redacted]';
/** Codes that let their holder in, wherever in a line they stand. */
const SECRET_CODES = /\bbat-(invite|reply):[\w:-]+/g;

/** Bytes are named by their start: enough to tell ids apart, too little to be a key. */
function plainField(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.length <= 4 ? toHex(value) : `${toHex(value.subarray(0, 4))}.. (${value.length} bytes)`;
  if (value instanceof Error) return { name: value.name, message: value.message, ...('code' in value ? { code: value.code } : {}) };
  return value;
}

function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainField(value)]));
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(instance: Pino) {
    this.#pino = instance;
  }

  trace(event: string, fields: LogFields = {}): void {
    this.#pino.trace(fields, event);
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, event);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(fields, event);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, event);
  }

  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(fields, event);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(plainFields(fields)));
  }
}

function openStandardError(): DestinationStream {
  const stream = destination({ dest: 2, sync: true });
  stream.on('error', () => undefined);
  return stream;
}

/** A file that ends at `bytesMax` and begins anew: what strangers cause to be logged must not fill the disk. */
function openFile(file: string, bytesMax: number): DestinationStream {
  const stream = destination({ dest: file, append: true, mkdir: true, mode: 0o600, sync: true });
  // A full disk costs log lines, never the process.
  stream.on('error', () => undefined);
  let bytes = statSync(file).size;
  return {
    write(line) {
      const lineBytes = Buffer.byteLength(line);
      if (bytes > 0 && bytes + lineBytes > bytesMax) {
        try {
          renameSync(file, `${file}.1`);
          stream.reopen();
          bytes = 0;
        } catch {
          // Nowhere to begin anew: the line is lost, not the bound.
          return;
        }
      }
      bytes += lineBytes;
      stream.write(line);
    },
  };
}

function openDestination({ file, fileBytesMax }: PinoLoggerOptions): DestinationStream {
  return file === undefined ? openStandardError() : openFile(file, fileBytesMax ?? Number.POSITIVE_INFINITY);
}

/** A logger that writes `{"level","time","event",...fields}` per line. Throws what opening the file throws. */
export function createPinoLogger(options: PinoLoggerOptions = {}): Logger {
  const instance = pino(
    {
      level: options.level ?? 'info',
      messageKey: 'event',
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: SECRET_PATHS, censor: CENSOR },
      formatters: { level: (label) => ({ level: label }), log: plainFields },
      hooks: { streamWrite: (line) => line.replace(SECRET_CODES, `bat-$1:${CENSOR}`) },
    },
    options.stream ?? openDestination(options),
  );
  return new PinoLogger(instance);
}
