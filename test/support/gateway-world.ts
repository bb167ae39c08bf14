// driven: the gateway over real sockets; behind it a node whose files and values behave as each story needs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DownloadResult, FileEntry, FileId } from '@batchain/bat-node';
import type { GatewayNode, ValuesApi } from '@batchain/participant';
import { BatChainError, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { HttpGateway } from '../../packages/participant/src/gateway/http-gateway.ts';
import { IncomingFiles } from '../../packages/participant/src/gateway/incoming-files.ts';

const runtime = createSystemRuntime();
const FILE_ID = new Uint8Array(32).fill(7) as FileId;
/** Of the one file that the node has. */
export const ID: string = toHex(FILE_ID);
export const FILE: FileEntry = {
  fileId: FILE_ID,
  name: 'a b.txt',
  bytes: 10,
  policy: { k: 1, n: 2 },
  health: 'good',
  shardsHealthy: 2,
  shardsTotal: 2,
  addedAtMs: 1,
  checkedAtMs: undefined,
  manifestPath: '/manifest/of/a.batchain',
};
export const CONTENT: Uint8Array = Buffer.from('0123456789');
/** What a stream ends with; nobody looks at it here. */
export const DOWNLOADED: DownloadResult = {} as DownloadResult;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Asked {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

export const json = (answer: Answer): any => JSON.parse(answer.text);

export class GatewayWorld {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'batchain-http-'));
  readonly incomingFolder: string = join(this.folder, 'incoming');
  /** What was done to the node. */
  readonly done: string[] = [];
  gateway: HttpGateway = this.make({ host: '127.0.0.1', port: 0, token: undefined });

  make(config: ConstructorParameters<typeof HttpGateway>[2], node: GatewayNode = this.#nodeOf({})): HttpGateway {
    const incoming = new IncomingFiles(runtime, this.incomingFolder, 0);
    return new HttpGateway(runtime, { node, incoming, ownHosts: () => ['127.0.0.1', '192.0.2.2'] }, config);
  }

  /** Closes what was open. `files`: how those of this story differ. */
  async serve(files: Partial<GatewayNode['files']> = {}, config: { readonly host?: string; readonly token?: string } = {}): Promise<void> {
    await this.gateway.stop();
    this.gateway = this.make({ host: config.host ?? '127.0.0.1', port: 0, token: config.token }, this.#nodeOf(files));
    await this.gateway.start();
  }

  #nodeOf(files: Partial<GatewayNode['files']>): GatewayNode {
    const values = new Proxy({} as ValuesApi, {
      get: (_, name) => () => {
        this.done.push(`values.${String(name)}`);
        throw new BatChainError('BAT_E_INTERNAL', { what: 'not for this story' });
      },
    });
    return { files: { ...this.#files(), ...files }, values };
  }

  #files(): GatewayNode['files'] {
    return {
      list: async () => [FILE],
      upload: async (path, options) => {
        this.done.push(`upload ${options?.name} ${readFileSync(path, 'utf8').length}`);
        const placed = { policy: { k: 1, n: 2 }, placed: 2, durationMs: 1, resumedBytes: 0, segments: 1, hosts: [], receipts: 2 };
        return { fileId: FILE_ID, name: options?.name ?? '', bytes: 3, sha256: 'ab'.repeat(32), manifestPath: '/m', ...placed };
      },
      downloadStream: async function* (_ref, options) {
        const { offset = 0, length = 10 } = options ?? {};
        yield CONTENT.subarray(offset, offset + length);
        return DOWNLOADED;
      },
      release: async (ref) => {
        this.done.push(`release ${ref}`);
        return { fileId: FILE_ID, released: 2, unreached: [] };
      },
    };
  }

  ask(method: string, path: string, { headers = {}, body }: Asked = {}): Promise<Answer> {
    const { port } = this.gateway.address;
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text })).on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  async status(method: string, path: string, asked?: Asked): Promise<number> {
    return (await this.ask(method, path, asked)).status;
  }

  /** All that comes back for these bytes until the connection closes. */
  raw(text: string, onSocket: (socket: Socket) => void = () => undefined): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(this.gateway.address.port, '127.0.0.1');
      let answer = '';
      socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
      socket.on('close', () => resolve(answer)).on('error', () => undefined);
      socket.write(text);
      onSocket(socket);
    });
  }

  async close(): Promise<void> {
    await this.gateway.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
